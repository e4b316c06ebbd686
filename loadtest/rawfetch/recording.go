package rawfetch

import (
	"context"
	"crypto/sha256"
	"fmt"
)

// A Recording is what a partition held at one moment: a line per batch, enough to
// check a copy when the original is gone.
type Recording struct {
	Name      string // of the reader
	Topic     string
	Partition int32
	Bounds    Bounds
	marks     []mark
}

// mark stands for one batch.
type mark struct {
	base, last int64
	size       int
	sum        [16]byte // head of its SHA-256
}

func markOf(b Batch) mark {
	m := mark{base: b.Base, last: b.Last, size: len(b.Raw)}
	full := sha256.Sum256(b.Raw)
	copy(m.sum[:], full[:])
	return m
}

// Batches is how many batches were recorded.
func (r *Recording) Batches() int { return len(r.marks) }

// Record reads the partition from its log start to its high watermark.
func Record(ctx context.Context, r *Reader, topic string, partition int32) (*Recording, error) {
	bounds, err := r.Bounds(ctx, topic, partition)
	if err != nil {
		return nil, err
	}
	rec := &Recording{Name: r.name, Topic: topic, Partition: partition, Bounds: bounds}
	for b, err := range r.Batches(ctx, topic, partition, bounds.Start, bounds.HighWatermark) {
		if err != nil {
			return nil, err
		}
		rec.marks = append(rec.marks, markOf(b))
	}
	return rec, nil
}

// HeldBy checks that the reader's cluster has every recorded batch from offset from
// to offset to (exclusive), byte for byte, and nothing between them.
func (r *Recording) HeldBy(ctx context.Context, b *Reader, from, to int64) error {
	i := 0
	for i < len(r.marks) && r.marks[i].last < from {
		i++
	}
	for got, err := range b.Batches(ctx, r.Topic, r.Partition, from, to) {
		if err != nil {
			return err
		}
		d := &Difference{Topic: r.Topic, Partition: r.Partition, B: fmt.Sprintf("%s has %v", b.name, &got)}
		if i == len(r.marks) {
			d.What, d.A = "end", fmt.Sprintf("%s had no more", r.Name)
			return d
		}
		want := r.marks[i]
		if m := markOf(got); m != want {
			d.What = fmt.Sprintf("batch at offset %d", want.base)
			d.A = fmt.Sprintf("%s had batch %d-%d (%d bytes, sha256 %x)", r.Name, want.base, want.last, want.size, want.sum)
			d.B += fmt.Sprintf(", sha256 %x", m.sum)
			return d
		}
		i++
	}
	if i < len(r.marks) && r.marks[i].base < to {
		return &Difference{Topic: r.Topic, Partition: r.Partition, What: "end",
			A: fmt.Sprintf("%s had a batch at %d", r.Name, r.marks[i].base), B: fmt.Sprintf("%s has no more below %d", b.name, to)}
	}
	return nil
}
