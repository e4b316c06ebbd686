package segment

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestLastStableOffset(t *testing.T) {
	var x Txns
	check := func(hw, want int64) {
		t.Helper()
		if got := x.LSO(hw); got != want {
			t.Errorf("LSO at high watermark %d is %d, want %d", hw, got, want)
		}
	}
	check(0, 0)
	check(10, 10)
	x.Observe(1, 0, 10)
	x.Observe(2, 0, 15)
	x.Observe(1, 0, 20)
	check(12, 10)
	check(25, 10)
	x.Complete(1, 25, true)
	check(25, 10) // the marker itself is not readable yet
	check(26, 15)
	x.Complete(3, 26, false) // no transaction open
	x.Complete(2, 27, false)
	check(27, 15)
	check(28, 28)
	x.Observe(4, 0, 30)
	x.TruncateFromStart(33)
	check(40, 33) // what is left of an open transaction begins at the start
}

func TestAbortedListIsExact(t *testing.T) {
	var x Txns
	x.Observe(1, 0, 10)
	x.Observe(2, 0, 12)
	x.Observe(3, 0, 14)
	x.Complete(2, 16, false)
	x.Complete(3, 18, true)
	x.Complete(1, 20, false)
	a, b := AbortedTxn{2, 12, 16}, AbortedTxn{1, 10, 20}
	check := func(from, to int64, want ...AbortedTxn) {
		t.Helper()
		if got := x.Aborted(nil, from, to); !slices.Equal(got, want) {
			t.Errorf("aborted in [%d, %d): %v, want %v", from, to, got, want)
		}
	}
	check(0, 10)
	check(0, 11, b)
	check(0, 13, a, b)
	check(0, 100, a, b)
	check(16, 17, a, b)
	check(17, 100, b)
	check(20, 21, b)
	check(21, 100)
	x.TruncateFromStart(17)
	check(0, 100, b)
	if got := x.Aborted([]AbortedTxn{a}, 17, 20); !slices.Equal(got, []AbortedTxn{a, b}) {
		t.Errorf("does not append: %v", got)
	}
}

// modelTxn is one transaction of the model: marker is -1 while it is open.
type modelTxn struct {
	id            int64
	first, marker int64
	commit        bool
}

func TestTxnsAgainstFullHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x Txns
		var history []modelTxn
		next, hw, start := int64(0), int64(0), int64(0)
		open := func(id int64) *modelTxn {
			for i := range history {
				if history[i].id == id && history[i].marker < 0 {
					return &history[i]
				}
			}
			return nil
		}
		t.Repeat(map[string]func(*rapid.T){
			"batch": func(t *rapid.T) {
				id := rapid.Int64Range(0, 5).Draw(t, "id")
				x.Observe(id, 0, next)
				if open(id) == nil {
					history = append(history, modelTxn{id, next, -1, false})
				}
				next += rapid.Int64Range(1, 4).Draw(t, "records")
			},
			"marker": func(t *rapid.T) {
				id, commit := rapid.Int64Range(0, 5).Draw(t, "id"), rapid.Bool().Draw(t, "commit")
				x.Complete(id, next, commit)
				if o := open(id); o != nil {
					o.marker, o.commit = next, commit
				}
				next++
			},
			"plain":  func(t *rapid.T) { next += rapid.Int64Range(1, 9).Draw(t, "records") },
			"commit": func(t *rapid.T) { hw = rapid.Int64Range(hw, next).Draw(t, "high watermark") },
			"truncate": func(t *rapid.T) {
				start = rapid.Int64Range(start, hw).Draw(t, "start")
				x.TruncateFromStart(start)
			},
			"": func(t *rapid.T) {
				checkTxns(t, &x, history, hw, start)
				from := rapid.Int64Range(start, next).Draw(t, "from")
				to := rapid.Int64Range(from, next+1).Draw(t, "to")
				checkAborted(t, &x, history, from, to)
			},
		})
	})
}

func checkTxns(t *rapid.T, x *Txns, history []modelTxn, hw, start int64) {
	lso := hw
	var open []Txn
	for _, m := range history {
		if m.marker < 0 || m.marker >= hw {
			lso = min(lso, m.first)
		}
		if m.marker < 0 {
			open = append(open, Txn{m.id, 0, m.first})
		}
	}
	if lso = max(lso, start); x.LSO(hw) != lso {
		t.Fatalf("LSO at high watermark %d is %d, want %d; %+v", hw, x.LSO(hw), lso, history)
	}
	if got := x.Open(); !slices.Equal(got, open) {
		t.Fatalf("open %+v, want %+v", got, open)
	}
	for id := range int64(6) {
		want := slices.ContainsFunc(open, func(o Txn) bool { return o.ProducerID == id })
		if x.IsOpen(id) != want {
			t.Fatalf("IsOpen(%d) = %v", id, !want)
		}
	}
}

func checkAborted(t *rapid.T, x *Txns, history []modelTxn, from, to int64) {
	var want []AbortedTxn
	for _, m := range history {
		if m.marker >= 0 && !m.commit && m.marker >= from && m.first < to {
			want = append(want, AbortedTxn{m.id, m.first, m.marker})
		}
	}
	slices.SortFunc(want, func(a, b AbortedTxn) int { return int(a.LastOffset - b.LastOffset) })
	if got := x.Aborted(nil, from, to); !slices.Equal(got, want) {
		t.Fatalf("aborted in [%d, %d): %v, want %v", from, to, got, want)
	}
}

// The search stops where nothing more can overlap, however long the index is.
func TestAbortedSearchStopsEarly(t *testing.T) {
	var x Txns
	for i := range int64(10_000) {
		x.Observe(i%3, 0, i*10)
		x.Complete(i%3, i*10+5, false)
	}
	probe := x.aborted[5000]
	x.aborted[5001].FirstOffset = math.MinInt64 // would overlap everything if it were looked at
	if got := x.Aborted(nil, probe.FirstOffset, probe.LastOffset+1); len(got) != 1 || got[0] != probe.AbortedTxn {
		t.Errorf("%v, want only %v", got, probe.AbortedTxn)
	}
}
