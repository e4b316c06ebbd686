package link

import (
	"context"
	"sync"

	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
)

// changersMax is how many topics are made or grown at a time: each is a
// transaction of its own, and they share the disk's flushes.
const changersMax = 16

// applyChanges does what discover asks for. A topic that cannot be changed now
// does not hold up the others.
func (l *Link) applyChanges(ctx context.Context, def *spec.Link, s sight) error {
	snap := l.cfg.Store.Snapshot()
	changes := discover(def, snap.ShadowsOf(def), takenIn(snap), s.cluster)
	first := !l.marks.contacted()
	var rulings []ruling
	var alone []change
	for _, c := range changes {
		switch c.kind {
		case fault:
			rulings = append(rulings, ruling{topic: c.shadow, kind: whole, reason: c.reason})
		case note:
			rulings = append(rulings, ruling{topic: c.shadow, reason: c.reason})
		case unnote:
			rulings = append(rulings, ruling{topic: c.shadow})
		case conflict:
			l.tellConflict(c)
		case create, grow, identify:
			alone = append(alone, c)
		}
	}
	if err := l.rule(ctx, rulings); err != nil {
		return err
	}
	missed := l.changeEach(ctx, def, s, first, alone)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if first && missed == 0 {
		return l.marks.setContacted()
	}
	return nil
}

// tellConflict says once that a topic is left out because its name is taken.
func (l *Link) tellConflict(c change) {
	if !l.conflict[c.topic] {
		l.conflict[c.topic] = true
		l.log.Warn("topic left out: the name is taken here", "event", "topic_conflict", "topic", c.topic, "reason", c.reason.Code, "detail", c.reason.Detail)
	}
}

// changeEach makes and grows topics, and returns how many are left to the next
// look.
func (l *Link) changeEach(ctx context.Context, def *spec.Link, s sight, first bool, list []change) (missed int) {
	slots := make(chan struct{}, changersMax)
	var wg sync.WaitGroup
	var mu sync.Mutex // guards missed
	for _, c := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			done, err := l.applyChange(ctx, def, s, first, c)
			if err != nil && ctx.Err() == nil {
				l.log.Warn("topic not brought to the source's state", "topic", c.topic, "err", err)
			}
			if !done || err != nil {
				mu.Lock()
				missed++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return missed
}

func (l *Link) applyChange(ctx context.Context, def *spec.Link, s sight, first bool, c change) (done bool, err error) {
	switch c.kind {
	case create:
		return l.create(ctx, def, s, first, c)
	case grow:
		return true, l.grow(ctx, c)
	}
	_, err = l.cfg.Store.UpdateShadow(ctx, c.shadow.ID, c.shadow.Shadow.Term, func(t *metadata.Topic) error {
		t.Shadow.SourceID = c.source.ID
		return nil
	})
	if err == nil {
		l.log.Info("the source has given the topic an id", "event", "topic_identified", "topic", c.topic, "source_id", c.source.ID)
	}
	return true, err
}

// create makes a shadow topic. It is left to the next look while its configs
// are not known, and when it is missing only since this one: what the look saw at
// the source may have been deleted there before it was deleted here.
func (l *Link) create(ctx context.Context, def *spec.Link, s sight, first bool, c change) (done bool, err error) {
	configs, known := s.configs[c.topic]
	if !known {
		return false, nil
	}
	_, err = l.cfg.Store.CreateShadowTopic(ctx, metadata.NewShadow{
		Name: c.topic, Link: def.Name, Partitions: len(c.source.Partitions),
		SourceID: c.source.ID, SourceClusterID: s.cluster.ID, Configs: configs,
		LeaderEpochs: leaderEpochs(c.source), Start: startOf(def, first)})
	if err != nil {
		return false, err
	}
	l.log.Info("shadow topic created", "event", "topic_created", "topic", c.topic, "partitions", len(c.source.Partitions), "topic_id", c.source.ID)
	return true, nil
}

// startOf is where a topic begins that a look has found: the link's start option
// is about what the source had when the link first saw it. A topic that is made
// there later holds nothing from before the link, and is copied whole, however
// long the link did not look.
func startOf(def *spec.Link, first bool) spec.Start {
	if first {
		return def.WithDefaults().Start
	}
	return spec.Start{Kind: spec.StartEarliest}
}

// grow follows the source to more partitions. They are new, as a topic that is
// made later is, and their beginning is settled before they exist here.
func (l *Link) grow(ctx context.Context, c change) error {
	var fresh []int32
	for i := len(c.shadow.Partitions); i < len(c.source.Partitions); i++ {
		fresh = append(fresh, int32(i))
	}
	if c.shadow.Shadow.Start.Kind != spec.StartEarliest {
		if err := l.marks.settle(map[*metadata.Topic][]int32{c.shadow: fresh}); err != nil {
			return err
		}
	}
	err := l.cfg.Store.GrowShadow(ctx, c.shadow.ID, c.shadow.Shadow.Term, len(c.source.Partitions))
	if err == nil {
		l.log.Info("partitions added as at the source", "event", "topic_grown", "topic", c.topic, "partitions", len(c.source.Partitions))
	}
	return err
}

func leaderEpochs(t *source.Topic) []int32 {
	out := make([]int32, len(t.Partitions))
	for i := range t.Partitions {
		out[i] = t.Partitions[i].LeaderEpoch
	}
	return out
}
