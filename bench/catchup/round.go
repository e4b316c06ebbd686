package catchup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"umbra/bench/measure"
	"umbra/bench/plain"
	"umbra/bench/shadow"
	"umbra/bench/traffic/load"
)

const (
	// forEver is longer than any round: the loads of a round are stopped.
	forEver = 24 * time.Hour
	// caughtUp is how far behind counts as caught up: what arrives in this time.
	caughtUp = 100 * time.Millisecond
	// writerConns is how many connections the source is written over.
	writerConns = 4
)

// bout is a round under way.
type bout struct {
	*run
	*Round
	copy          *shadow.Copy
	gauge         *gauge
	writer, local *load.Load
	leaders       plain.Leaders // of the source's topic
}

// round is one outage, on topics of its own.
func (r *run) round(ctx context.Context, i int) (out *Round, err error) {
	b := &bout{run: r, Round: &Round{}}
	topic, local := fmt.Sprintf("umbra-bench-catchup-%d", i+1), fmt.Sprintf("umbra-bench-local-%d", i+1)
	if b.leaders, err = r.source.Create(ctx, topic, r.Partitions); err != nil {
		return nil, err
	}
	if _, err := r.local.Create(ctx, local, r.Partitions); err != nil {
		return nil, err
	}
	if b.copy, err = r.shadow.Begin(ctx, r.source.Bootstrap(), topic); err != nil {
		return nil, err
	}
	if err := b.copy.Await(ctx, startOf(r.Partitions)); err != nil {
		return nil, err
	}
	err = b.loaded(ctx, topic, local)
	if err != nil {
		return b.Round, b.copy.Broken(ctx, err)
	}
	err = b.copy.Forget(ctx)
	return b.Round, errors.Join(err, r.local.Drop(ctx, local), r.source.Drop(ctx, topic))
}

// startOf is offset 0 of every partition: the topic is there.
func startOf(partitions int) map[int32]int64 {
	out := map[int32]int64{}
	for p := range partitions {
		out[int32(p)] = 0
	}
	return out
}

// loaded runs the phases while the source grows and local clients work.
func (b *bout) loaded(ctx context.Context, topic, local string) (err error) {
	source, _, _ := strings.Cut(b.source.Bootstrap(), ",")
	if b.gauge, err = openGauge(ctx, topic, b.Partitions, source, b.shadow.Daemon.Listen, float64(len(b.batch))/float64(b.Batch)); err != nil {
		return err
	}
	defer b.gauge.close()
	job := load.Job{Partitions: b.Partitions, Record: b.Record, Batch: b.Batch, For: forEver, Warm: time.Second}
	w, l := job, job
	w.Kind, w.Addr, w.Topic, w.Conns, w.Rate = load.Steady, source, topic, writerConns, b.Rate/float64(len(b.batch))
	l.Kind, l.Addr, l.Topic, l.Conns, l.Rate, l.Samples = load.Tail, b.shadow.Daemon.Listen, local, b.LocalConns, b.LocalRate, true
	if b.writer, err = load.Start(ctx, w); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.writer.Close()) }()
	if b.local, err = load.Start(ctx, l); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.local.Close()) }()
	for _, x := range []*load.Load{b.writer, b.local} {
		if err := x.Go(); err != nil {
			return err
		}
	}
	if err := b.phases(ctx); err != nil {
		return err
	}
	var got load.Result
	for _, x := range []*load.Load{b.writer, b.local} {
		if err := x.Stop(); err != nil {
			return err
		}
		if got, err = x.Await(ctx); err != nil {
			return err
		}
	}
	b.Lag = b.gauge.points
	b.settle(got.Samples)
	return nil
}

func (b *bout) phases(ctx context.Context) error {
	limit := int64(max(b.Rate*caughtUp.Seconds(), float64(len(b.batch)*b.Partitions)))
	level := func(p Point) bool { return p.Behind <= limit }
	if _, err := b.gauge.until(ctx, true, level); err != nil {
		return err
	}
	err := b.phase(Before, func() error { return b.wait(ctx, b.Around) })
	if err == nil {
		err = b.phase(Outage, func() error { return b.outage(ctx) })
	}
	if err == nil {
		err = b.phase(During, func() error {
			last, err := b.gauge.look()
			if err != nil {
				return err
			}
			b.Backlog = last.Behind
			if _, err := b.shadow.Admin.ResumeLink(ctx, b.copy.Link); err != nil {
				return err
			}
			_, err = b.gauge.until(ctx, true, level)
			return err
		})
	}
	if err == nil {
		err = b.phase(After, func() error { return b.wait(ctx, b.Around) })
	}
	return err
}

// phase runs one and writes down what it cost.
func (b *bout) phase(name string, run func() error) error {
	b.Say("%s", name)
	w, err := b.watch(b.writer, b.local)
	if err != nil {
		return err
	}
	p := Phase{Name: name, Begin: measure.Now()}
	if err := run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p.End = measure.Now()
	if p.Window, err = w.End(b.rule); err != nil {
		return err
	}
	b.Phases = append(b.Phases, p)
	return nil
}

// wait lets time pass, looking at the lag.
func (b *bout) wait(ctx context.Context, d time.Duration) error {
	over := measure.Now() + int64(d)
	_, err := b.gauge.until(ctx, false, func(p Point) bool { return p.At >= over })
	return err
}

// outage pauses the link while the source is written.
func (b *bout) outage(ctx context.Context) error {
	if _, err := b.shadow.Admin.PauseLink(ctx, b.copy.Link); err != nil {
		return err
	}
	begin := measure.Now()
	defer func() { b.Round.Outage = time.Duration(measure.Now() - begin).Seconds() }()
	if b.Options.Backlog == 0 {
		return b.wait(ctx, b.Options.Outage)
	}
	written := make(chan error, 1)
	go func() {
		n := max(1, int(b.Options.Backlog/int64(len(b.batch)*b.Partitions)))
		written <- plain.Fill(ctx, b.leaders, b.copy.Topic, b.batch, n, func(int) {})
	}()
	var err error
	done := false
	_, looked := b.gauge.until(ctx, false, func(Point) bool {
		select {
		case err = <-written:
			done = true
		default:
		}
		return done
	})
	if !done {
		err = <-written // ctx ended, or a broker is gone: it ends too
	}
	return errors.Join(err, looked)
}
