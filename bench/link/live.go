package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"umbra/bench/delay"
	"umbra/bench/plain"
	"umbra/bench/process"
	"umbra/bench/shadow"
)

// livePair is a pair of a cell whose topic grows while it is read: a fresh topic for
// each side, which has begun to wait when the growth begins. What a batch costs that
// comes alone is in it, and what many partitions cost at a rate; not what it costs to
// make their logs: every partition has got a batch before.
func (r *run) livePair(ctx context.Context, s *shadow.Shadow, cell Cell) (out Round, err error) {
	if err := r.liveDiscard(ctx, cell, &out.Discard); err != nil {
		return out, err
	}
	err = r.liveShadow(ctx, s, cell, &out.Shadow)
	return out, err
}

func (r *run) liveDiscard(ctx context.Context, cell Cell, into *Sample) (err error) {
	src, err := startSynthetic(cell, topicPrefix+cell.Name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close(ctx)) }()
	d, err := startDiscard(src.Bootstrap(), src.Topic(), cell)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	first := cell.settling(src)
	if _, err := follow(ctx, d, src, first, src.foretell(first)); err != nil {
		return err
	}
	w, err := r.begin(src.Watch(), watchDiscard, d.PID())
	if err != nil {
		return err
	}
	total, err := follow(ctx, d, src, cell, src.foretell(first, cell))
	if err != nil {
		return err
	}
	win, err := w.End(r.rule)
	*into = NewSample(watchDiscard, total.Bytes, win)
	into.Chunk = float64(total.Bytes) / float64(max(1, total.Chunks))
	return err
}

// follow makes the source grow while d reads. A side that fails ends the other.
func follow(ctx context.Context, d *process.Discard, src *canned, cell Cell, ends map[int32]int64) (total plain.Total, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	grown := make(chan error, 1)
	go func() {
		_, err := src.Grow(ctx, cell.Live, cell.LiveFor)
		if err != nil {
			cancel()
		}
		grown <- err
	}()
	if total, err = d.Follow(ctx, ends); err != nil {
		cancel()
	}
	return total, errors.Join(err, <-grown)
}

// settling is the cell for as long as it takes to give every partition a batch.
func (c Cell) settling(src *canned) Cell {
	c.LiveFor = time.Duration(c.Partitions) * src.About.Step(c.Live)
	return c
}

// foretell is where the partitions end when the source has grown, cell after cell.
func (s *canned) foretell(cells ...Cell) map[int32]int64 {
	ends := map[int32]int64{}
	for _, c := range cells {
		for p := range c.Partitions {
			ends[int32(p)] += s.About.Records * s.About.Batches(c.Live, c.LiveFor, p, c.Partitions)
		}
	}
	return ends
}

func (r *run) liveShadow(ctx context.Context, s *shadow.Shadow, cell Cell, into *Sample) (err error) {
	src, err := startSynthetic(cell, topicPrefix+cell.Name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close(ctx)) }()
	c, err := s.Begin(ctx, src.Bootstrap(), src.Topic())
	if err != nil {
		return err
	}
	empty := map[int32]int64{}
	for p := range cell.Partitions {
		empty[int32(p)] = 0
	}
	if _, err := await(ctx, c, empty); err != nil { // the topic is there
		return err
	}
	settling := cell.settling(src)
	if _, err := src.Grow(ctx, cell.Live, settling.LiveFor); err != nil {
		return err
	}
	if _, err := await(ctx, c, src.foretell(settling)); err != nil {
		return err
	}
	before, err := heap(ctx, s)
	if err != nil {
		return err
	}
	w, err := r.begin(src.Watch(), watchUmbra, s.Daemon.PID())
	if err != nil {
		return err
	}
	acks, err := src.Grow(ctx, cell.Live, cell.LiveFor)
	if err != nil {
		return err
	}
	ends := src.foretell(settling, cell)
	if _, err := await(ctx, c, ends); err != nil {
		return err
	}
	win, err := w.End(r.rule)
	*into = NewSample(watchUmbra, int64(len(acks))*int64(src.About.BatchBytes), win)
	after, e := heap(ctx, s)
	into.Heap, err = after.since(before), errors.Join(err, e)
	for p, end := range delay.Ends(acks) {
		if err == nil && ends[p] != end {
			err = fmt.Errorf("partition %d of the source grew to %d and not to %d, as was foretold", p, end, ends[p])
		}
	}
	return errors.Join(err, forget(ctx, c))
}
