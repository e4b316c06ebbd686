package delay

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"umbra/bench/measure"
	"umbra/bench/synthetic"
)

const ms = time.Millisecond

func ack(partition int32, end int64, at, late time.Duration) Ack {
	return Ack{Partition: partition, End: end, At: int64(at), Late: int64(late)}
}

func TestJoin(t *testing.T) {
	sights := []Sight{{0, 10, int64(5 * ms)}, {1, 10, int64(6 * ms)}, {0, 20, int64(9 * ms)}, {0, 25, int64(30 * ms)}, {1, 11, int64(7 * ms)}}
	f := func(a Ack, want time.Duration) {
		t.Helper()
		got, err := Join([]Ack{a}, sights, ms)
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%+v: got %v, %v; want %v", a, got, err, want)
		}
	}
	f(ack(0, 10, 3*ms, 0), 2*ms)
	f(ack(0, 11, 3*ms, 0), 6*ms) // the sight at 10 does not cover it
	f(ack(0, 21, 10*ms, 0), 20*ms)
	f(ack(1, 5, 6*ms, 0), 0)
	f(ack(1, 10, 20*ms, 0), 0) // read before the ack came back
	// Lateness up to a step is how the sender works, beyond it an omission.
	f(ack(0, 10, 3*ms, ms), 2*ms)
	f(ack(0, 10, 3*ms, 8*ms), 9*ms)

	if _, err := Join([]Ack{ack(0, 26, 0, 0)}, sights, ms); err == nil || !strings.Contains(err.Error(), "up to 26") {
		t.Errorf("an ack that nobody saw: %v", err)
	}
	if _, err := Join([]Ack{ack(2, 1, 0, 0)}, sights, ms); err == nil {
		t.Error("an ack of a partition that nobody saw was joined")
	}
	if _, err := Join(nil, []Sight{{0, 5, 1}, {0, 4, 2}}, ms); err == nil {
		t.Error("sights that go back were joined")
	}
}

// A generator that is held up for 100 steps gives the same percentiles as one
// that was not, when the stall hits the reader: that is what the correction is for.
func TestOmissionIsCorrected(t *testing.T) {
	const n, from, to = 1000, 400, 500 // the world stands still from 400 ms to 500 ms
	var steady, heldUp []Ack
	var sights []Sight
	for i := range n {
		at := int64(i) * int64(ms)
		sent, seen := at, at
		if i >= from && i < to {
			seen = to * int64(ms)
			sent = to * int64(ms)
		}
		steady = append(steady, ack(0, int64(i+1), time.Duration(at), 0))
		heldUp = append(heldUp, ack(0, int64(i+1), time.Duration(sent), time.Duration(sent-at)))
		sights = append(sights, Sight{0, int64(i + 1), seen})
	}
	summary := func(acks []Ack) Summary {
		d, err := Join(acks, sights, ms)
		if err != nil {
			t.Fatal(err)
		}
		return Summarize(d)
	}
	want, got := summary(steady), summary(heldUp)
	if want.P99 < 85 || want.P50 != 0 || math.Abs(got.P99-want.P99) > 1.5 || math.Abs(got.Max-want.Max) > 1.5 {
		t.Errorf("held up generator: %+v, steady one: %+v", got, want)
	}
}

func TestSummarize(t *testing.T) {
	var d []time.Duration
	for i := range 1000 {
		d = append(d, time.Duration(i+1)*ms)
	}
	near := func(got, want float64) bool { return math.Abs(got-want) <= want/500 }
	s := Summarize(d)
	if s.Count != 1000 || !near(s.P50, 500) || !near(s.P99, 990) || !near(s.P999, 999) || s.Max != 1000 {
		t.Errorf("1..1000 ms: %+v", s)
	}
	if s := Summarize([]time.Duration{0, time.Hour}); s.Count != 2 || s.Max != 3600_000 || s.P50 != 0 {
		t.Errorf("0 and an hour: %+v", s)
	}
	if s := Summarize(nil); s != (Summary{}) {
		t.Errorf("nothing: %+v", s)
	}
	if got := (Summary{9, 5, 4, 3, 2}).Minus(Summary{7, 1, 5, 1, 1}); got != (Summary{9, 4, -1, 2, 1}) {
		t.Errorf("difference: %+v", got)
	}
}

// The timetable is kept to the end: every step is sent, in order, never early.
func TestPaceSendsEveryStep(t *testing.T) {
	begin := measure.Now()
	var sent []int
	n := Pace(context.Background(), ms, 50*ms, func(i int, late time.Duration) {
		if now := time.Duration(measure.Now() - begin); now < time.Duration(i)*ms || late > now {
			t.Errorf("step %d was sent at %v, %v late", i, now, late)
		}
		sent = append(sent, i)
	})
	for i := range sent {
		if sent[i] != i {
			t.Fatalf("sent %v", sent)
		}
	}
	if n != 50 || len(sent) != n {
		t.Errorf("sent %d of 50 steps", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if n := Pace(ctx, time.Hour, 24*time.Hour, func(int, time.Duration) { cancel() }); n != 1 {
		t.Errorf("sent %d steps after the end of its context", n)
	}
}

func TestLoadStep(t *testing.T) {
	l := Load{Record: 1024, Burst: 16 << 10, Rate: 16 << 20}
	if got := l.Step(); got != time.Second/1024 || l.records() != 16 {
		t.Errorf("got %v and %d records", got, l.records())
	}
}

// An observer sees everything a source grows by, in order, and Join finds it all.
func TestObserverSeesTheLoad(t *testing.T) {
	s, err := synthetic.Start(synthetic.Config{Topic: "load", Partitions: 3, RecordSize: 100, BatchSize: 500, ChunkBytes: 1 << 20, Records: 50})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	first := 50 / s.BatchRecords() * s.BatchRecords()
	o, err := Observe(ctx, "source", s.Addr(), "load", map[int32]int64{0: first, 1: first, 2: first})
	if err != nil {
		t.Fatal(err)
	}
	var acks []Ack
	Pace(ctx, ms/4, 100*ms, func(i int, late time.Duration) {
		end := s.Grow(i % 3)
		acks = append(acks, ack(int32(i%3), end, time.Duration(measure.Now()), late))
	})
	if err := o.Await(ctx, Ends(acks), 30*time.Second); err != nil {
		t.Fatal(err)
	}
	d, err := Join(acks, o.Stop(), ms/4)
	if err != nil || len(d) != 400 {
		t.Errorf("%d delays of 400, %v", len(d), err)
	}
}

// What is never readable is said, with the offsets.
func TestAwaitGivesUp(t *testing.T) {
	s, err := synthetic.Start(synthetic.Config{Topic: "load", Partitions: 1, RecordSize: 100, BatchSize: 500, ChunkBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	o, err := Observe(context.Background(), "shadow", s.Addr(), "load", map[int32]int64{0: 0})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Await(context.Background(), map[int32]int64{0: 99}, 20*ms); err == nil || !strings.Contains(err.Error(), "at 0 and not at 99") {
		t.Errorf("got %v", err)
	}
	s.Close()
	if err := o.Await(context.Background(), map[int32]int64{0: 99}, time.Minute); err == nil || !strings.Contains(err.Error(), "shadow") {
		t.Errorf("the broker is gone: %v", err)
	}
	if got := o.Stop(); len(got) != 0 {
		t.Errorf("saw %v", got)
	}
}
