package link

import (
	"context"
	"errors"
	"maps"
	"os"
	"strconv"

	"umbra/bench/measure"
	"umbra/bench/process"
	"umbra/bench/shadow"
)

// The names of processes in a measure.Window.
const (
	watchSource  = "source"
	watchWay     = "way"
	watchDiscard = "discard"
	watchUmbra   = "umbra"
)

// pair fetches the topic and throws it away, then shadows it. The copy stays.
func (r *run) pair(ctx context.Context, src source, s *shadow.Shadow, cell Cell) (out Round, c *shadow.Copy, err error) {
	ends, err := r.discard(ctx, src, cell, &out.Discard)
	if err != nil {
		return out, nil, err
	}
	before, err := heap(ctx, s)
	if err != nil {
		return out, nil, err
	}
	w, err := r.begin(src.Watch(), watchUmbra, s.Daemon.PID())
	if err != nil {
		return out, nil, err
	}
	if c, err = s.Begin(ctx, src.Bootstrap(), src.Topic()); err != nil {
		return out, nil, err
	}
	first, err := await(ctx, c, ends)
	if err != nil {
		return out, nil, err
	}
	end := measure.Now()
	win, err := w.End(r.rule)
	out.Shadow = NewSample(watchUmbra, out.Discard.Bytes, win)
	if cell.Line > 0 {
		out.Shadow.Filled = filledRate(out.Discard.Bytes, first, end)
		out.Discard.Filled = out.Discard.GiBps
	}
	after, e := heap(ctx, s)
	out.Shadow.Heap = after.since(before)
	return out, c, errors.Join(err, e)
}

// filledRate is how fast the rest came, from the first sight of records on, in GiB/s.
// What a link needs before it fetches, a few round trips, is not in it.
func filledRate(bytes int64, first arrival, end int64) float64 {
	took := float64(end-first.at) / 1e9
	if first.at == 0 || took <= 0 {
		return 0
	}
	return float64(bytes) * (1 - first.share) / (1 << 30) / took
}

func (r *run) discard(ctx context.Context, src source, cell Cell, into *Sample) (ends map[int32]int64, err error) {
	d, err := startDiscard(src.Bootstrap(), src.Topic(), cell)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	w, err := r.begin(src.Watch(), watchDiscard, d.PID())
	if err != nil {
		return nil, err
	}
	total, err := d.Run(ctx)
	if err != nil {
		return nil, err
	}
	win, err := w.End(r.rule)
	*into = NewSample(watchDiscard, total.Bytes, win)
	into.Chunk = float64(total.Bytes) / float64(max(1, total.Chunks))
	return d.Ends, err
}

func startDiscard(bootstrap, topic string, cell Cell) (*process.Discard, error) {
	return process.StartDiscard(process.DiscardConfig{Bootstrap: first(bootstrap), Topic: topic, Chunk: cell.Chunk, Answer: answerBytes})
}

// begin starts a stretch that watches the source's processes and one more under
// its name. Every umbra that idles meanwhile is watched too, so that it is not
// taken for somebody else.
func (r *run) begin(source map[string]int, name string, pid int) (*measure.Watch, error) {
	pids := maps.Clone(source)
	if pids == nil {
		pids = map[string]int{}
	}
	pids[name] = pid
	for engine, s := range r.umbras() {
		if s.Daemon.Running() && s.Daemon.PID() != pid {
			pids["idle "+engine] = s.Daemon.PID()
		}
	}
	return measure.Begin(pids)
}

// forgetPeak makes the kernel reckon a process's peak of resident memory anew.
func forgetPeak(pid int) error {
	return os.WriteFile("/proc/"+strconv.Itoa(pid)+"/clear_refs", []byte("5"), 0)
}
