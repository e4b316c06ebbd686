package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"umbra/core/link/replicate"
	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// excludedShown bounds how many names of topics that the filter leaves out are
// kept for describe and for the failover plan.
const excludedShown = 100

// refresh asks the source what there is, brings the metadata to it, and sets
// every partition going that should be copied and is not. It returns when to
// look again.
func (l *Link) refresh(ctx context.Context) time.Duration {
	def := l.definition()
	if def == nil || ctx.Err() != nil {
		return time.Hour
	}
	if def.Paused {
		l.holdAll(ctx)
		return def.Options.MetadataRefresh
	}
	cl, err := l.look(ctx, def)
	if err == nil {
		err = l.reconcile(ctx, def, cl)
	}
	if ctx.Err() != nil {
		return time.Hour
	}
	l.note(ctx, def, cl, err)
	if err != nil {
		return l.wait(def.Options)
	}
	l.backoff = 0
	return def.Options.MetadataRefresh
}

// wait is the backoff after a refresh that did not get through.
func (l *Link) wait(o spec.Options) time.Duration {
	l.backoff = min(max(l.backoff*2, o.BackoffMin), o.BackoffMax)
	return l.backoff/2 + rand.N(l.backoff/2+1)
}

// errIdentity and errSelf are the two wrong clusters a bootstrap address can
// lead to.
var (
	errIdentity = errors.New("the bootstrap addresses lead to another cluster")
	errSelf     = errors.New("the bootstrap addresses lead to this cluster itself")
)

// look reads the source's metadata and makes sure that it is the right source.
func (l *Link) look(ctx context.Context, def *spec.Link) (*source.Cluster, error) {
	cl, err := l.client.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	switch want := def.SourceClusterID; {
	case cl.ID != "" && cl.ID == l.cfg.Store.Snapshot().ClusterID:
		return cl, fmt.Errorf("%w (cluster id %s)", errSelf, cl.ID)
	case want == "" && cl.ID != "":
		_, err = l.cfg.Store.UpdateLink(ctx, l.name, func(d *spec.Link) error {
			d.SourceClusterID = cl.ID
			return nil
		})
		return cl, err
	case want != "" && cl.ID != want:
		return cl, fmt.Errorf("%w: cluster id %q, this link copies %q", errIdentity, cl.ID, want)
	}
	return cl, nil
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
		if ok, _ := def.Filter.Matches(cl.Topics[i].Name); !ok && !cl.Topics[i].Internal {
			n++
			if len(names) < excludedShown {
				names = append(names, cl.Topics[i].Name)
			}
		}
	}
	return names, n
}

// reconcile brings metadata and shards to the source's state.
func (l *Link) reconcile(ctx context.Context, def *spec.Link, cl *source.Cluster) error {
	snap := l.cfg.Store.Snapshot()
	taken := func(name string) *metadata.Topic { return snap.Topics[name] }
	changes := discover(def, snap.ShadowsOf(def), taken, cl)
	if err := l.applyChanges(ctx, def, cl, changes); err != nil {
		return err
	}
	return l.place(ctx, def, cl)
}

// applyChanges does what discover asked for. A topic that cannot be changed
// now does not hold up the others.
func (l *Link) applyChanges(ctx context.Context, def *spec.Link, cl *source.Cluster, changes []change) error {
	configs, err := l.configsFor(ctx, cl, changes)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := l.applyChange(ctx, def, cl, c, configs[c.topic]); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			l.log.Warn("topic not brought to the source's state", "topic", c.topic, "err", err)
		}
	}
	return nil
}

