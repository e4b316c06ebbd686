package rawfetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"iter"
)

// Depth says how much Compare asks for.
type Depth int

const (
	// Exact: same log start, high watermark and last stable offset, every batch
	// equal, and the same answers about the leader epochs in them and about times.
	Exact Depth = iota
	// Prefix: what b holds is a run of a's batches that begins where b's log
	// begins and ends at or before a's high watermark. For a copy that is still
	// catching up.
	Prefix
)

// Equal is what Compare found equal.
type Equal struct {
	Topic     string
	Partition int32
	From, To  int64 // offsets compared, To exclusive
	Batches   int
	Records   int64
	Bytes     int64
	Epochs    []int32 // leader epochs seen, in order
	SHA256    [sha256.Size]byte
}

func (e Equal) String() string {
	return fmt.Sprintf("%s/%d: offsets %d-%d equal (%d batches, %d records, %d bytes, sha256 %x)",
		e.Topic, e.Partition, e.From, e.To, e.Batches, e.Records, e.Bytes, e.SHA256[:6])
}

// A Difference is the first place where two logs are not the same. It is an error.
type Difference struct {
	Topic     string
	Partition int32
	What      string // "log start", "bytes", "batch missing in shadow" ..
	A, B      string // each side, for a person
}

func (d *Difference) Error() string {
	return fmt.Sprintf("%s/%d: %s differs\n  %s\n  %s", d.Topic, d.Partition, d.What, d.A, d.B)
}

// Compare reads a partition from both clusters, side by side and in constant
// memory, and returns a *Difference at the first place they are not the same.
// Nobody may write to an Exact comparison's partition meanwhile.
func Compare(ctx context.Context, a, b *Reader, topic string, partition int32, depth Depth) (Equal, error) {
	from, to, err := compareBounds(ctx, a, b, topic, partition, depth)
	if err != nil {
		return Equal{}, err
	}
	eq, samples, err := compareBatches(ctx, a, b, topic, partition, from, to)
	if err != nil || depth == Prefix {
		return eq, err
	}
	if err := compareEpochs(ctx, a, b, eq); err != nil {
		return eq, err
	}
	return eq, compareTimes(ctx, a, b, eq, samples)
}

// CompareRange compares the batches that hold offsets from up to to, exclusive, and
// nothing else: for logs that have gone different ways since.
func CompareRange(ctx context.Context, a, b *Reader, topic string, partition int32, from, to int64) (Equal, error) {
	eq, _, err := compareBatches(ctx, a, b, topic, partition, from, to)
	return eq, err
}

// compareBatches walks both sides at once; times are samples of the timestamps met.
func compareBatches(ctx context.Context, a, b *Reader, topic string, partition int32, from, to int64) (eq Equal, times []int64, err error) {
	eq = Equal{Topic: topic, Partition: partition, From: from, To: to}
	nextA, stopA := iter.Pull2(a.Batches(ctx, topic, partition, from, to))
	defer stopA()
	nextB, stopB := iter.Pull2(b.Batches(ctx, topic, partition, from, to))
	defer stopB()
	sum := sha256.New()
	for {
		ba, errA, okA := nextA()
		bb, errB, okB := nextB()
		switch {
		case errA != nil:
			return eq, nil, errA
		case errB != nil:
			return eq, nil, errB
		case !okA && !okB:
			sum.Sum(eq.SHA256[:0])
			return eq, times, nil
		}
		if d := differ(a, b, topic, partition, ba, bb, okA, okB); d != nil {
			return eq, nil, d
		}
		eq.add(ba, sum)
		if eq.Batches&(eq.Batches-1) == 0 { // at 1, 2, 4, 8 .. batches
			times = append(times, ba.MaxTimestamp)
		}
	}
}

// CompareTopic compares every partition; the topics must have equally many.
func CompareTopic(ctx context.Context, a, b *Reader, topic string, depth Depth) ([]Equal, error) {
	ta, err := a.Topic(ctx, topic)
	if err != nil {
		return nil, err
	}
	tb, err := b.Topic(ctx, topic)
	if err != nil {
		return nil, err
	}
	if len(ta.Partitions) != len(tb.Partitions) {
		return nil, &Difference{Topic: topic, Partition: -1, What: "number of partitions",
			A: fmt.Sprintf("%s: %d", a.name, len(ta.Partitions)), B: fmt.Sprintf("%s: %d", b.name, len(tb.Partitions))}
	}
	if ta.ID != tb.ID && ta.ID != [16]byte{} {
		return nil, &Difference{Topic: topic, Partition: -1, What: "topic id",
			A: fmt.Sprintf("%s: %x", a.name, ta.ID), B: fmt.Sprintf("%s: %x", b.name, tb.ID)}
	}
	var out []Equal
	for p := range ta.Partitions {
		eq, err := Compare(ctx, a, b, topic, int32(p), depth)
		if err != nil {
			return out, err
		}
		out = append(out, eq)
	}
	return out, nil
}

