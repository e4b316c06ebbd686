package link_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"umbra/core/link/linktest"
	"umbra/core/link/spec"
)

// nemesisEnv is how many seeds TestNemesis runs, from 1 on; default 6.
const nemesisEnv = "UMBRA_TEST_SEEDS"

// TestNemesis lets everything happen that a source may do to a link and that it
// outlives by itself, in an order that a seed decides, under load. In the end the
// source is left alone, and the copy must be what the source is: every byte, the
// log start, each hole that the source does not have in the ledger.
func TestNemesis(t *testing.T) {
	seeds := 6
	if n, err := strconv.Atoi(os.Getenv(nemesisEnv)); err == nil {
		seeds = n
	}
	for seed := range seeds {
		release := linktest.Releases()[seed%4]
		t.Run(fmt.Sprintf("seed=%d/%s", seed+1, release.Name), func(t *testing.T) { nemesis(t, uint64(seed+1), release) })
	}
}

const nemesisSteps = 60

func nemesis(t *testing.T, seed uint64, release linktest.Release) {
	rng := rand.New(rand.NewPCG(seed, 42))
	s := newStory(t, linktest.Config{Brokers: 3, Release: release, NoSessions: rng.IntN(5) == 0}, nodeSetup{})
	n := &nemesisState{story: s, rng: rng, partitions: 4, down: map[int32]bool{}, wrong: map[int]*wrongAnswer{}}
	s.src.CreateTopic("orders", n.partitions)
	s.fill("orders", n.partitions, 5)
	s.link("orders", func(d *spec.Definition) { d.Options.FetchMaxBytes, d.Options.PartitionMaxBytes = 64<<10, 8<<10 })
	for step := range nemesisSteps {
		what := n.strike()
		for range rng.IntN(8) {
			s.src.AppendMany("orders", rng.IntN(n.partitions), 1+rng.IntN(4), linktest.Batch{Records: 1 + rng.IntN(6), Size: rng.IntN(2000), Gap: int64(rng.IntN(3)) * int64(rng.IntN(9))})
		}
		if rng.IntN(3) == 0 { // let the link get somewhere, or not
			i := rng.IntN(n.partitions)
			s.eventuallyOrGiveUp(func() bool { return s.part("orders", i).LogEnd >= s.src.Partition("orders", i).High })
		}
		n.lookForWrong()
		if state, code := s.state("orders"); state == spec.Faulted {
			t.Fatalf("step %d (%s) stopped the topic: %s\n%s", step, what, code, s.picture())
		}
	}
	n.heal()
	s.fill("orders", n.partitions, 1)
	s.same("orders", n.partitions)
	for _, g := range s.gaps("orders") {
		if g.To <= g.From || g.Why != spec.SourceRetentionGap {
			t.Errorf("gap %+v", g)
		}
	}
}

type nemesisState struct {
	*story
	rng        *rand.Rand
	partitions int
	down       map[int32]bool
	paused     bool
	hung       int32
	wrong      map[int]*wrongAnswer // by partition
}

// alive is a broker that is up.
func (n *nemesisState) alive() int32 {
	for {
		if b := int32(1 + n.rng.IntN(3)); !n.down[b] && b != n.hung {
			return b
		}
	}
}

// strike does one thing and says what.
func (n *nemesisState) strike() string {
	i := n.rng.IntN(n.partitions)
	v := n.src.Partition("orders", i)
	switch n.rng.IntN(13) {
	case 0:
		n.src.MoveLeader("orders", i, n.alive())
		return "leader moved"
	case 1:
		b := n.alive()
		n.src.Reset(b)
		return "connections reset"
	case 2:
		n.src.EvictSessions(n.alive())
		return "sessions evicted"
	case 3:
		n.src.Trim("orders", i, min(v.End, v.Start+int64(n.rng.IntN(40))))
		return "trimmed"
	case 4:
		if v.End-v.Start > 3 {
			n.src.Unclean("orders", i, v.Start+1+int64(n.rng.IntN(int(v.End-v.Start-1))), n.alive())
		}
		return "unclean election"
	case 5:
		if len(n.down)+1 < 3 && n.hung == 0 {
			b := n.alive()
			n.down[b] = true
			n.src.Kill(b)
			n.electAwayFrom(b)
		}
		return "broker killed"
	case 6:
		n.revive()
		return "broker revived"
	case 7:
		if n.partitions < 10 {
			n.partitions++
			n.src.AddPartitions("orders", n.partitions)
		}
		return "partition added"
	case 8:
		n.pause(!n.paused)
		return "paused or resumed"
	case 9:
		n.restart()
		return "restarted"
	case 10:
		if n.hung == 0 && len(n.down) == 0 {
			n.hung = n.alive()
			n.src.Hang(n.hung, true)
			n.electAwayFrom(n.hung)
		} else if n.hung != 0 {
			n.src.Hang(n.hung, false)
			n.hung = 0
		}
		return "hung, or not any more"
	case 11:
		n.src.SetHigh("orders", i, v.End-int64(n.rng.IntN(3)))
		return "high watermark lags"
	}
	n.spoilOnce(i)
	return "one wrong answer"
}

// wrongAnswer is the last one about a partition. Two of them with nothing appended in
// between stop the partition, and rightly so.
type wrongAnswer struct {
	given   atomic.Bool // by the source, on a connection that may be dead by then
	batches int64       // that the link had appended when it was seen that it is given; notSeen before
}

const notSeen = -1

// spoilOnce has the next answer about a partition be wrong, unless the last wrong one
// may still count. The source cannot tell: right answers get lost on the way, and what
// hung answers old questions. The link can, by what it has appended since.
func (n *nemesisState) spoilOnce(i int) {
	if last := n.wrong[i]; last != nil && (last.batches == notSeen || last.batches == n.appended(i)) {
		return
	}
	w := &wrongAnswer{batches: notSeen}
	n.wrong[i] = w
	n.src.Spoil("orders", i, func(b []byte) []byte {
		if w.given.CompareAndSwap(false, true) {
			b[len(b)-1] ^= 4
		}
		return b
	})
}

// lookForWrong notes which wrong answers were given since the last look.
func (n *nemesisState) lookForWrong() {
	for i, w := range n.wrong {
		if w.batches == notSeen && w.given.Load() {
			w.batches = n.appended(i)
		}
	}
}

// appended counts a partition's batches since the node began to run.
func (n *nemesisState) appended(i int) int64 { return n.status().Topics[0].Partitions[i].Batches }

func (n *nemesisState) electAwayFrom(b int32) {
	for i := range n.partitions {
		if n.src.Partition("orders", i).Leader == b {
			n.src.MoveLeader("orders", i, n.alive())
		}
	}
}

func (n *nemesisState) revive() {
	for b := range n.down {
		if err := n.src.Restart(b); err != nil {
			n.t.Fatal(err)
		}
		delete(n.down, b)
	}
}

func (n *nemesisState) pause(on bool) {
	act := n.n.manager.Resume
	if on {
		act = n.n.manager.Pause
	}
	if err := act(context.Background(), "dr"); err != nil {
		n.t.Fatal(err)
	}
	n.paused = on
}

func (n *nemesisState) heal() {
	n.revive()
	if n.hung != 0 {
		n.src.Hang(n.hung, false)
	}
	for i := range n.partitions {
		n.src.SetHigh("orders", i, 1<<62)
	}
	n.pause(false)
}

// eventuallyOrGiveUp waits for a moment's worth of looks: what it waits for may
// not be possible now.
func (s *story) eventuallyOrGiveUp(is func() bool) {
	for range 100 {
		if is() {
			return
		}
		pauseBriefly()
	}
}
