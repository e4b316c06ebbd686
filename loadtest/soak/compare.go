package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"umbra/loadtest/rawfetch"
)

// side is one cluster's logs as the checks read them: a rawfetch.Reader's methods, or in
// a test of the checks themselves, what lies about them.
type side struct {
	name    string
	bounds  func(ctx context.Context, topic string, partition int32) (rawfetch.Bounds, error)
	batches func(ctx context.Context, topic string, partition int32, from, to int64) iter.Seq2[rawfetch.Batch, error]
}

func sideOf(r *rawfetch.Reader) side {
	return side{name: r.Name(), bounds: r.Bounds, batches: r.Batches}
}

// wrong is what a check found that cannot be. Any other error only says that the check
// could not be done.
type wrong struct{ what string }

func (w *wrong) Error() string { return w.what }

func wrongf(format string, args ...any) error { return &wrong{fmt.Sprintf(format, args...)} }

// isWrong tells what cannot be from what passes.
func isWrong(err error) bool {
	var w *wrong
	var d *rawfetch.Difference
	var c *rawfetch.Corrupt
	return errors.As(err, &w) || errors.As(err, &d) || errors.As(err, &c)
}

// span is a run of batches that were found equal.
type span struct {
	from, to       int64 // offsets, to exclusive
	batches, bytes int64
}

// prefixAt compares what the shadow holds of a partition from an offset on, in which it
// had been seen to hold everything, with the source. The shadow may be behind, never
// ahead, and what it has served it still has. Its log may start above the source's up to
// mayStart.
func prefixAt(ctx context.Context, src, dst side, topic string, partition int32, from, mayStart int64) (span, error) {
	held, err := dst.bounds(ctx, topic, partition)
	if err != nil {
		return span{}, err
	}
	// Second: a copy never holds more than its source does later.
	truth, err := src.bounds(ctx, topic, partition)
	if err != nil {
		return span{}, err
	}
	switch {
	case held.HighWatermark < from:
		return span{}, wrongf("the shadow ends at %d, but it had served all below %d", held.HighWatermark, from)
	case held.HighWatermark > truth.HighWatermark:
		return span{}, wrongf("the shadow ends at %d, the source at %d", held.HighWatermark, truth.HighWatermark)
	case held.Start > max(truth.Start, mayStart):
		return span{}, wrongf("the shadow starts at %d, the source at %d", held.Start, truth.Start)
	case held.LastStable > truth.LastStable: // whatever is decided here is decided there
		return span{}, wrongf("the shadow's last stable offset is %d, the source's %d", held.LastStable, truth.LastStable)
	}
	return equalBatches(ctx, src, dst, topic, partition, max(from, held.Start, truth.Start), held.HighWatermark)
}

// equalBatches compares the batches that hold offsets from up to to, exclusive.
func equalBatches(ctx context.Context, src, dst side, topic string, partition int32, from, to int64) (span, error) {
	s := span{from: from, to: to}
	if from >= to {
		return s, nil
	}
	nextA, stopA := iter.Pull2(src.batches(ctx, topic, partition, from, to))
	defer stopA()
	nextB, stopB := iter.Pull2(dst.batches(ctx, topic, partition, from, to))
	defer stopB()
	for {
		a, errA, okA := nextA()
		b, errB, okB := nextB()
		switch {
		case errA != nil || errB != nil:
			return s, errors.Join(errA, errB)
		case !okA && !okB:
			return s, nil
		case !okB:
			return s, wrongf("source has %v, shadow has no more", &a)
		case !okA:
			return s, wrongf("shadow has %v, source has no more", &b)
		case !bytes.Equal(a.Raw, b.Raw):
			return s, wrongf("batches differ: source %v, shadow %v", &a, &b)
		}
		s.batches++
		s.bytes += int64(len(a.Raw))
	}
}

// records decodes the records of a partition with offsets from up to to, exclusive,
// control records left out.
func records(ctx context.Context, s side, topic string, partition int32, from, to int64) iter.Seq2[*kgo.Record, error] {
	return func(yield func(*kgo.Record, error) bool) {
		if from >= to {
			return
		}
		decompress := kgo.DefaultDecompressor()
		for b, err := range s.batches(ctx, topic, partition, from, to) {
			if err != nil {
				yield(nil, err)
				return
			}
			raw := kmsg.NewFetchResponseTopicPartition()
			raw.Partition, raw.RecordBatches, raw.HighWatermark = partition, b.Raw, to
			got, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: from, Topic: topic, Partition: partition}, &raw, decompress, nil)
			if got.Err != nil {
				yield(nil, wrongf("%s: %s/%d: %v cannot be read: %v", s.name, topic, partition, &b, got.Err))
				return
			}
			for _, r := range got.Records {
				if r.Offset < to && !yield(r, nil) {
					return
				}
			}
		}
	}
}

// survivors checks that every record the source still has of a partition is on the
// shadow, at its offset, the same: what can be asked while the source compacts. It
// returns how many there were.
func survivors(ctx context.Context, src, dst side, topic string, partition int32) (n int, err error) {
	truth, err := src.bounds(ctx, topic, partition)
	if err != nil {
		return 0, err
	}
	held, err := dst.bounds(ctx, topic, partition)
	if err != nil {
		return 0, err
	}
	from := max(truth.Start, held.Start)
	var todo []expectation
	for r, err := range records(ctx, src, topic, partition, from, min(truth.HighWatermark, held.HighWatermark)) {
		if err != nil {
			return 0, err
		}
		todo = append(todo, expectation{offset: r.Offset, sum: sumOf(r)})
	}
	_, err = holds(ctx, dst, topic, partition, todo, held.HighWatermark)
	return len(todo), err
}
