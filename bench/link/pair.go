package link

import (
	"context"
	"errors"
	"fmt"

	"umbra/bench/measure"
	"umbra/bench/plain"
	"umbra/bench/process"
	"umbra/bench/report"
)

// The names of processes in a measure.Window.
const (
	watchSource  = "source"
	watchDiscard = "discard"
	watchUmbra   = "umbra"
)

// warmBytes is copied by every umbra before what is measured, from a source of its
// own: buffers are mapped, code and connections warm, as in one that runs for long.
const warmBytes = 192 << 20

// pair fetches the topic and throws it away, then shadows it.
func (r *run) pair(ctx context.Context, src source, engine string) (report.Round, error) {
	var out report.Round
	total, ends, err := r.discard(ctx, src, &out.Discard)
	if err == nil {
		err = r.shadow(ctx, src, engine, total, ends, &out.Shadow)
	}
	return out, err
}

func (r *run) discard(ctx context.Context, src source, into *report.Sample) (total plain.Total, ends map[int32]int64, err error) {
	d, err := process.StartDiscard(process.DiscardConfig{Bootstrap: first(src.Bootstrap()), Topic: topicLoad, Chunk: r.Chunk, Answer: answerBytes})
	if err != nil {
		return total, nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	w, err := measure.Begin(with(src.Watch(), watchDiscard, d.PID()))
	if err != nil {
		return total, nil, err
	}
	if total, err = d.Run(ctx); err != nil {
		return total, nil, err
	}
	win, err := w.End(r.rule)
	if err != nil {
		return total, nil, err
	}
	*into = report.NewSample(watchDiscard, total.Bytes, win)
	into.Chunk = float64(total.Bytes) / float64(max(1, total.Chunks))
	return total, d.Ends, nil
}

func (r *run) shadow(ctx context.Context, src source, engine string, want plain.Total, ends map[int32]int64, into *report.Sample) (err error) {
	s, err := r.startWarm(ctx, engine)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	w, err := measure.Begin(with(src.Watch(), watchUmbra, s.daemon.PID()))
	if err != nil {
		return err
	}
	if err := s.Link(ctx, "bench", src.Bootstrap(), topicLoad); err != nil {
		return err
	}
	if err := s.Await(ctx, "bench", topicLoad, ends); err != nil {
		return err
	}
	win, err := w.End(r.rule)
	if err != nil {
		return err
	}
	*into = report.NewSample(watchUmbra, want.Bytes, win)
	if err := s.daemon.Stop(); err != nil {
		return err
	}
	got, err := logBytes(s.daemon.DataDir(), topicLoad)
	if err == nil && got != want.Bytes {
		err = fmt.Errorf("compare the copy: topic %q has %d bytes at the source and %d on the shadow", topicLoad, want.Bytes, got)
	}
	return err
}

// startWarm starts an umbra and lets it copy a little, from the warm source.
func (r *run) startWarm(ctx context.Context, engine string) (*shadow, error) {
	s, err := r.start(ctx, engine)
	if err != nil {
		return nil, err
	}
	const topic = warmTopic
	if err = s.Link(ctx, "warm", r.warm.About.Addr, topic); err == nil {
		err = s.Await(ctx, "warm", topic, r.warmEnds)
	}
	if err == nil {
		err = s.admin.DeleteLink(ctx, "warm", true)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("warm umbra up: %w", err), s.Close())
	}
	return s, nil
}

// with is pids and one more.
func with(pids map[string]int, name string, pid int) map[string]int {
	out := map[string]int{name: pid}
	for n, p := range pids {
		out[n] = p
	}
	return out
}
