package link

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
)

// excludedShown bounds how many names of topics that the filter leaves out are
// kept for describe and for the failover plan.
const excludedShown = 100

// refresh begins a look at the source, unless one is under way.
func (l *Link) refresh(ctx context.Context) {
	def := l.definition()
	if def == nil || l.looking != nil {
		return
	}
	now := l.cfg.Now()
	l.sched.begin(now)
	l.sweep(ctx)
	l.finishFailovers(ctx)
	if def.Paused {
		l.sched.at(now.Add(def.WithDefaults().Options.MetadataRefresh))
		return
	}
	client := l.connect(def)
	looking, cancel := context.WithCancel(ctx)
	l.looking = cancel
	l.helper.Go(func() {
		defer cancel()
		s := look(looking, client, l.cfg.Store, def)
		if looking.Err() != nil {
			s.err = errors.Join(errHeld, s.err)
		}
		select {
		case l.looked <- s:
		case <-ctx.Done():
		}
	})
}

// errHeld: the look was called off.
var errHeld = errors.New("the link was held")

// reconcile brings metadata and shards to what a look found, and says when to
// look again.
func (l *Link) reconcile(ctx context.Context, s sight) {
	l.looking = nil
	def := l.definition()
	now := l.cfg.Now()
	switch {
	case def == nil:
		return
	case errors.Is(s.err, errHeld) || def.Paused:
		l.sched.at(now)
		return
	}
	if s.err == nil {
		s.err = l.adopt(ctx, def, s.cluster)
	}
	if wrongCluster(s.err) {
		l.hold(ctx) // whoever answers at these addresses is not whom we copy
	}
	if s.err == nil {
		s.err = l.bring(ctx, def, s)
	}
	if ctx.Err() != nil {
		return
	}
	l.note(ctx, def, s.cluster, s.err)
	if s.err != nil {
		l.sched.at(now.Add(l.wait(def.WithDefaults().Options)))
		return
	}
	l.backoff = 0
	l.sched.at(now.Add(def.WithDefaults().Options.MetadataRefresh))
}

// bring does what a good look asks for.
func (l *Link) bring(ctx context.Context, def *spec.Link, s sight) error {
	if err := l.applyChanges(ctx, def, s); err != nil {
		return err
	}
	return l.place(ctx, def, s.cluster)
}

// adopt stores the source's cluster id at the first contact.
func (l *Link) adopt(ctx context.Context, def *spec.Link, cl *source.Cluster) error {
	if def.SourceClusterID != "" || cl.ID == "" {
		return nil
	}
	_, err := l.cfg.Store.UpdateLink(ctx, l.name, func(d *spec.Link) error {
		d.SourceClusterID = cl.ID
		return nil
	})
	return err
}

// wait is the backoff after a look that did not get through.
func (l *Link) wait(o spec.Options) time.Duration {
	l.backoff = min(max(l.backoff*2, o.BackoffMin), o.BackoffMax)
	return l.backoff/2 + rand.N(l.backoff/2+1)
}

// sweep tidies the shards and what is remembered per partition.
func (l *Link) sweep(ctx context.Context) {
	for i, w := range l.workers {
		if err := l.cfg.Group.Shard(i).Call(ctx, w.Sweep); err != nil && ctx.Err() == nil {
			l.log.Error("shard was not swept", "shard", i, "err", err)
		}
	}
	snap := l.cfg.Store.Snapshot()
	gone := func(id shard.PartitionID) bool { return snap.ByID(id.Topic) == nil }
	for id := range l.tries {
		if gone(id) {
			delete(l.tries, id)
		}
	}
	for id := range l.waits {
		if gone(id) {
			delete(l.waits, id)
		}
	}
	if def := l.definition(); def != nil {
		l.marks.prune(snap.ShadowsOf(def))
	}
}

// keepSeen writes down now and then how far the source had come.
func (l *Link) keepSeen(ctx context.Context) {
	t := time.NewTicker(seenEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		parts, err := l.progress(ctx)
		if err != nil {
			return // the shard is stopped, or we are
		}
		if err := l.marks.note(parts.of, l.cfg.Now()); err != nil {
			l.log.Warn("how far the source had come was not noted", "err", err)
		}
	}
}

// note publishes what a refresh found: for status, and as the link's own
// reason where the whole link stands still.
func (l *Link) note(ctx context.Context, def *spec.Link, cl *source.Cluster, failure error) {
	l.mu.Lock()
	l.state.failure = failure
	if failure != nil {
		l.state.totals.ControlErrors++
	}
	if cl != nil {
		l.state.cluster, l.state.refreshed = cl, l.cfg.Now()
		l.state.excluded, l.state.excludedN = excluded(def, cl)
	}
	l.mu.Unlock()
	if errors.Is(failure, metadata.ErrUnavailable) || errors.Is(failure, metadata.ErrClosed) {
		l.log.Warn("link waits for the metadata", "err", failure)
		return // it could not be stored either, and the source is not to blame
	}
	reason := linkReason(failure)
	if l.contact.changes(reason.Code) {
		if failure != nil {
			l.log.Warn("link stands still", "event", "link_down", "reason", reason.Code, "err", failure)
		} else {
			l.log.Info("link is in contact with its source", "event", "link_up", "broker", cl.Via, "topics", len(cl.Topics))
		}
	}
	if reason.Code == def.Reason.Code {
		return
	}
	reason.Since = l.cfg.Now()
	if reason.Code == "" {
		reason.Since = time.Time{}
	}
	_, err := l.cfg.Store.UpdateLink(ctx, l.name, func(d *spec.Link) error {
		d.Reason = reason
		return nil
	})
	if err != nil && ctx.Err() == nil {
		l.log.Warn("link reason not stored", "err", err)
	}
}

// contact is what was last said about a link's contact with its source, so
// that each change is said once and the first look after a start always is.
type contact struct {
	said bool
	code spec.Code // "": in contact
}

func (c *contact) changes(code spec.Code) bool {
	if c.said && c.code == code {
		return false
	}
	*c = contact{said: true, code: code}
	return true
}

func linkReason(err error) spec.Reason {
	switch {
	case err == nil:
		return spec.Reason{}
	case errors.Is(err, errSelf):
		return spec.Reason{Code: spec.SourceIsSelf, Detail: err.Error()}
	case errors.Is(err, errIdentity):
		return spec.Reason{Code: spec.SourceIdentity, Detail: err.Error()}
	case errors.Is(err, source.ErrUnsupported):
		return spec.Reason{Code: spec.SourceUnsupported, Detail: err.Error()}
	}
	return spec.Reason{Code: spec.SourceUnreachable, Detail: err.Error()}
}

// excluded lists the source's topics that the filter leaves out.
func excluded(def *spec.Link, cl *source.Cluster) (names []string, n int) {
	for i := range cl.Topics {
		t := &cl.Topics[i]
		if ok, _ := def.Filter.Matches(t.Name); !ok && !t.Internal && t.Err == kafkaproto.None {
			n++
			if len(names) < excludedShown {
				names = append(names, t.Name)
			}
		}
	}
	return names, n
}

func equalJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
