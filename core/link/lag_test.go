package link

import (
	"testing"
	"time"

	"umbra/core/link/replicate"
)

func TestLag(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	ago := func(s int) time.Time { return now.Add(-time.Duration(s) * time.Second) }
	born := ago(1000)
	p := func(end, high int64, seen, caughtUp time.Time, following bool) replicate.PartitionStatus {
		return replicate.PartitionStatus{LogEnd: end, Following: following,
			Progress: replicate.Progress{SourceHighWatermark: high, SeenAt: seen, CaughtUpAt: caughtUp, FetchedBytes: 1000, FetchedRecords: 10}}
	}
	f := func(name string, got Lag, records, bytes int64, seconds float64, bound Bound) {
		t.Helper()
		if got.Records != records || got.Bytes != bytes || got.Seconds != seconds || got.Bound != bound {
			t.Errorf("%s: got %+v, want %d records, %d bytes, %v s, %s", name, got, records, bytes, seconds, bound)
		}
	}
	lag := func(p replicate.PartitionStatus) Lag { return lagOf(p, time.Second, born, now) }
	f("never seen", lag(p(5, -1, time.Time{}, time.Time{}, false)), 0, 0, 0, Unknown)
	f("caught up", lag(p(50, 50, now, now, true)), 0, 0, 0, Exact)
	f("idle, the long poll is out", lag(p(50, 50, ago(1), ago(1), true)), 0, 0, 0, Exact)
	f("behind", lag(p(40, 50, now, ago(3), true)), 10, 1000, 3, Exact)
	f("never caught up", lag(p(40, 50, now, time.Time{}, true)), 10, 1000, 1000, Exact)
	f("source away, was caught up", lag(p(50, 50, ago(94), ago(94), false)), 0, 0, 94, AtLeast)
	f("source away, was behind", lag(p(40, 50, ago(94), ago(97), false)), 10, 1000, 97, AtLeast)
	f("connected but silent", lag(p(50, 50, ago(30), ago(30), true)), 0, 0, 30, AtLeast)
}

func TestWorst(t *testing.T) {
	at := time.Unix(1000, 0)
	f := func(name string, in []Lag, want Lag) {
		t.Helper()
		if got := Worst(in); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	f("nothing", nil, Lag{Bound: Exact})
	f("all unknown", []Lag{{Bound: Unknown}}, Lag{Bound: Unknown})
	f("sum and maximum", []Lag{{Records: 1, Bytes: 10, Seconds: 5, Bound: Exact, AsOf: at}, {Records: 2, Bytes: 5, Seconds: 3, Bound: Exact, AsOf: at.Add(1)}},
		Lag{Records: 3, Bytes: 15, Seconds: 5, Bound: Exact, AsOf: at})
	f("one away", []Lag{{Records: 1, Bound: AtLeast, AsOf: at}, {Bound: Exact, AsOf: at}}, Lag{Records: 1, Bound: AtLeast, AsOf: at})
	f("one never seen", []Lag{{Records: 1, Bound: Exact, AsOf: at}, {Bound: Unknown}}, Lag{Records: 1, Bound: AtLeast, AsOf: at})
}
