package link

import (
	"context"
	"errors"

	"umbra/bench/measure"
	"umbra/bench/plain"
	"umbra/bench/process"
	"umbra/bench/shadow"
)

// The names of processes in a measure.Window.
const (
	watchSource  = "source"
	watchDiscard = "discard"
	watchUmbra   = "umbra"
)

// pair fetches the topic and throws it away, then shadows it. The copy stays.
func (r *run) pair(ctx context.Context, src source, s *shadow.Shadow) (out Round, c *shadow.Copy, err error) {
	total, ends, err := r.discard(ctx, src, &out.Discard)
	if err != nil {
		return out, nil, err
	}
	w, err := r.begin(src.Watch(), watchUmbra, s.Daemon.PID())
	if err != nil {
		return out, nil, err
	}
	if c, err = s.Begin(ctx, src.Bootstrap(), topicLoad); err != nil {
		return out, nil, err
	}
	if err := c.Await(ctx, ends); err != nil {
		return out, nil, err
	}
	win, err := w.End(r.rule)
	out.Shadow = NewSample(watchUmbra, total.Bytes, win)
	return out, c, err
}

func (r *run) discard(ctx context.Context, src source, into *Sample) (total plain.Total, ends map[int32]int64, err error) {
	d, err := process.StartDiscard(process.DiscardConfig{Bootstrap: first(src.Bootstrap()), Topic: topicLoad, Chunk: r.Chunk, Answer: answerBytes})
	if err != nil {
		return total, nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	w, err := r.begin(src.Watch(), watchDiscard, d.PID())
	if err != nil {
		return total, nil, err
	}
	if total, err = d.Run(ctx); err != nil {
		return total, nil, err
	}
	win, err := w.End(r.rule)
	*into = NewSample(watchDiscard, total.Bytes, win)
	into.Chunk = float64(total.Bytes) / float64(max(1, total.Chunks))
	return total, d.Ends, err
}

// begin starts a stretch that watches the source's processes and one more under
// its name. Every umbra that idles meanwhile is watched too, so that it is not
// taken for somebody else.
func (r *run) begin(source map[string]int, name string, pid int) (*measure.Watch, error) {
	pids := map[string]int{name: pid}
	for n, p := range source {
		pids[n] = p
	}
	for engine, s := range r.shadows {
		if s.Daemon.Running() && s.Daemon.PID() != pid {
			pids["idle "+engine] = s.Daemon.PID()
		}
	}
	return measure.Begin(pids)
}
