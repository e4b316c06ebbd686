package delay

import (
	"testing"
	"time"
)

func timeline(t *testing.T, sights ...Sight) Timeline {
	t.Helper()
	out, err := NewTimeline(sights)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// One partition is read by both, one by the first only; the other comes behind.
func TestBehind(t *testing.T) {
	first := timeline(t, Sight{0, 10, 100}, Sight{0, 20, 200}, Sight{1, 5, 150})
	shadow := timeline(t, Sight{0, 10, 130}, Sight{0, 15, 260}, Sight{0, 20, 300}, Sight{1, 5, 152})
	f := func(at int64, want Lag) {
		t.Helper()
		if got := shadow.Behind(first, at); got != want {
			t.Errorf("at %d: got %+v, want %+v", at, got, want)
		}
	}
	f(99, Lag{})
	f(100, Lag{10, 0})
	f(129, Lag{10, 29})
	f(130, Lag{})
	f(151, Lag{5, 1})
	f(200, Lag{10, 0})
	f(259, Lag{10, 59})
	f(260, Lag{5, 60}) // the rest came to the first reader at 200 too
	f(300, Lag{})
	if got := first.Behind(shadow, 259); got != (Lag{}) {
		t.Errorf("the other way round: %+v", got)
	}
	both := timeline(t, Sight{1, 5, 400})
	if got := both.Behind(first, 210); got != (Lag{25, 110}) {
		t.Errorf("two partitions: %+v", got)
	}
}

func TestRange(t *testing.T) {
	first := timeline(t, Sight{0, 10, 100}, Sight{0, 20, 200})
	shadow := timeline(t, Sight{0, 10, 130}, Sight{0, 20, 300})
	f := func(from, to int64, least, most Lag) {
		t.Helper()
		l, m := shadow.Range(first, from, to)
		if l != least || m != most {
			t.Errorf("%d to %d: got %+v to %+v, want %+v to %+v", from, to, l, m, least, most)
		}
	}
	f(0, 50, Lag{}, Lag{})
	f(110, 120, Lag{10, 10}, Lag{10, 20})
	f(110, 140, Lag{}, Lag{10, 29}) // just before it reads, it is furthest behind
	f(0, 1000, Lag{}, Lag{10, 99})
	f(250, 250, Lag{10, 50}, Lag{10, 50})
}

func TestOff(t *testing.T) {
	first, shadow := timeline(t, Sight{0, 10, 100}), timeline(t, Sight{0, 10, 200})
	f := func(r Report, want Lag) {
		t.Helper()
		if got := shadow.Off(first, r); got != want {
			t.Errorf("%+v: got %+v, want %+v", r, got, want)
		}
	}
	f(Report{110, 120, Lag{10, 15}}, Lag{})
	f(Report{110, 120, Lag{10, 30}}, Lag{0, 10})
	f(Report{110, 120, Lag{0, 0}}, Lag{-10, -10}) // it did not know yet
	f(Report{190, 210, Lag{0, 0}}, Lag{})         // all was read meanwhile
	f(Report{300, 310, Lag{4, 50}}, Lag{4, 50})
}

func TestAfter(t *testing.T) {
	first := timeline(t, Sight{0, 1, 100}, Sight{0, 3, 300})
	shadow := timeline(t, Sight{0, 2, 150}, Sight{0, 3, 310})
	acks := []Ack{ack(0, 1, 90, 0), ack(0, 2, 95, 0), ack(0, 3, 500, 0)}
	got, sooner, err := shadow.After(first, acks)
	if err != nil || sooner != 1 || len(got) != 3 || got[0] != 50*time.Nanosecond || got[1] != 0 || got[2] != 10 {
		t.Errorf("got %v, %d sooner, %v", got, sooner, err)
	}
	if _, _, err := shadow.After(first, []Ack{ack(0, 4, 0, 0)}); err == nil {
		t.Error("what nobody read was joined")
	}
}

// Two histograms of the same delays agree with the exact list but for their digits.
func TestSummaryOf(t *testing.T) {
	d := []time.Duration{ms, 2 * ms, 3 * ms, 4 * ms}
	h := Histogram(d[:2])
	if lost := h.Merge(Histogram(d[2:])); lost != 0 {
		t.Errorf("%d delays lost", lost)
	}
	got, want := SummaryOf(h), Summarize(d)
	if got.Count != 4 || got.P50 != want.P50 || got.P99 != want.P99 {
		t.Errorf("merged: %+v, all at once: %+v", got, want)
	}
}
