package peers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"umbra/bench/delay"
	"umbra/bench/hdr"
)

const (
	delayRecord = 1024             // bytes of a value while the delay is measured
	delayWarm   = 2 * time.Second  // of load before what is measured
	delayDrain  = 60 * time.Second // for the last record to be readable everywhere
)

// errSlow is a copy that did not keep up with the load.
var errSlow = errors.New("not all was readable in time")

// delays measures the delay of every system that can be read while it copies, one
// after the other.
func (s *stage) delays(ctx context.Context, systems map[string]system, rate float64, order *rand.Rand, out *Report) error {
	names := s.ordered()
	rows := map[string]*Delay{}
	for _, i := range order.Perm(len(names)) {
		sys, ok := systems[names[i]].(live)
		if !ok {
			continue
		}
		s.Say("delay at %.0f MB/s, %s", rate/1e6, title(names[i]))
		d, err := s.delay(ctx, sys, names[i], rate)
		if errors.Is(err, errSlow) && ctx.Err() == nil {
			d, err = &Delay{System: names[i], Rate: rate, Failed: strings.Join(strings.Fields(err.Error()), " ")}, nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", names[i], err)
		}
		rows[names[i]] = d
	}
	for _, name := range names {
		if rows[name] != nil {
			out.Delays = append(out.Delays, rows[name])
		}
	}
	return nil
}

// delay measures one system on a topic of its own, which begins empty at both sides:
// a mirror that copies each record once gives it the offset it has at the source.
func (s *stage) delay(ctx context.Context, sys live, name string, rate float64) (out *Delay, err error) {
	s.loads++
	t := topic{name: fmt.Sprintf("umbra-bench-delay-%d", s.loads), ends: map[int32]int64{}}
	for p := range s.Partitions {
		t.ends[int32(p)] = 0
	}
	if _, err := s.source.create(ctx, t.name, s.Partitions); err != nil {
		return nil, err
	}
	addr, stop, err := sys.follow(ctx, t)
	defer func() {
		ctx, cancel := within(ctx)
		defer cancel()
		if stop != nil {
			err = errors.Join(err, stop(ctx))
		}
		err = errors.Join(err, s.source.drop(ctx, t.name))
	}()
	if err != nil {
		return nil, err
	}
	l := delay.Load{Topic: t.name, Partitions: s.Partitions, Record: delayRecord, Burst: max(1, s.Batch/delayRecord) * delayRecord, Rate: rate}
	out = &Delay{System: name, Rate: rate, Burst: l.Burst, Seconds: s.DelayFor.Seconds()}
	return out, s.observe(ctx, addr, t, l, out)
}

// observe reads both sides while the load runs.
func (s *stage) observe(ctx context.Context, addr string, t topic, l delay.Load, out *Delay) error {
	own, err := delay.Observe(ctx, "the source", s.source.addr, t.name, t.ends)
	if err != nil {
		return err
	}
	defer own.Stop()
	far, err := delay.Observe(ctx, "the copy", addr, t.name, t.ends)
	if err != nil {
		return err
	}
	defer far.Stop()
	send := func(d time.Duration) ([]delay.Ack, error) {
		l.For = d
		acks, err := delay.Produce(ctx, s.source.addr, l)
		if err == nil && len(acks) == 0 {
			err = errors.New("nothing was sent")
		}
		if err == nil {
			err = own.Await(ctx, delay.Ends(acks), delayDrain)
		}
		if err == nil {
			if err = far.Await(ctx, delay.Ends(acks), delayDrain); errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("%w: %w", errSlow, err)
			}
		}
		return acks, err
	}
	if _, err := send(delayWarm); err != nil {
		return err
	}
	w, err := s.begin(nil)
	if err != nil {
		return err
	}
	acks, err := send(s.DelayFor)
	if err != nil {
		return err
	}
	if out.Window, err = w.End(s.rule); err != nil {
		return err
	}
	if err := s.agree(ctx, addr, t.name, delay.Ends(acks)); err != nil {
		return err
	}
	return out.summarize(acks, own.Stop(), far.Stop(), l.Step())
}

// agree makes sure that records can be told by their offsets: the copy ends where the source
// does, so no record was written twice or left out.
func (s *stage) agree(ctx context.Context, addr, topic string, want map[int32]int64) error {
	have, err := endsOf(ctx, addr, topic)
	if err != nil {
		return err
	}
	for p, end := range want {
		if have[p] != end {
			return fmt.Errorf("match records of topic %q by their offsets: partition %d ends at %d at the source and at %d in the copy; measure again", topic, p, end, have[p])
		}
	}
	return nil
}

func (d *Delay) summarize(acks []delay.Ack, own, far []delay.Sight, step time.Duration) error {
	var late []time.Duration
	for _, a := range acks {
		late = append(late, time.Duration(a.Late))
	}
	d.Late = delay.Summarize(late)
	for _, side := range []struct {
		sights []delay.Sight
		into   *delay.Summary
		curve  *Curve
	}{{own, &d.Source, &d.sourceCurve}, {far, &d.Copy, &d.copyCurve}} {
		list, err := delay.Join(acks, side.sights, step)
		if err != nil {
			return err
		}
		*side.into = delay.Summarize(list)
		side.curve.X, side.curve.Y = hdr.Curve(delay.Histogram(list), 1000)
		for i := range side.curve.Y {
			side.curve.Y[i] = max(side.curve.Y[i], 0.001) // the histogram's unit: a log axis has no 0
		}
	}
	d.Difference = d.Copy.Minus(d.Source)
	return nil
}
