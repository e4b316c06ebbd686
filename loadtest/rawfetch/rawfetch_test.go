package rawfetch_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"umbra/loadtest/hostile"
	"umbra/loadtest/rawfetch"
)

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func source(t *testing.T, name string, topics ...*hostile.Topic) (*hostile.Server, *rawfetch.Reader) {
	t.Helper()
	s, err := hostile.Start(topics...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	r, err := rawfetch.Open(name, s.Seeds()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return s, r
}

func TestEqualLogsCompareEqual(t *testing.T) {
	ctx := within(t, 30*time.Second)
	_, a := source(t, "a", hostile.NewTopic("t", 1, 40, 10, 1, 2))
	_, b := source(t, "b", hostile.NewTopic("t", 1, 40, 10, 1, 2))
	equals, err := rawfetch.CompareTopic(ctx, a, b, "t", rawfetch.Exact)
	if err != nil {
		t.Fatal(err)
	}
	if len(equals) != 2 || equals[1].To != 400 || equals[1].Batches != 40 || equals[1].Records != 400 || equals[1].Bytes == 0 {
		t.Fatalf("compared %v", equals)
	}
}

// Every kind of difference is found and named.
func TestCompareNamesTheDifference(t *testing.T) {
	f := func(name string, ta, tb *hostile.Topic, depth rawfetch.Depth, want string) {
		t.Helper()
		ctx := within(t, 30*time.Second)
		_, a := source(t, "a", ta)
		_, b := source(t, "b", tb)
		_, err := rawfetch.CompareTopic(ctx, a, b, "t", depth)
		var d *rawfetch.Difference
		if !errors.As(err, &d) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want a difference with %q", name, err, want)
		}
	}
	topic := func(batches, per int, leaders ...int32) *hostile.Topic {
		return hostile.NewTopic("t", 1, batches, per, leaders...)
	}
	f("shorter copy", topic(10, 10, 1), topic(9, 10, 1), rawfetch.Exact, "high watermark differs")
	f("longer copy", topic(9, 10, 1), topic(10, 10, 1), rawfetch.Prefix, "end of the copy")
	f("other batches", topic(10, 10, 1), topic(20, 5, 1), rawfetch.Exact, "byte 10 of the batch at offset 0 (length)")
	f("other partitions", topic(10, 10, 1), topic(10, 10, 1, 1), rawfetch.Exact, "number of partitions")
	f("other id", topic(10, 10, 1), hostile.NewTopic("t", 2, 10, 10, 1), rawfetch.Exact, "topic id")
	moved := topic(10, 10, 1)
	moved.Partitions[0].Start = 10
	f("other start", topic(10, 10, 1), moved, rawfetch.Exact, "log start differs")
	epoch := topic(10, 10, 1)
	epoch.Partitions[0].Epoch = 3
	f("other epochs", topic(10, 10, 1), epoch, rawfetch.Exact, "leader epoch 0 differs")
}

func TestPrefixIsEqualSoFar(t *testing.T) {
	ctx := within(t, 30*time.Second)
	_, a := source(t, "a", hostile.NewTopic("t", 1, 20, 10, 1))
	_, b := source(t, "b", hostile.NewTopic("t", 1, 12, 10, 1))
	eq, err := rawfetch.Compare(ctx, a, b, "t", 0, rawfetch.Prefix)
	if err != nil || eq.To != 120 {
		t.Fatalf("%v, %v; want offsets up to 120 equal", eq, err)
	}
}

// A recording outlives its source.
func TestRecordingIsHeldByACopy(t *testing.T) {
	ctx := within(t, 30*time.Second)
	src, a := source(t, "a", hostile.NewTopic("t", 1, 20, 10, 1))
	_, same := source(t, "same", hostile.NewTopic("t", 1, 20, 10, 1))
	_, other := source(t, "other", hostile.NewTopic("t", 1, 40, 5, 1))
	_, short := source(t, "short", hostile.NewTopic("t", 1, 19, 10, 1))
	rec, err := rawfetch.Record(ctx, a, "t", 0)
	if err != nil {
		t.Fatal(err)
	}
	src.SetFault("t", 0, hostile.Fault{Kind: hostile.Silence})
	if rec.Batches() != 20 {
		t.Fatalf("recorded %d batches, want 20", rec.Batches())
	}
	if err := rec.HeldBy(ctx, same, 0, 200); err != nil {
		t.Errorf("held by an equal copy: %v", err)
	}
	if err := rec.HeldBy(ctx, same, 55, 130); err != nil {
		t.Errorf("part of an equal copy: %v", err)
	}
	var d *rawfetch.Difference
	if err := rec.HeldBy(ctx, other, 0, 200); !errors.As(err, &d) {
		t.Errorf("held by another log: %v, want a difference", err)
	}
	if err := rec.HeldBy(ctx, short, 0, 190); err != nil {
		t.Errorf("held by a shorter copy, up to its end: %v", err)
	}
}

// A lie in the records is an error, never a batch.
func TestBatchesRefusesLies(t *testing.T) {
	for kind, want := range map[hostile.Kind]string{
		hostile.WrongCRC:       "checksum is",
		hostile.Overlap:        "begins before the end",
		hostile.NegativeLength: "less than a head",
		hostile.WrongBase:      "asked for offset",
		hostile.CountMismatch:  "more records than offsets",
		hostile.OldMagic:       "message format 1",
	} {
		ctx := within(t, 30*time.Second)
		s, r := source(t, "s", hostile.NewTopic("t", 1, 20, 10, 1))
		s.SetFault("t", 0, hostile.Fault{Kind: kind, At: 50})
		var at int64
		var last error
		for b, err := range r.Batches(ctx, "t", 0, 0, 200) {
			if last = err; err == nil {
				at = b.Last + 1
			}
		}
		if last == nil || !strings.Contains(last.Error(), want) {
			t.Errorf("%s: read to %d, then %v; want an error with %q", kind, at, last, want)
		}
		if at < 50 {
			t.Errorf("%s: only read to %d, the first 50 are right", kind, at)
		}
	}
}
