package shard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard/segment"
)

func testDef(dir string, index int32) PartitionDef {
	return PartitionDef{
		ID: PartitionID{Topic: kafkaproto.TopicID{1, 2, 3}, Index: index}, Topic: "orders",
		Dir: filepath.Join(dir, fmt.Sprintf("orders-%d", index)), LeaderEpoch: 3, Term: 7,
	}
}

func testBatch(t testing.TB, records int) batch.View {
	t.Helper()
	var b batch.Builder
	for i := range records {
		b.Add(batch.Record{Key: []byte("k"), Value: fmt.Appendf(nil, "value %d", i), Timestamp: 1000})
	}
	out, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func appendTo(t testing.TB, p *Partition, records int) {
	t.Helper()
	o := segment.AppendOptions{Term: p.Log.Term(), LeaderEpoch: p.LeaderEpoch(), Now: time.Now()}
	if _, err := p.Log.Append(testBatch(t, records), o); err != nil {
		t.Errorf("append: %v", err)
	}
}

// engines runs a test on both storage engines, where the kernel has both.
func engines(t *testing.T, f func(t *testing.T, engine string)) {
	for _, engine := range []string{"auto", "pwrite"} {
		t.Run(engine, func(t *testing.T) { f(t, engine) })
	}
}

func mustOpen(t testing.TB, g *Group, def PartitionDef, shard int) {
	t.Helper()
	if err := g.Open(def, shard); err != nil {
		t.Fatal(err)
	}
}

func TestAppendWakesAndPublishes(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		dir := t.TempDir()
		g := startGroup(t, Config{Shards: 2, Engine: engine}, nil)
		def := testDef(dir, 0)
		mustOpen(t, g, def, 1)
		if got, ok := g.Published(def.ID); !ok || got != (Published{Shard: 1, LeaderEpoch: 3}) {
			t.Errorf("published at first: %+v, %v", got, ok)
		}
		s := g.Shard(1)
		woken := make(chan int64, 100)
		var w Waiter
		onLoop(t, s, func() {
			p := s.Partition(def.ID)
			w.Wake = func() {
				if p.HighWatermark() == 10 {
					p.Cancel(&w)
					woken <- p.HighWatermark()
				}
			}
			p.Await(&w)
			appendTo(t, p, 4)
			appendTo(t, p, 6)
			if p.HighWatermark() != 0 || p.Log.EndOffset() != 10 {
				t.Errorf("right after the append: written %d, end %d", p.HighWatermark(), p.Log.EndOffset())
			}
		})
		receive(t, "the waiter", woken)
		got, ok := g.Published(def.ID)
		if want := (Published{Shard: 1, HighWatermark: 10, LogEnd: 10, LastStable: 10, SizeBytes: got.SizeBytes, LeaderEpoch: 3}); !ok || got != want || got.SizeBytes == 0 {
			t.Errorf("published %+v, want %+v", got, want)
		}
		onLoop(t, s, func() {
			if p := s.Partition(def.ID); p.Waiters() != 0 {
				t.Errorf("%d waiters are left", p.Waiters())
			}
			if g.Shard(0).partitions.count() != 0 {
				t.Error("another shard has the partition, too")
			}
		})
	})
}

func TestLeaderEpochIsNeverBelowTheLogs(t *testing.T) {
	dir := t.TempDir()
	g := startGroup(t, Config{}, nil)
	def := testDef(dir, 0)
	mustOpen(t, g, def, 0)
	woken := make(chan struct{}, 10)
	w := Waiter{Wake: func() { woken <- struct{}{} }}
	onLoop(t, g.Shard(0), func() {
		p := g.Shard(0).Partition(def.ID)
		p.Await(&w)
		if e := p.LeaderEpoch(); e != 3 {
			t.Errorf("epoch %d at first", e)
		}
		o := segment.AppendOptions{Term: 7, LeaderEpoch: 12, Now: time.Now()}
		if _, err := p.Log.Append(testBatch(t, 1), o); err != nil {
			t.Error(err)
		}
		p.SetLeaderEpoch(9)
		if e := p.LeaderEpoch(); e != 12 {
			t.Errorf("epoch %d with 12 in the log", e)
		}
		p.SetLeaderEpoch(15)
		p.SetLeaderEpoch(14)
		if e := p.LeaderEpoch(); e != 15 {
			t.Errorf("epoch %d after it was raised to 15", e)
		}
		p.SetTerm(8)
		if _, err := p.Log.Append(testBatch(t, 1), o); !errors.Is(err, segment.ErrStaleTerm) {
			t.Errorf("append of the former term: %v", err)
		}
	})
	receive(t, "the waiter", woken) // what moved in a turn is published at its end, and then told
	if got, _ := g.Published(def.ID); got.LeaderEpoch != 15 {
		t.Errorf("published epoch %d", got.LeaderEpoch)
	}
	onLoop(t, g.Shard(0), func() { g.Shard(0).Partition(def.ID).Cancel(&w) })
}

