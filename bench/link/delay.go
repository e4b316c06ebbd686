package link

import (
	"context"
	"errors"
	"slices"
	"time"

	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/shadow"
)

const (
	delayWarm  = time.Second      // of load before what is measured
	delayDrain = 30 * time.Second // for the last record to be readable everywhere
)

// delaysOf measures the delay of a source with an engine, at every rate.
func (r *run) delaysOf(ctx context.Context, from origin, c *Case) error {
	if !r.delays() {
		return nil
	}
	if c.Source != SourceSynthetic { // a JVM's first seconds of a new load are not its own
		r.Say("%s: warming up for the delay, engine %s", c.Source, c.Engine)
		if _, err := r.delay(ctx, from, r.shadows[c.Engine], c.Cell, slices.Max(r.DelayRates)); err != nil {
			return err
		}
	}
	for _, rate := range r.DelayRates {
		r.Say("%s: delay at %.0f MB/s, engine %s", c.Source, rate/1e6, c.Engine)
		d, err := r.delay(ctx, from, r.shadows[c.Engine], c.Cell, rate)
		if err != nil {
			return err
		}
		c.Delays = append(c.Delays, d)
	}
	return nil
}

func (r *run) delay(ctx context.Context, from origin, s *shadow.Shadow, base Cell, rate float64) (out *Delay, err error) {
	l, err := from.Load(ctx, base, rate)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close(context.WithoutCancel(ctx))) }()
	ends, err := endsOf(ctx, l.Bootstrap(), l.Topic())
	if err != nil {
		return nil, err
	}
	c, err := s.Begin(ctx, l.Bootstrap(), l.Topic())
	if err != nil {
		return nil, err
	}
	if _, err := await(ctx, c, ends); err != nil { // all 0: the topic is there
		return nil, err
	}
	if out, err = r.observe(ctx, c, l, ends); err != nil {
		return nil, c.Broken(ctx, err)
	}
	out.Rate = rate
	return out, forget(ctx, c)
}

// observe reads both sides while the load runs.
func (r *run) observe(ctx context.Context, c *shadow.Copy, l load, starts map[int32]int64) (*Delay, error) {
	own, err := delay.Observe(ctx, "the source", first(l.Bootstrap()), l.Topic(), starts)
	if err != nil {
		return nil, err
	}
	defer own.Stop()
	far, err := delay.Observe(ctx, "the shadow", c.Daemon.Listen, l.Topic(), starts)
	if err != nil {
		return nil, err
	}
	defer far.Stop()
	send := func(d time.Duration) ([]delay.Ack, error) {
		acks, err := l.Send(ctx, d)
		if err == nil && len(acks) == 0 {
			err = errors.New("nothing was sent")
		}
		for _, o := range []*delay.Observer{own, far} {
			if err == nil {
				err = o.Await(ctx, delay.Ends(acks), delayDrain)
			}
		}
		return acks, err
	}
	if _, err := send(delayWarm); err != nil {
		return nil, err
	}
	w, err := r.begin(l.Watch(), watchUmbra, c.Daemon.PID())
	if err != nil {
		return nil, err
	}
	acks, err := send(r.DelayFor)
	if err != nil {
		return nil, err
	}
	win, err := w.End(r.rule)
	if err != nil {
		return nil, err
	}
	return r.summarize(l, acks, own.Stop(), far.Stop(), win)
}

func (r *run) summarize(l load, acks []delay.Ack, own, far []delay.Sight, win measure.Window) (*Delay, error) {
	out := &Delay{Burst: l.Burst(), Seconds: r.DelayFor.Seconds(), Window: win}
	var late []time.Duration
	for _, a := range acks {
		late = append(late, time.Duration(a.Late))
	}
	out.Late = delay.Summarize(late)
	for side, into := range map[*[]delay.Sight]*delay.Summary{&own: &out.Source, &far: &out.Shadow} {
		d, err := delay.Join(acks, *side, l.Step())
		if err != nil {
			return nil, err
		}
		*into = delay.Summarize(d)
	}
	out.Difference = out.Shadow.Minus(out.Source)
	out.CPU = win.CPU[watchUmbra].Seconds() / win.Wall.Seconds()
	return out, nil
}
