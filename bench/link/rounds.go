package link

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"umbra/bench/plain"
	"umbra/bench/shadow"
)

// lane is one cell of a source on its way into one engine.
type lane struct {
	*Case
	*shadow.Shadow
	src    source
	ends   map[int32]int64 // of src; nil where it grows
	copied *shadow.Copy    // kept to be compared with the source, or to be forgotten
}

// group measures cells that are open at the same time. A cell that fails is left out
// from then on, and the error returned when the others are measured.
func (r *run) group(ctx context.Context, name string, from origin, cells []Cell, until time.Time, last bool, out *Report) (err error) {
	var lanes []*lane
	defer func() { err = errors.Join(err, closeAll(ctx, lanes)) }()
	var errs []error
	for _, c := range cells {
		src, ends, err := r.open(ctx, from, c)
		opened := r.lanes(name, c, src, ends)
		for _, l := range opened {
			out.Cases = append(out.Cases, l.Case)
		}
		if err != nil {
			errs = append(errs, fail(opened[0], "open its topic", err))
			continue
		}
		lanes = append(lanes, opened...)
	}
	try := func(l *lane, what string, do func() error) {
		if l.Skipped != "" || ctx.Err() != nil {
			return
		}
		if err := do(); err != nil {
			errs = append(errs, fail(l, what, err))
		}
	}
	for _, l := range lanes {
		try(l, "warm-up", func() error { return r.warmUp(ctx, l) })
	}
	turns := r.turns(lanes)
	for round := 1; round <= r.Rounds; round++ {
		for _, i := range r.order.Perm(len(turns)) {
			if l := turns[i]; round == 1 || until.IsZero() || time.Now().Before(until) {
				r.Say("%s: round %d of %d, cell %s, engine %s", name, round, r.Rounds, l.Cell.Name, l.Case.Engine)
				try(l, fmt.Sprintf("round %d", round), func() error { return r.round(ctx, l) })
			}
		}
	}
	for _, l := range lanes {
		l.Settle()
		try(l, "check", func() error { return r.check(ctx, l, last) })
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// baseTurns is how often the base is measured in a round of the grid, and fewTurns the
// other cells that a target is about and that are noisy: one pair says little.
const (
	baseTurns = 3
	fewTurns  = 2
)

// turns are the lanes of one round.
func (r *run) turns(lanes []*lane) (out []*lane) {
	for _, l := range lanes {
		n := 1
		switch {
		case r.Grid != GridFull:
		case l.Cell.Axis == "":
			n = baseTurns
		case l.Cell.Live > 0, l.Cell.Name == cellHot:
			n = fewTurns
		}
		out = append(out, slices.Repeat([]*lane{l}, n)...)
	}
	return out
}

// fail leaves a lane out of what follows.
func fail(l *lane, what string, err error) error {
	l.Skipped = what + " failed"
	l.copied = nil
	return fmt.Errorf("cell %s, engine %s, %s: %w", l.Cell.Name, l.Case.Engine, what, err)
}

// open makes a cell's topic; one that grows is made when it is measured.
func (r *run) open(ctx context.Context, from origin, c Cell) (source, map[int32]int64, error) {
	if c.Live > 0 {
		return nil, nil, nil
	}
	src, err := from.Open(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	ends, err := endsOf(ctx, src.Bootstrap(), src.Topic())
	if err != nil {
		return nil, nil, errors.Join(err, src.Close(ctx))
	}
	return src, ends, nil
}

// lanes are a cell's: the base goes into all engines, any other into the first.
func (r *run) lanes(name string, c Cell, src source, ends map[int32]int64) (out []*lane) {
	for _, e := range r.Engines {
		s := r.shadows[e]
		if s == nil || c.Axis != "" && e != r.firstEngine() {
			continue
		}
		l := &lane{Case: &Case{Source: name, Engine: e, EngineReason: s.Reason, Cell: c}, Shadow: s, src: src, ends: ends}
		if c.Journal {
			l.Shadow, l.Skipped = r.logged, r.skipped[onJournal]
		}
		if src != nil {
			l.Plain = src.Plain()
		}
		out = append(out, l)
	}
	return out
}

func closeAll(ctx context.Context, lanes []*lane) error {
	ctx = context.WithoutCancel(ctx)
	closed := map[source]bool{nil: true}
	var errs []error
	for _, l := range lanes {
		if !closed[l.src] {
			closed[l.src] = true
			errs = append(errs, l.src.Close(ctx))
		}
	}
	return errors.Join(errs...)
}

// warmUp has an umbra copy the base until it has copied enough: buffers of the sizes
// that are called for are mapped, code and connections are warm. Other cells, but
// those that take their time, are copied once where WarmCells asks for it. The loops
// are probed meanwhile.
func (r *run) warmUp(ctx context.Context, l *lane) error {
	warm := r.Warm
	if l.Cell.Axis != "" {
		warm = 1
	}
	if r.Rounds == 0 || l.src == nil || l.Cell.Line > 0 || l.Cell.Axis != "" && !r.WarmCells {
		return nil
	}
	r.Say("%s: warming umbra up, cell %s, engine %s", l.Source, l.Cell.Name, l.Case.Engine)
	for done := int64(0); done < warm; done += l.src.Bytes() {
		if err := r.warmOnce(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) warmOnce(ctx context.Context, l *lane) error {
	c, err := l.Begin(ctx, l.src.Bootstrap(), l.src.Topic())
	if err != nil {
		return err
	}
	probing, stop := context.WithCancel(ctx)
	probed := make(chan error, 1)
	go func() { probed <- r.pulses[l.Case.Engine].probe(probing, l.Shadow) }()
	_, err = await(ctx, c, l.ends)
	stop()
	if err = errors.Join(err, <-probed); err != nil {
		return err
	}
	return forget(ctx, c)
}

func (r *run) round(ctx context.Context, l *lane) (err error) {
	if l.copied != nil {
		err, l.copied = forget(ctx, l.copied), nil
		if err != nil {
			return err
		}
	}
	pid := l.Daemon.PID()
	if err := forgetPeak(pid); err != nil {
		return err
	}
	var pair Round
	if l.Cell.Live > 0 {
		pair, err = r.livePair(ctx, l.Shadow, l.Cell)
	} else {
		pair, l.copied, err = r.pair(ctx, l.src, l.Shadow, l.Cell)
	}
	if err != nil {
		return err
	}
	l.Rounds = append(l.Rounds, pair)
	_, peak, err := l.Daemon.MemoryBytes()
	l.MemoryPeak = max(l.MemoryPeak, peak)
	if err != nil || l.Cell.Axis == "" || l.copied == nil {
		return err // the base's last copy is compared with the source
	}
	err, l.copied = forget(ctx, l.copied), nil
	return err
}

// check compares the last copy of a lane with the source: where every partition ends.
// A copy that is to be kept is taken off its source; any other is forgotten.
func (r *run) check(ctx context.Context, l *lane, keep bool) error {
	c := l.copied
	if l.copied = nil; c == nil {
		return nil
	}
	have, err := endsOf(ctx, l.Daemon.Listen, c.Topic)
	if err != nil {
		return err
	}
	for p, end := range l.ends {
		if have[p] != end {
			return fmt.Errorf("compare the copy of topic %q: partition %d ends at %d, at the source at %d", c.Topic, p, have[p], end)
		}
	}
	if !keep {
		return forget(ctx, c)
	}
	r.kept = append(r.kept, kept{l.Shadow, c.Topic, l.src.Bytes()})
	return takeOff(ctx, c)
}

// kept is a copy that stays until the end of the run, when its files are measured.
type kept struct {
	*shadow.Shadow
	topic string
	bytes int64
}

// endsOf reads where a topic's partitions end.
func endsOf(ctx context.Context, bootstrap, topic string) (map[int32]int64, error) {
	leaders, err := plain.FindLeaders(ctx, first(bootstrap), topic)
	if err != nil {
		return nil, err
	}
	ends, err := plain.Ends(ctx, leaders, topic)
	if err != nil {
		return nil, fmt.Errorf("find where topic %q ends: %w", topic, err)
	}
	return ends, nil
}