func (e *Equal) add(b Batch, sum hash.Hash) {
	e.Batches++
	e.Records += int64(b.Count)
	e.Bytes += int64(len(b.Raw))
	if n := len(e.Epochs); n == 0 || e.Epochs[n-1] != b.LeaderEpoch {
		e.Epochs = append(e.Epochs, b.LeaderEpoch)
	}
	sum.Write(b.Raw)
}

// compareBounds checks the ends and gives the range of offsets to read.
func compareBounds(ctx context.Context, a, b *Reader, topic string, partition int32, depth Depth) (from, to int64, err error) {
	// b first: a copy never holds more than its origin did at a later moment.
	bb, err := b.Bounds(ctx, topic, partition)
	if err != nil {
		return 0, 0, err
	}
	ba, err := a.Bounds(ctx, topic, partition)
	if err != nil {
		return 0, 0, err
	}
	check := func(what string, ok bool) error {
		if ok {
			return nil
		}
		return &Difference{Topic: topic, Partition: partition, What: what,
			A: fmt.Sprintf("%s: %+v", a.name, ba), B: fmt.Sprintf("%s: %+v", b.name, bb)}
	}
	if depth == Prefix {
		return max(ba.Start, bb.Start), bb.HighWatermark, check("end of the copy", bb.HighWatermark <= ba.HighWatermark)
	}
	for _, c := range []struct {
		what string
		ok   bool
	}{
		{"log start", ba.Start == bb.Start},
		{"high watermark", ba.HighWatermark == bb.HighWatermark},
		{"last stable offset", ba.LastStable == bb.LastStable},
	} {
		if err := check(c.what, c.ok); err != nil {
			return 0, 0, err
		}
	}
	return ba.Start, ba.HighWatermark, nil
}

// differ compares one batch of each side; ok says whether the side had one.
func differ(a, b *Reader, topic string, partition int32, ba, bb Batch, okA, okB bool) *Difference {
	d := &Difference{Topic: topic, Partition: partition}
	switch {
	case okA && okB && bytes.Equal(ba.Raw, bb.Raw):
		return nil
	case !okB:
		d.What, d.A, d.B = "end", fmt.Sprintf("%s has %v", a.name, &ba), fmt.Sprintf("%s has no more", b.name)
	case !okA:
		d.What, d.A, d.B = "end", fmt.Sprintf("%s has no more", a.name), fmt.Sprintf("%s has %v", b.name, &bb)
	default:
		at := firstDifference(ba.Raw, bb.Raw)
		d.What = fmt.Sprintf("byte %d of the batch at offset %d (%s)", at, ba.Base, fieldAt(at))
		d.A = fmt.Sprintf("%s: %v: .. % x", a.name, &ba, around(ba.Raw, at))
		d.B = fmt.Sprintf("%s: %v: .. % x", b.name, &bb, around(bb.Raw, at))
	}
	return d
}

func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// around is 8 bytes before and after place i.
func around(b []byte, i int) []byte { return b[max(0, i-8):min(len(b), i+8)] }

func compareEpochs(ctx context.Context, a, b *Reader, eq Equal) error {
	for _, epoch := range eq.Epochs {
		ea, oa, err := a.EpochEnd(ctx, eq.Topic, eq.Partition, epoch)
		if err != nil {
			return err
		}
		eb, ob, err := b.EpochEnd(ctx, eq.Topic, eq.Partition, epoch)
		if err != nil {
			return err
		}
		if ea != eb || oa != ob {
			return &Difference{Topic: eq.Topic, Partition: eq.Partition, What: fmt.Sprintf("end of leader epoch %d", epoch),
				A: fmt.Sprintf("%s: epoch %d ends at %d", a.name, ea, oa), B: fmt.Sprintf("%s: epoch %d ends at %d", b.name, eb, ob)}
		}
	}
	return nil
}

func compareTimes(ctx context.Context, a, b *Reader, eq Equal, times []int64) error {
	for _, ms := range times {
		ta, err := a.OffsetAt(ctx, eq.Topic, eq.Partition, ms)
		if err != nil {
			return err
		}
		tb, err := b.OffsetAt(ctx, eq.Topic, eq.Partition, ms)
		if err != nil {
			return err
		}
		if ta.LeaderEpoch < 0 || tb.LeaderEpoch < 0 { // before Kafka 2.2 brokers do not say
			ta.LeaderEpoch, tb.LeaderEpoch = -1, -1
		}
		if ta != tb {
			return &Difference{Topic: eq.Topic, Partition: eq.Partition, What: fmt.Sprintf("first record at or after time %d", ms),
				A: fmt.Sprintf("%s: %+v", a.name, ta), B: fmt.Sprintf("%s: %+v", b.name, tb)}
		}
	}
	return nil
}
