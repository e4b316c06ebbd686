// Package verify proves that a shadow is what its source is: it reads the
// source again, reads the local log, and compares every batch, byte for byte,
// leader epochs included (invariant S1). What it could not compare it names.
//
// The comparison of two streams of batches (compare.go) is pure; Run feeds it.
package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"umbra/core/link/source"
	"umbra/ioring/buf"
	"umbra/kafkaproto"
	"umbra/shard"
	"umbra/shard/segment"
)

// chunkBytes is how much of each side is read at a time.
const chunkBytes = 4 << 20

// Target is one partition to compare.
type Target struct {
	source.Place
	SourceID kafkaproto.TopicID // zero: ask by name
	Local    shard.PartitionID
	Shard    *shard.Shard
	// End bounds the range: the cut of a failed-over partition; -1: its end.
	End int64
	// Compacted: a difference may be the work of the source's log cleaner.
	Compacted bool
}

// Result is the outcome for one partition. Offsets [From, To) were compared.
type Result struct {
	Target     Target
	From, To   int64
	Batches    int64
	Bytes      int64
	Difference *Difference // nil: identical
	// NotCompared names ranges that exist on one side only, and why.
	NotCompared []Range
	Err         error // why the comparison ended early
}

// Range is offsets [From, To) that were not compared.
type Range struct {
	From, To int64
	Why      string
}

// Difference is the first difference of a partition.
type Difference struct {
	Offset int64
	What   string
}

// Run compares one partition. It blocks; progress is called after each chunk
// with the bytes compared since the last call.
func Run(ctx context.Context, client *source.Client, t Target, progress func(bytes int64)) Result {
	r := Result{Target: t}
	r.Err = run(ctx, client, t, progress, &r)
	return r
}

func run(ctx context.Context, client *source.Client, t Target, progress func(int64), r *Result) error {
	start, end, err := localRange(ctx, t)
	if err != nil {
		return err
	}
	if t.End >= 0 {
		end = min(end, t.End)
	}
	r.From, r.To = start, start
	first, err := client.Offsets(ctx, kafkaproto.TimestampEarliest, []source.Place{t.Place})[t.PartitionKey].Get()
	if err != nil {
		return err
	}
	high, err := client.Offsets(ctx, kafkaproto.TimestampLatest, []source.Place{t.Place})[t.PartitionKey].Get()
	if err != nil {
		return err
	}
	if from := min(max(start, first), end); from > start {
		r.skip(start, from, "the source does not have them any more")
		r.From, r.To = from, from
	}
	if high > end {
		r.skip(end, high, "not copied yet, or written after the cut")
	}
	if end > high {
		r.Difference = &Difference{Offset: high, What: fmt.Sprintf("the source ends at %d, the shadow at %d", high, end)}
		end = high
	}
	return compareRange(ctx, client, t, end, progress, r)
}

func (r *Result) skip(from, to int64, why string) {
	if to > from {
		r.NotCompared = append(r.NotCompared, Range{From: from, To: to, Why: why})
	}
}

// compareRange goes through both logs up to end.
func compareRange(ctx context.Context, client *source.Client, t Target, end int64, progress func(int64), r *Result) error {
	c := comparer{compacted: t.Compacted, next: r.From}
	for c.next < end && r.Difference == nil {
		theirs, err := fetch(ctx, client, t, c.next)
		if errors.Is(err, kafkaproto.OffsetOutOfRange) {
			first, askErr := client.Offsets(ctx, kafkaproto.TimestampEarliest, []source.Place{t.Place})[t.PartitionKey].Get()
			if askErr != nil || first <= c.next {
				return errors.Join(err, askErr)
			}
			c.pass(r, min(first, end), "the source dropped them during the comparison")
			continue
		}
		if err != nil {
			return err
		}
		ours, err := readPatiently(ctx, t, c.next, end)
		if errors.Is(err, segment.ErrOutOfRange) {
			start, _, askErr := localRange(ctx, t)
			if askErr != nil || start <= c.next {
				return errors.Join(err, askErr)
			}
			c.pass(r, min(start, end), "the shadow dropped them during the comparison, as the source did")
			continue
		}
		if err != nil {
			return err
		}
		before, was := c.bytes, c.next
		r.Difference = c.compare(theirs.Records, ours, end)
		r.Batches, r.Bytes, r.To = c.batches, c.bytes, c.next
		r.NotCompared = append(r.NotCompared, c.takeSkipped()...)
		progress(c.bytes - before)
		if c.next == was && r.Difference == nil {
			return fmt.Errorf("compare topic %q partition %d at offset %d: neither side gives a whole batch", t.Topic, t.Index, c.next)
		}
	}
	return nil
}

// pass goes on at an offset beyond what is gone on one side.
func (c *comparer) pass(r *Result, to int64, why string) {
	r.skip(c.next, to, why)
	c.next, r.To = to, to
}

// fetch asks the source again while it answers nothing because of a quota, for
// throttledMax: an empty answer counts as a hole only without one.
func fetch(ctx context.Context, client *source.Client, t Target, offset int64) (source.Fetched, error) {
	for waited := time.Duration(0); ; {
		got, err := client.Fetch(ctx, t.Place, t.SourceID, offset, chunkBytes)
		if err != nil || len(got.Records) > 0 || got.Throttle == 0 {
			return got, err
		}
		if waited >= throttledMax {
			return got, fmt.Errorf("fetch topic %q partition %d at offset %d: the source's quota lets nothing through for %v", t.Topic, t.Index, offset, waited)
		}
		wait := min(got.Throttle, throttleMax)
		waited += wait
		if err := pause(ctx, wait); err != nil {
			return got, err
		}
	}
}

const (
	// throttleMax is the longest pause of a source's quota that is believed.
	throttleMax = 30 * time.Second
	// throttledMax is how long a quota may hold back one answer.
	throttledMax = 10 * time.Minute
	// memoryWait and memoryTries are for a shard that has no memory for a read
	// now: copying goes first.
	memoryWait  = 100 * time.Millisecond
	memoryTries = 600
)

func readPatiently(ctx context.Context, t Target, offset, upTo int64) (b []byte, err error) {
	for range memoryTries {
		if b, err = readLocal(ctx, t, offset, upTo); !errors.Is(err, buf.ErrBudget) {
			return b, err
		}
		if err := pause(ctx, memoryWait); err != nil {
			return nil, err
		}
	}
	return b, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
