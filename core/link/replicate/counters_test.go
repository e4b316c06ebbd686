package replicate

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestHistogramBuckets(t *testing.T) {
	f := func(d time.Duration, bucket int) {
		t.Helper()
		var h Histogram
		h.Observe(d)
		if h.Buckets[bucket] != 1 || h.Count() != 1 || h.Sum != max(d, 0) {
			t.Errorf("%v: %+v, want it in bucket %d", d, h, bucket)
		}
	}
	f(-time.Second, 0)
	f(999*time.Nanosecond, 0)
	f(time.Microsecond, 1)
	f(2*time.Microsecond, 2)
	f(1023*time.Microsecond, 10)
	f(1024*time.Microsecond, 11)
	f(time.Hour, histogramBuckets-1)
}

func TestCountersAdd(t *testing.T) {
	a := Counters{FetchedBytes: 1, FetchedRecords: 2, WrittenBytes: 3, WrittenRecords: 4, DiscardedBytes: 5, Refused: 6}
	a.Fetch.Observe(time.Second)
	a.Apply.Observe(time.Millisecond)
	a.failed(ErrorSlow, "b:1")
	var sum Counters
	sum.Add(a)
	sum.Add(a)
	if sum.FetchedBytes != 2 || sum.FetchedRecords != 4 || sum.WrittenBytes != 6 || sum.WrittenRecords != 8 || sum.DiscardedBytes != 10 || sum.Refused != 12 {
		t.Errorf("sums %+v", sum)
	}
	if sum.Fetch.Count() != 2 || sum.Apply.Sum != 2*time.Millisecond || sum.Errors[ErrorKey{ErrorSlow, "b:1"}] != 2 {
		t.Errorf("histograms or errors of %+v", sum)
	}
	if a.Errors[ErrorKey{ErrorSlow, "b:1"}] != 1 {
		t.Error("Add changed what was added")
	}
}

func TestErrorsOfManyBrokersAreBounded(t *testing.T) {
	var c Counters
	for i := range 10 * errorKeysMax {
		c.failed(ErrorConnect, fmt.Sprintf("broker-%d:9092", i))
	}
	var n int64
	for _, count := range c.Errors {
		n += count
	}
	if len(c.Errors) > errorKeysMax+1 || n != 10*errorKeysMax {
		t.Errorf("%d keys, %d errors of %d", len(c.Errors), n, 10*errorKeysMax)
	}
	if c.Errors[ErrorKey{ErrorConnect, otherBrokers}] == 0 {
		t.Error("nothing is counted for the others")
	}
}

func TestLostKind(t *testing.T) {
	f := func(err error, connected bool, want ErrorKind) {
		t.Helper()
		if got := lostKind(err, connected); got != want {
			t.Errorf("%v (connected: %v) is %s, want %s", err, connected, got, want)
		}
	}
	f(errors.New("refused"), false, ErrorConnect)
	f(errors.New("reset by peer"), true, ErrorConnection)
	f(fmt.Errorf("x: %w", ErrProtocol), true, ErrorProtocol)
	f(fmt.Errorf("x: %w", errSlowSource), true, ErrorSlow)
}