func (l *Link) applyChange(ctx context.Context, def *spec.Link, cl *source.Cluster, c change, configs map[string]string) error {
	switch c.kind {
	case create:
		_, err := l.cfg.Store.CreateShadowTopic(ctx, metadata.NewShadow{
			Name: c.topic, Link: def.Name, Partitions: len(c.source.Partitions),
			SourceID: c.source.ID, SourceClusterID: cl.ID, Configs: configs,
			LeaderEpochs: leaderEpochs(c.source), Start: def.Start})
		if err == nil {
			l.log.Info("shadow topic created", "event", "topic_created", "topic", c.topic, "partitions", len(c.source.Partitions), "topic_id", c.source.ID)
		}
		return err
	case grow:
		err := l.cfg.Store.GrowShadow(ctx, c.shadow.ID, c.shadow.Shadow.Term, len(c.source.Partitions))
		if err == nil {
			l.log.Info("partitions added as at the source", "event", "topic_grown", "topic", c.topic, "partitions", len(c.source.Partitions))
		}
		return err
	case fault:
		return l.fault(ctx, c.shadow, c.reason)
	case note:
		if c.shadow.Shadow == nil || c.shadow.Shadow.LinkID != l.id {
			l.log.Warn("topic left out: the name is taken here", "topic", c.topic, "reason", c.reason.Code)
			return nil
		}
		return l.setReason(ctx, c.shadow, c.reason)
	case unnote:
		return l.setReason(ctx, c.shadow, spec.Reason{})
	}
	return nil
}

func leaderEpochs(t *source.Topic) []int32 {
	out := make([]int32, len(t.Partitions))
	for i := range t.Partitions {
		out[i] = t.Partitions[i].LeaderEpoch
	}
	return out
}

// configsFor reads the configs of the topics that are about to be created.
func (l *Link) configsFor(ctx context.Context, cl *source.Cluster, changes []change) (map[string]map[string]string, error) {
	var names []string
	for _, c := range changes {
		if c.kind == create {
			names = append(names, c.topic)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	return l.client.TopicConfigs(ctx, cl.Via, names)
}

// fault stops a topic and says why. The term rises, so that nothing of it that
// is still on its way can be appended.
func (l *Link) fault(ctx context.Context, t *metadata.Topic, r spec.Reason) error {
	r.Since = l.cfg.Now()
	if t.Shadow.State == spec.Faulted { // one partition after the other finds out
		l.log.Warn("topic is stopped; another cause", "topic", t.Name, "reason", r.Code, "detail", r.Detail)
	} else {
		l.log.Error("topic stopped", "event", "topic_faulted", "topic", t.Name, "reason", r.Code, "detail", r.Detail)
	}
	_, err := l.cfg.Store.UpdateShadow(ctx, t.ID, t.Shadow.Term, func(t *metadata.Topic) error {
		next, err := spec.Next(t.Shadow.State, spec.EventFault)
		if err != nil {
			return err
		}
		if t.Shadow.State != next {
			t.Shadow.Term++
		}
		t.Shadow.State, t.Shadow.Reason = next, r
		return nil
	})
	return err
}

func (l *Link) setReason(ctx context.Context, t *metadata.Topic, r spec.Reason) error {
	if r.Code != "" {
		r.Since = l.cfg.Now()
		l.log.Warn("topic needs attention", "event", "topic_noted", "topic", t.Name, "reason", r.Code, "detail", r.Detail)
	}
	_, err := l.cfg.Store.UpdateShadow(ctx, t.ID, t.Shadow.Term, func(t *metadata.Topic) error {
		t.Shadow.Reason = r
		return nil
	})
	return err
}

// take handles an event of a shard; true asks for a refresh soon.
func (l *Link) take(e replicate.Event) (refresh bool) {
	switch e.Kind {
	case replicate.Faulted:
		t := l.cfg.Store.Snapshot().ByID(e.Partition.Topic)
		if t == nil || t.Shadow == nil || t.Shadow.LinkID != l.id {
			return false
		}
		r := faultReason(e)
		if err := l.fault(context.Background(), t, r); err != nil && !errors.Is(err, metadata.ErrStale) && !errors.Is(err, spec.ErrTransition) {
			l.log.Warn("fault not stored; the partition stays stopped", "topic", t.Name, "err", err)
		}
		return false
	case replicate.Refused:
		if t := l.cfg.Store.Snapshot().ByID(e.Partition.Topic); t != nil && t.Shadow != nil && e.Code == kafkaproto.TopicAuthorizationFailed && t.Shadow.Reason.Code != spec.SourceAuthorization {
			l.setReason(context.Background(), t, spec.Reason{Code: spec.SourceAuthorization, Detail: "fetch is refused with " + e.Code.Error()})
		}
		return false
	case replicate.BrokerUp:
		return false
	}
	return true
}