func TestOpenAndRemove(t *testing.T) {
	dir := t.TempDir()
	g := startGroup(t, Config{Shards: 2}, nil)
	def := testDef(dir, 0)
	mustOpen(t, g, def, 0)
	if err := g.Open(def, 1); !errors.Is(err, ErrPartitionExists) {
		t.Errorf("second open: %v", err)
	}
	if err := g.Open(testDef(t.TempDir(), 1), 9); err == nil {
		t.Error("open on a shard that does not exist succeeded")
	}
	removed := make(chan bool, 1)
	err := g.Do(context.Background(), def.ID, func(p *Partition) {
		appendTo(t, p, 5)
		var w Waiter
		w.Wake = func() {
			if p.Removed() {
				p.Cancel(&w)
				removed <- true
			}
		}
		p.Await(&w)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Remove(def.ID, false); err != nil {
		t.Fatal(err)
	}
	receive(t, "the waiter of a removed partition", removed)
	if _, ok := g.Published(def.ID); ok {
		t.Error("a removed partition is published")
	}
	if err := g.Remove(def.ID, false); !errors.Is(err, ErrPartitionUnknown) {
		t.Errorf("second remove: %v", err)
	}
	mustOpen(t, g, def, 1) // its files are still there
	if got, _ := g.Published(def.ID); got.LogEnd != 5 || got.Shard != 1 {
		t.Errorf("opened again: %+v", got)
	}
	if err := g.Remove(def.ID, true); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Dir(def.Dir))
	if err != nil || len(left) != 0 {
		t.Errorf("left on disk: %v, %v", left, err)
	}
	stopGroup(t, g)
	if err := g.Open(def, 0); !errors.Is(err, ErrStopped) {
		t.Errorf("open after Stop: %v", err)
	}
}

func TestOpenOfAForeignDirectoryFails(t *testing.T) {
	dir := t.TempDir()
	g := startGroup(t, Config{}, nil)
	def := testDef(dir, 0)
	mustOpen(t, g, def, 0)
	if err := g.Remove(def.ID, false); err != nil {
		t.Fatal(err)
	}
	other := def
	other.ID.Topic = kafkaproto.TopicID{9}
	if err := g.Open(other, 0); !errors.Is(err, segment.ErrIdentity) {
		t.Errorf("open: %v", err)
	}
	if _, ok := g.Published(other.ID); ok {
		t.Error("a partition that failed to open is published")
	}
}

func TestWaitersAreWokenOncePerRoundInOrder(t *testing.T) {
	p := &Partition{Topic: "orders"}
	var got []string
	ws := map[string]*Waiter{}
	for _, name := range []string{"a", "b", "c", "d"} {
		ws[name] = &Waiter{Wake: func() { got = append(got, name) }}
		p.Await(ws[name])
	}
	round := func(want ...string) {
		t.Helper()
		got = nil
		p.waiters.wake()
		if !slices.Equal(got, want) {
			t.Errorf("woken %q, want %q", got, want)
		}
	}
	round("a", "b", "c", "d")
	late := &Waiter{Wake: func() { got = append(got, "late") }}
	ws["a"].Wake = func() { // cancels itself, the next and the last; a new one comes
		got = append(got, "a")
		p.Cancel(ws["a"])
		p.Cancel(ws["b"])
		p.Cancel(ws["d"])
		p.Cancel(ws["d"])
		p.Await(late)
	}
	round("a", "c")
	round("c", "late")
	late.Wake = func() { // goes and comes back: its next turn is the next round
		got = append(got, "late")
		p.Cancel(late)
		p.Await(late)
	}
	round("c", "late")
	round("c", "late")
	p.Cancel(ws["c"])
	p.Cancel(late)
	round()
	if p.Waiters() != 0 || p.waiters.first != nil || p.waiters.last != nil {
		t.Errorf("%d waiters are left", p.Waiters())
	}
	defer func() {
		if recover() == nil {
			t.Error("a waiter may wait twice")
		}
	}()
	p.Await(late)
	p.Await(late)
}

func TestHousekeepingGoesOnAfterTheLastPartitionCameBack(t *testing.T) {
	dir := t.TempDir()
	g := startGroup(t, Config{}, nil)
	s := g.Shard(0)
	def := testDef(dir, 0)
	timers := func() (n int) {
		onLoop(t, s, func() {
			for _, tm := range s.timers.heap {
				if tm == s.partitions.keepingTime {
					n++
				}
			}
		})
		return n
	}
	for range 3 {
		mustOpen(t, g, def, 0)
		if timers() != 1 {
			t.Error("no housekeeping with a partition")
		}
		onLoop(t, s, func() { s.partitions.keepingTime.Stop(); s.partitions.housekeep() })
		if err := g.Remove(def.ID, false); err != nil {
			t.Fatal(err)
		}
	}
}

// RetentionCheck says how often logs are looked at: by the timer, and not more
// often however many rounds of housekeeping there are.
func TestRetentionCheckIsKept(t *testing.T) {
	old := batch.Builder{}
	old.Add(batch.Record{Timestamp: time.Now().Add(-time.Hour).UnixMilli(), Value: []byte("old")})
	b, err := old.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	add := func(t *testing.T, s *Shard, id PartitionID) {
		onLoop(t, s, func() {
			if _, err := s.Partition(id).Log.Append(b, segment.AppendOptions{Term: 7, LeaderEpoch: 3, Now: time.Now()}); err != nil {
				t.Error(err)
			}
		})
	}
	begin := func(t *testing.T, check time.Duration) (*Group, *Shard, PartitionID) {
		def := testDef(t.TempDir(), 0)
		g := startGroup(t, Config{RetentionCheck: check}, nil)
		def.Config.Retention = time.Minute
		mustOpen(t, g, def, 0)
		add(t, g.Shard(0), def.ID)
		return g, g.Shard(0), def.ID
	}
	start := func(g *Group, id PartitionID) int64 {
		p, _ := g.Published(id)
		return p.LogStart
	}
	t.Run("often", func(t *testing.T) {
		g, s, id := begin(t, 20*time.Millisecond)
		for i := range int64(3) {
			eventually(t, "what is too old is removed", func() bool { return start(g, id) == i+1 })
			add(t, s, id)
		}
	})
	t.Run("seldom", func(t *testing.T) {
		g, s, id := begin(t, time.Hour)
		round := func() { onLoop(t, s, func() { s.partitions.keepingTime.Stop(); s.partitions.housekeep() }) }
		eventually(t, "a log is looked at when it is opened", func() bool { round(); return start(g, id) == 1 || !retentionDue(t, s, id) })
		before := start(g, id)
		add(t, s, id)
		for range 2 * housekeepingTicks {
			round()
		}
		onLoop(t, s, func() {
			if p := s.Partition(id); p.Log.StartOffset() != before || time.Until(p.retain) < 50*time.Minute {
				t.Errorf("start %d, was %d; next look in %s", p.Log.StartOffset(), before, time.Until(p.retain))
			}
		})
	})
}

// retentionDue says whether retention is to be looked at now.
func retentionDue(t *testing.T, s *Shard, id PartitionID) (due bool) {
	onLoop(t, s, func() { due = !time.Now().Before(s.Partition(id).retain) })
	return due
}

// What does an append cost that nobody waits for, and how many go through?
func BenchmarkAppend(b *testing.B) {
	dir := b.TempDir()
	g := startGroup(b, Config{}, nil)
	def := testDef(dir, 0)
	mustOpen(b, g, def, 0)
	s := g.Shard(0)
	v := testBatch(b, 100)
	b.SetBytes(int64(len(v)))
	b.ReportAllocs()
	done := make(chan struct{})
	n := b.N
	var step func()
	step = func() {
		p := s.Partition(def.ID)
		for range 64 {
			if n == 0 {
				p.Log.Flush(func(error) { close(done) })
				return
			}
			if _, err := p.Log.Append(v, segment.AppendOptions{Term: 7, LeaderEpoch: 3, Now: time.Now()}); err != nil {
				break // the disk is behind
			}
			n--
		}
		s.After(0, step)
	}
	b.ResetTimer()
	s.Post(step)
	<-done
}

// TestLogsFlushInStep: what logs do within the same time they do in one turn, wherever in
// that time they asked for it.
func TestLogsFlushInStep(t *testing.T) {
	const logs, window = 40, 50 * time.Millisecond
	g := startGroup(t, Config{Shards: 1}, nil)
	s := g.Shard(0)
	within := s.env(&Partition{}).Within
	began := time.Now()
	turns := map[int64]bool{}
	ran := make(chan bool, logs)
	for range logs {
		onLoop(t, s, func() {
			within(window, func() { turns[s.turnStart] = true; ran <- true })
		})
		time.Sleep(time.Millisecond) // timers of their own would end in turns of their own
	}
	asked := time.Since(began)
	for range logs {
		receive(t, "a flush", ran)
	}
	onLoop(t, s, func() {
		if most := int(asked/(window/2)) + 2; len(turns) > most {
			t.Errorf("%d turns for %d logs that asked within %v, want %d at most", len(turns), logs, asked, most)
		}
	})
}
