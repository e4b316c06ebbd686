package shard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestSelfTest(t *testing.T) {
	for range 20 {
		if err := SelfTest(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPostsRunOnceAndInOrder(t *testing.T) {
	g := startGroup(t, Config{Shards: 2, MailboxDepth: 16}, nil)
	const producers, each = 4, 5000
	next := make([]int, producers)
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for i := 0; i < each; {
				number := i
				err := g.Shard(0).Post(func() {
					if next[p] != number {
						t.Errorf("message %d of producer %d came as number %d", number, p, next[p])
					}
					next[p]++
				})
				if err == nil {
					i++
				} else if !errors.Is(err, ErrMailboxFull) {
					t.Error(err)
					return
				} else {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	onLoop(t, g.Shard(0), func() {
		for p, n := range next {
			if n != each {
				t.Errorf("%d messages of producer %d ran", n, p)
			}
		}
	})
}

func TestPostFromTheLoopDoesNotStarveConnections(t *testing.T) {
	g := startGroup(t, Config{}, func(c *Conn) Protocol { return newEcho(c, 1) })
	s := g.Shard(0)
	var over atomic.Bool
	var again func()
	again = func() {
		if !over.Load() {
			s.Post(again)
			s.After(0, func() {})
		}
	}
	s.Post(again)
	if err := echoOnce(g.Addr().String(), 1, 1<<20); err != nil {
		t.Error(err)
	}
	over.Store(true)
}

func TestCallEachLetsOthersIn(t *testing.T) {
	g := startGroup(t, Config{}, nil)
	s := g.Shard(0)
	var ran []int
	const other = -1
	err := s.CallEach(context.Background(), 3, func(i int) {
		ran = append(ran, i)
		if i == 0 {
			s.Post(func() { ran = append(ran, other) })
			for end := s.nanos() + stretchNanos; s.nanos() <= end; {
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{0, other, 1, 2}; !slices.Equal(ran, want) {
		t.Errorf("%v ran, want %v", ran, want)
	}
}

func TestCallEachTakesManyInATurn(t *testing.T) {
	g := startGroup(t, Config{}, nil)
	s := g.Shard(0)
	const n = 10_000
	ran, before := 0, uint64(0)
	onLoop(t, s, func() { before = s.stats.Messages })
	if err := s.CallEach(context.Background(), n, func(i int) {
		if i != ran {
			t.Errorf("number %d ran after %d others", i, ran)
		}
		ran++
	}); err != nil {
		t.Fatal(err)
	}
	onLoop(t, s, func() {
		if took := s.stats.Messages - before; ran != n || took > n/2 {
			t.Errorf("%d ran, in %d messages", ran, took)
		}
	})
}

func TestCallEachEndsWithItsContext(t *testing.T) {
	g := startGroup(t, Config{}, nil)
	s := g.Shard(0)
	ctx, cancel := context.WithCancel(context.Background())
	ran := 0
	err := s.CallEach(ctx, 3, func(int) {
		ran++
		cancel()
		for end := s.nanos() + stretchNanos; s.nanos() <= end; {
		}
	})
	onLoop(t, s, func() {
		if ran != 1 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d ran, err %v", ran, err)
		}
	})
}

func TestCallGivesUpWithItsContext(t *testing.T) {
	g := startGroup(t, Config{}, nil)
	s := g.Shard(0)
	held, hold := make(chan struct{}), make(chan struct{})
	s.Post(func() { close(held); <-hold })
	receive(t, "the loop to be held", held) // from here on it empties nothing
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := s.Call(ctx, func() {}); !errors.Is(err, context.Canceled) {
		t.Errorf("Call: %v", err)
	}
	for s.Post(func() {}) == nil {
	}
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	if err := s.Call(ctx, func() {}); !errors.Is(err, ErrMailboxFull) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Call with a full mailbox: %v", err)
	}
	cancel()
	close(hold)
	stopGroup(t, g)
	if err := s.Call(context.Background(), func() {}); !errors.Is(err, ErrStopped) {
		t.Errorf("Call after Stop: %v", err)
	}
}

func TestTurnEndOrder(t *testing.T) {
	g := startGroup(t, Config{}, nil)
	s := g.Shard(0)
	var got []string
	onLoop(t, s, func() {
		s.AtTurnEnd(func() { got = append(got, "hook"); s.AtTurnEnd(func() { got = append(got, "hook of hook") }) })
		s.After(0, func() { got = append(got, "timer") })
		got = append(got, "message")
	})
	eventually(t, "the timer", func() (ok bool) {
		onLoop(t, s, func() { ok = len(got) == 4 })
		return ok
	})
	onLoop(t, s, func() {
		if want := []string{"message", "hook", "hook of hook", "timer"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestOffloadIsBoundedAndComesHome(t *testing.T) {
	const depth, workers = 20, 3
	g := startGroup(t, Config{OffloadDepth: depth, OffloadWorkers: workers}, nil)
	s := g.Shard(0)
	hold := make(chan struct{})
	var running, most atomic.Int64
	results := make(chan error, 100)
	boom := errors.New("boom")
	onLoop(t, s, func() {
		for range depth + 5 {
			s.Offload(func() error {
				raise(&most, running.Add(1))
				<-hold
				running.Add(-1)
				return boom
			}, func(err error) {
				if s.turnDepth != 1 {
					t.Errorf("then at turn depth %d", s.turnDepth)
				}
				results <- err
			})
		}
	})
	for range 5 {
		if err := receive(t, "a refusal", results); !errors.Is(err, ErrOffloadFull) {
			t.Errorf("over the bound: %v", err)
		}
	}
	eventually(t, "busy workers", func() bool { return running.Load() == workers })
	close(hold)
	for range depth {
		if err := receive(t, "a result", results); !errors.Is(err, boom) {
			t.Errorf("result: %v", err)
		}
	}
	if n := most.Load(); n != workers {
		t.Errorf("%d jobs ran at once", n)
	}
}

// raise makes most at least n, whoever else does so at the same time.
func raise(most *atomic.Int64, n int64) {
	for seen := most.Load(); seen < n && !most.CompareAndSwap(seen, n); {
		seen = most.Load()
	}
}

func TestStopNamesALoopThatHangs(t *testing.T) {
	g, err := Start(Config{Shards: 1, Listen: "127.0.0.1:0", ArenaBytes: 8 << 20}, func(*Conn) Protocol { return nil })
	if err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	g.Shard(0).Post(func() { <-hold })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err = g.Stop(ctx)
	if err == nil || !strings.Contains(err.Error(), "shard 0") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop: %v", err)
	}
	close(hold)
	// What the first Stop left behind, for the leak check.
	ctx, cancel = context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := g.stop(ctx); err != nil {
		t.Errorf("second stop: %v", err)
	}
}

func TestALoopThatEndsByItselfIsReported(t *testing.T) {
	closed := make(chan error, 1)
	opened := make(chan int, 64)
	g := startGroup(t, Config{Shards: 2}, func(c *Conn) Protocol {
		opened <- c.Shard().ID()
		if c.Shard().ID() != 0 {
			return nil
		}
		return &spy{t: t, closed: func(err error) { closed <- err }}
	})
	for id := -1; id != 0; id = receive(t, "a connection", opened) {
		dialTest(t, g)
	}
	worked := make(chan error, 1)
	onLoop(t, g.Shard(0), func() { g.Shard(0).Offload(func() error { return nil }, func(err error) { worked <- err }) })
	receive(t, "a job, so that a worker runs", worked)
	g.engines[0].stop() // as gnet does when accepting fails
	if err := receive(t, "the failure", g.Failed()); !strings.Contains(err.Error(), "shard 0") {
		t.Errorf("failure: %v", err)
	}
	receive(t, "Closed", closed)
	stopGroup(t, g) // and the rest stops as ever
	if err := g.Shard(0).Post(func() {}); !errors.Is(err, ErrStopped) {
		t.Errorf("post after the end: %v", err)
	}
}

func TestStopRunsWhatWasPosted(t *testing.T) {
	g := startGroup(t, Config{Shards: 2}, nil)
	var ran, taken atomic.Int64
	var wg sync.WaitGroup
	begun := make(chan struct{}, 4)
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				err := g.Shard(w % 2).Post(func() { ran.Add(1) })
				if errors.Is(err, ErrStopped) {
					return
				}
				if err == nil {
					taken.Add(1)
				}
				if i == 100 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range 4 {
		receive(t, "producers", begun)
	}
	stopGroup(t, g)
	wg.Wait()
	if ran.Load() != taken.Load() {
		t.Errorf("%d messages were taken, %d ran", taken.Load(), ran.Load())
	}
}

func TestShardsShareOnePortThatNobodyElseGets(t *testing.T) {
	opened := make(chan int, 256)
	g := startGroup(t, Config{Shards: 2}, func(c *Conn) Protocol {
		opened <- c.Shard().ID()
		return &spy{t: t}
	})
	if g.Addr().(*net.TCPAddr).Port == 0 {
		t.Fatalf("address %v", g.Addr())
	}
	_, err := Start(Config{Shards: 1, Listen: g.Addr().String()}, func(*Conn) Protocol { return nil })
	if err == nil || !strings.Contains(err.Error(), "another process listens there") {
		t.Errorf("a second group on %v: %v", g.Addr(), err)
	}
	seen := map[int]int{}
	for range 64 {
		dialTest(t, g)
		seen[receive(t, "a connection", opened)]++
	}
	if len(seen) != 2 {
		t.Errorf("connections per shard: %v", seen)
	}
}

func TestListenOnAllAddresses(t *testing.T) {
	for _, listen := range []string{":0", "0.0.0.0:0", "127.0.0.1:0", "localhost:0"} {
		g := startGroup(t, Config{Listen: listen}, func(c *Conn) Protocol { return newEcho(c, 1) })
		addr := fmt.Sprintf("127.0.0.1:%d", g.Addr().(*net.TCPAddr).Port)
		if err := echoOnce(addr, 1, 10_000); err != nil {
			t.Errorf("listen on %q: %v", listen, err)
		}
		stopGroup(t, g)
	}
	// A daemon that restarts gets its port back.
	g := startGroup(t, Config{}, func(c *Conn) Protocol { return newEcho(c, 1) })
	addr := g.Addr().String()
	if err := echoOnce(addr, 1, 1000); err != nil {
		t.Error(err)
	}
	stopGroup(t, g)
	startGroup(t, Config{Listen: addr}, nil)
}

func TestSnapshotTellsOfALoopThatDoesNotAnswer(t *testing.T) {
	g := startGroup(t, Config{}, nil)
	s := g.Shard(0)
	hold := make(chan struct{})
	s.Post(func() { <-hold })
	s.sendProbe()
	eventually(t, "a stalled loop", func() bool { return s.Snapshot().Stalled > 0 })
	close(hold)
	eventually(t, "an answer", func() bool {
		sn := s.Snapshot()
		return sn.Stalled == 0 && sn.LagMaxNanos > 0 && sn.BusyNanos > 0
	})
}

func TestPinPlan(t *testing.T) {
	for _, tc := range []struct {
		mode  string
		cores int
		lock  bool
	}{{"auto", 2, false}, {"auto", 4, true}, {"on", 1, true}, {"off", 64, false}} {
		if p := planPins(tc.mode, tc.cores, []int{0, 1}); p.lock != tc.lock || p.reason == "" {
			t.Errorf("%s on %d cores: %+v", tc.mode, tc.cores, p)
		}
	}
	if p := planPins("on", 4, nil); p.lock {
		t.Error("pinned without a mask")
	}
}

func TestPinnedLoopsRunOnTheirCores(t *testing.T) {
	all, err := allowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	g := startGroup(t, Config{Shards: 2, Pin: "on"}, func(c *Conn) Protocol { return newEcho(c, 1) })
	for i := range 2 {
		onLoop(t, g.Shard(i), func() {
			if cpus, err := allowedCPUs(); err != nil || len(cpus) != 1 || cpus[0] != all[i%len(all)] {
				t.Errorf("shard %d may run on %v, %v", i, cpus, err)
			}
		})
	}
	if err := echoOnce(g.Addr().String(), 1, 1<<20); err != nil {
		t.Error(err)
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	err := Config{Shards: -1, Listen: "nowhere", Pin: "maybe", Engine: "tape", ArenaBytes: 1, IdleTimeout: -1}.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, key := range []string{"Shards", "Listen", "Pin", "Engine", "ArenaBytes", "IdleTimeout"} {
		if !strings.Contains(err.Error(), key+" = ") {
			t.Errorf("%q is not named in: %v", key, err)
		}
	}
}
