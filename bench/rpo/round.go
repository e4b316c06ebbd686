package rpo

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/shadow"
)

// drain is how long the last record may take to be readable everywhere.
const drain = 30 * time.Second

// round makes a topic grow at a pace and measures how far behind the shadow is.
func (r *run) round(ctx context.Context, src source, p pace) (out *Round, err error) {
	l, err := src.Load(ctx, p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close(context.WithoutCancel(ctx))) }()
	c, err := r.shadow.Begin(ctx, l.Bootstrap(), l.Topic())
	if err != nil {
		return nil, err
	}
	empty := map[int32]int64{}
	for i := range p.partitions {
		empty[int32(i)] = 0
	}
	if err := c.Await(ctx, empty); err != nil {
		return nil, err
	}
	m := &meter{load: l, copy: c, pace: p, rule: r.rule}
	if out, err = m.run(ctx, empty); err != nil {
		return nil, c.Broken(ctx, err)
	}
	return out, c.Forget(ctx)
}

// meter measures one round.
type meter struct {
	load load
	copy *shadow.Copy
	pace pace
	rule measure.Rule
	own  *delay.Observer // at the source
	far  *delay.Observer // at the shadow
}

func (m *meter) run(ctx context.Context, empty map[int32]int64) (out *Round, err error) {
	first, _, _ := strings.Cut(m.load.Bootstrap(), ",")
	if m.own, err = delay.Observe(ctx, "the source", first, m.load.Topic(), empty); err != nil {
		return nil, err
	}
	defer m.own.Stop()
	if m.far, err = delay.Observe(ctx, "the shadow", m.copy.Daemon.Listen, m.load.Topic(), empty); err != nil {
		return nil, err
	}
	defer m.far.Stop()
	if _, err := m.send(ctx, m.pace.warm); err != nil {
		return nil, err
	}
	// The timetable goes on: what is idle is left idle.
	if !delay.SleepUntil(ctx, measure.Now()+int64(m.load.Step())) {
		return nil, ctx.Err()
	}
	pids := map[string]int{watchUmbra: m.copy.Daemon.PID()}
	for name, pid := range m.load.Watch() {
		pids[name] = pid
	}
	w, err := measure.Begin(pids)
	if err != nil {
		return nil, err
	}
	asked := askLag(ctx, m.copy, m.pace.sample)
	out = &Round{from: time.Now()}
	begin := measure.Now()
	acks, err := m.send(ctx, m.pace.length)
	end := measure.Now()
	out.to = time.Now()
	reports, unknown, lagErr := asked.stop()
	if err = errors.Join(err, lagErr); err != nil {
		return nil, err
	}
	if out.Window, err = w.End(m.rule); err != nil {
		return nil, err
	}
	out.Cores = out.Window.CPU[watchUmbra].Seconds() / out.Window.Wall.Seconds()
	out.Lag.Unknown = unknown
	return out, m.join(out, acks, reports, begin, end)
}

// send makes the topic grow and waits until everything is readable on both sides.
func (m *meter) send(ctx context.Context, d time.Duration) ([]delay.Ack, error) {
	acks, err := m.load.Send(ctx, d)
	if err == nil && len(acks) == 0 {
		err = errors.New("nothing was sent")
	}
	for _, o := range []*delay.Observer{m.own, m.far} {
		if err == nil {
			err = o.Await(ctx, delay.Ends(acks), drain)
		}
	}
	return acks, err
}

// join works out a round from what was written down.
func (m *meter) join(out *Round, acks []delay.Ack, reports []delay.Report, begin, end int64) error {
	source, err := delay.NewTimeline(m.own.Stop())
	if err != nil {
		return err
	}
	shadow, err := delay.NewTimeline(m.far.Stop())
	if err != nil {
		return err
	}
	if out.Source, out.source, err = side(source, acks, m.load.Step()); err != nil {
		return err
	}
	if out.Shadow, out.shadow, err = side(shadow, acks, m.load.Step()); err != nil {
		return err
	}
	behind, sooner, err := shadow.After(source, acks)
	if err != nil {
		return err
	}
	var late []time.Duration
	for _, a := range acks {
		late = append(late, time.Duration(a.Late))
	}
	out.Difference, out.Behind, out.Sooner, out.Late = out.Shadow.Minus(out.Source), delay.Summarize(behind), sooner, delay.Summarize(late)
	out.lag(shadow, source, reports, begin, end)
	return nil
}

func side(t delay.Timeline, acks []delay.Ack, step time.Duration) (delay.Summary, *hdrhistogram.Histogram, error) {
	delays, err := t.Join(acks, step)
	if err != nil {
		return delay.Summary{}, nil, err
	}
	return delay.Summarize(delays), delay.Histogram(delays), nil
}
