package traffic

import (
	"context"
	"errors"
	"fmt"

	"umbra/bench/report"
	"umbra/bench/traffic/load"
)

// produce measures producing.
func (r *run) produce(ctx context.Context, out *Report) error {
	return r.each(ctx, out, func(ctx context.Context, s *system, c cell) (got Round, err error) {
		if got.Paced, err = r.onFresh(ctx, s, load.Steady, c); err == nil {
			got.Full, err = r.onFresh(ctx, s, load.Flat, c)
		}
		return got, err
	})
}

// onFresh measures a load on an empty topic.
func (r *run) onFresh(ctx context.Context, s *system, kind load.Kind, c cell) (out Sample, err error) {
	j := r.job(s, kind, c)
	if j.Topic, err = s.fresh(ctx, j.Partitions); err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.Drop(context.WithoutCancel(ctx), j.Topic)) }()
	return r.measure(ctx, s, j)
}

// tails are the topics whose ends are read, by system and number of partitions: every
// reader has one to itself, so that one batch is one read. They stay for the whole
// run: a Kafka takes seconds to make one of 256 partitions.
type tails map[*system]map[int]string

func (t tails) measure(ctx context.Context, r *run, s *system, c cell) (out Sample, err error) {
	j := r.job(s, load.Tail, c)
	j.Partitions = r.tailPartitions(c.conns)
	if t[s] == nil {
		t[s] = map[int]string{}
	}
	if j.Topic = t[s][j.Partitions]; j.Topic == "" {
		if j.Topic, err = s.fresh(ctx, j.Partitions); err != nil {
			return out, err
		}
		t[s][j.Partitions] = j.Topic
	}
	return r.measure(ctx, s, j)
}

func (t tails) drop(ctx context.Context) error {
	var errs []error
	for s, topics := range t {
		for _, topic := range topics {
			errs = append(errs, s.Drop(ctx, topic))
		}
	}
	return errors.Join(errs...)
}

// consume measures consuming: every batch size has a topic of its own at every system.
func (r *run) consume(ctx context.Context, out *Report) (err error) {
	type key struct {
		*system
		batch int
	}
	topics, ends := map[key]string{}, tails{}
	defer func() { err = errors.Join(err, ends.drop(context.WithoutCancel(ctx))) }()
	for _, s := range r.systems {
		for _, b := range r.Batches {
			topic := fmt.Sprintf("umbra-bench-%s-read-%d", s.name, b)
			batch, err := load.Canned(r.Record, b)
			if err != nil {
				return err
			}
			if err := s.Fill(ctx, topic, r.Partitions, batch, r.Bytes, r.Line); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			topics[key{s, b}] = topic
			defer func() { err = errors.Join(err, s.Drop(context.WithoutCancel(ctx), topic)) }()
		}
	}
	return r.each(ctx, out, func(ctx context.Context, s *system, c cell) (got Round, err error) {
		if got.Paced, err = ends.measure(ctx, r, s, c); err != nil {
			return got, err
		}
		j := r.job(s, load.Read, c)
		j.Topic = topics[key{s, c.batch}]
		got.Full, err = r.measure(ctx, s, j)
		return got, err
	})
}

// remark says what a reader must know beside the figures.
func (out *Report) remark(o Options) {
	var r report.Remarks
	ran := func(system string) bool {
		for _, c := range out.Cells {
			if c.System == system && len(c.Rounds) > 0 {
				return true
			}
		}
		return false
	}
	for _, p := range promises() {
		if ran(p[0]) {
			r.Say("%s: %s", p[0], p[1])
		}
	}
	if o.Bench == Produce {
		r.Say("batches of one producer are sent without idempotence, %d requests under way on a connection in the closed loop", o.Inflight)
	} else {
		r.Say("from the start, Kafka finds everything in the page cache and sends it from there; umbra with engine io_uring goes around that cache: but for a hot tail of a few MiB it reads the disk, and it checks the checksum of every batch that comes from there")
		r.Say("a reader at the end has its partition to itself; both brokers show a batch before it is fsynced: Kafka and umbra-interval when the page cache has it, umbra when the disk has it, for its producer waits for the fsync that follows")
	}
	var d report.Disturbance
	for _, c := range out.Cells {
		for i := range c.Rounds {
			if why := c.Rounds[i].Paced.Unkept; why != "" {
				r.Say("%s %s round %d: %s", c.System, c.point(), i+1, why)
			}
			d.Look(fmt.Sprintf("%s %s round %d", c.System, c.point(), i+1), &c.Rounds[i].Paced.Window, &c.Rounds[i].Full.Window)
		}
	}
	if d.Dirty() {
		r.Say("%s", d.String())
	}
	r.Place(out.Env)
	out.Remarks = r.Lines()
}
