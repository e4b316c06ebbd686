package metadata

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"umbra/core/link/spec"
)

const crashDirEnv = "UMBRA_TEST_CRASH_DIR"

// TestCrashChild is the process that TestKilledBetweenTransactions kills. It
// does one change after the other and says so when each has returned.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashDirEnv)
	if dir == "" {
		t.Skip("runs only as the child of TestKilledBetweenTransactions")
	}
	ctx := t.Context()
	s := open(t, Options{Dir: dir})
	if s.Snapshot().Links["dr"] == nil {
		must(s.CreateLink(ctx, definition("dr", "shadow*")))(t)
	}
	for i := len(s.Snapshot().Topics); ; i++ {
		topic := must(s.CreateShadowTopic(ctx, NewShadow{Name: fmt.Sprint("shadow-", i), Link: "dr", Partitions: 1}))(t)
		fmt.Println("CHILD created", topic.Name, topic.ID)
		block := must(s.AllocateProducerIDs(ctx, 3))(t)
		fmt.Println("CHILD allocated", block.First)
		must(s.UpdateShadow(ctx, topic.ID, 1, func(t *Topic) error {
			t.Shadow.State, t.Shadow.Term = spec.FailingOver, 2
			t.Shadow.Failover = &spec.FailoverProgress{Step: spec.FailoverDecided}
			return nil
		}))(t)
		fmt.Println("CHILD decided", topic.Name)
	}
}

// Whatever a call returned for is there after SIGKILL, and what was under way
// is there as a whole or not at all.
func TestKilledBetweenTransactions(t *testing.T) {
	dir := filepath.Join(tempDir(t), "md")
	created, decided, idMax := map[string]string{}, map[string]bool{}, int64(-1)
	for round := range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$", "-test.v")
		cmd.Env = append(os.Environ(), crashDirEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stopAfter := 10 + 7*round
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			f := strings.Fields(lines.Text())
			if len(f) < 3 || f[0] != "CHILD" {
				continue
			}
			switch f[1] {
			case "created":
				created[f[2]] = f[3]
			case "decided":
				decided[f[2]] = true
			case "allocated":
				var first int64
				fmt.Sscan(f[2], &first)
				if first <= idMax {
					t.Errorf("round %d: block %d after id %d", round, first, idMax)
				}
				idMax = first + 2
			}
			if stopAfter--; stopAfter == 0 {
				cmd.Process.Kill()
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		if stopAfter > 0 {
			t.Fatalf("round %d: the child failed early", round)
		}
		s := open(t, Options{Dir: dir})
		snap := s.Snapshot()
		for name, id := range created {
			topic := snap.Topics[name]
			if topic == nil || topic.ID.String() != id || snap.folded[fold(name)] != name {
				t.Errorf("round %d: topic %q is lost or damaged: %+v", round, name, topic)
			} else if decided[name] && (topic.Shadow.State != spec.FailingOver || topic.Term() != 2) {
				t.Errorf("round %d: decision for %q is lost: %+v", round, name, topic.Shadow)
			}
		}
		if len(snap.folded) != len(snap.Topics) {
			t.Errorf("round %d: %d names for %d topics", round, len(snap.folded), len(snap.Topics))
		}
		s.Close()
	}
}
