package link_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"umbra/core/link/linktest"
)

// nodeDirEnv makes this test program a node on a directory, until it is killed.
const nodeDirEnv = "UMBRA_TEST_NODE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(nodeDirEnv); dir != "" {
		runNode(dir)
	}
	// What the loops' library starts once per process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"),
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*goWorker).run.func1"))
}

// runNode is what the child process does: copy until SIGKILL.
func runNode(dir string) {
	testing.Init()
	testing.Benchmark(func(b *testing.B) {
		nodeSetup{dir: dir}.start(b)
		fmt.Println("running")
		select {}
	})
}

// TestRestartsUnderLoad: a node that is stopped and started at random moments,
// while the source takes records, moves leaders and trims, holds an exact prefix
// each time.
func TestRestartsUnderLoad(t *testing.T) {
	restarts := 50
	if testing.Short() {
		restarts = 5
	}
	s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{})
	s.src.CreateTopic("orders", 4)
	s.link("orders")
	stop := s.load("orders", 4)
	defer stop()
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range restarts {
		at := s.part("orders", round%4).LogEnd + int64(1+rng.IntN(40))
		s.eventually("copying goes on", func() bool { return s.part("orders", round%4).LogEnd >= at })
		s.disturb(rng)
		s.restart()
		s.eventually("the logs are open", func() bool { return s.part("orders", 3).LogEnd >= 0 })
		s.prefix("orders", 4)
	}
	stop()
	s.same("orders", 4)
	if n := len(s.cuts("orders")); n != 0 {
		t.Errorf("%d cuts", n)
	}
}

// disturb does something to the source that a copy outlives without a loss.
func (s *story) disturb(rng *rand.Rand) {
	i := rng.IntN(4)
	switch rng.IntN(4) {
	case 0:
		s.src.MoveLeader("orders", i, int32(1+rng.IntN(2)))
	case 1:
		s.src.Reset(int32(1 + rng.IntN(2)))
	case 2:
		s.src.Trim("orders", i, min(s.part("orders", i).LogEnd, s.src.Partition("orders", i).End)-int64(rng.IntN(5)))
	case 3:
		s.src.EvictSessions(int32(1 + rng.IntN(2)))
	}
}

// TestKilledUnderLoad: the same with SIGKILL, to a process of its own.
func TestKilledUnderLoad(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 5
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{})
	s.src.CreateTopic("orders", 4)
	s.link("orders")
	s.same("orders", 4)
	stop := s.load("orders", 4)
	defer stop()
	rng := rand.New(rand.NewPCG(3, 4))
	s.n.stop(t)
	for round := range kills {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), nodeDirEnv+"="+s.setup.dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		asked := s.src.Fetched("orders")
		eventually(s.t, "the child copies", func() bool { return s.src.Fetched("orders") > asked+20+rng.IntN(200) })
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if round%10 != 9 {
			continue
		}
		s.n = s.setup.start(t)
		s.eventually("the logs are open", func() bool { return s.part("orders", 3).LogEnd >= 0 })
		s.prefix("orders", 4)
		s.disturb(rng)
		s.n.stop(t)
	}
	s.n = s.setup.start(t)
	stop()
	s.same("orders", 4)
	if n := len(s.gaps("orders")) + len(s.cuts("orders")); n != 0 {
		t.Errorf("%d gaps and cuts", n)
	}
}
