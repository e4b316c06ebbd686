package link

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// sight is what one look at the source found.
type sight struct {
	def     *spec.Link // the link as it was when the look began
	cluster *source.Cluster
	configs map[string]map[string]string // by topic that was not here before the source was asked, and is there
	err     error
}

// errIdentity and errSelf are the two wrong clusters a bootstrap address can
// lead to.
var (
	errIdentity = errors.New("the bootstrap addresses lead to another cluster")
	errSelf     = errors.New("the bootstrap addresses lead to this cluster itself")
)

func wrongCluster(err error) bool { return errors.Is(err, errIdentity) || errors.Is(err, errSelf) }

// look reads all that the control plane needs from the source. It runs on a
// goroutine of its own.
func look(ctx context.Context, client *source.Client, store *metadata.Store, def *spec.Link) sight {
	s := sight{def: def}
	// Taken first: a topic that is not here now and is there afterwards is a new
	// one. The other way about it could have been deleted on both sides meanwhile,
	// and would be made again.
	snap := store.Snapshot()
	if s.cluster, s.err = client.Metadata(ctx); s.err != nil {
		return s
	}
	if s.err = checkIdentity(def, s.cluster, snap.ClusterID); s.err != nil {
		return s
	}
	if s.err = addMissing(ctx, client, s.cluster, snap.ShadowsOf(def)); s.err != nil {
		return s
	}
	s.configs = newConfigs(ctx, client, s.cluster, discover(def, snap.ShadowsOf(def), takenIn(snap), s.cluster))
	return s
}

func takenIn(snap *metadata.Snapshot) func(string) *metadata.Topic {
	return func(name string) *metadata.Topic { return snap.Topics[name] }
}

// checkIdentity makes sure that it is the right source.
func checkIdentity(def *spec.Link, cl *source.Cluster, own string) error {
	want := def.Options.SourceClusterID
	if def.SourceClusterID != "" {
		want = def.SourceClusterID
	}
	switch {
	case cl.ID != "" && cl.ID == own:
		return fmt.Errorf("%w (cluster id %s)", errSelf, cl.ID)
	case want != "" && cl.ID != want:
		return fmt.Errorf("%w: cluster id %q, this link copies %q", errIdentity, cl.ID, want)
	}
	return nil
}

// describeMax bounds the topics of one question by name.
const describeMax = 1000

// addMissing asks by name about shadow topics that the list of all topics
// leaves out: it leaves out what is gone as well as what the link's principal
// may not see, and only one of the two means that the topic was deleted.
func addMissing(ctx context.Context, client *source.Client, cl *source.Cluster, shadows []*metadata.Topic) error {
	at := map[string]bool{}
	for i := range cl.Topics {
		at[cl.Topics[i].Name] = true
	}
	var names []string
	for _, t := range shadows {
		if !at[t.Name] && t.Shadow.State != spec.FailedOver && t.Shadow.State != spec.FailingOver && len(names) < describeMax {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	found, err := client.Describe(ctx, cl.Via, names)
	if err != nil {
		return err
	}
	for _, t := range found {
		if t.Err != kafkaproto.None { // one that appeared meanwhile is left to the next look
			cl.Topics = append(cl.Topics, t)
		}
	}
	return nil
}

// newConfigs reads the configs of the topics that are about to be created, and
// has an entry for each of them. A source that does not tell them is copied with
// local defaults.
func newConfigs(ctx context.Context, client *source.Client, cl *source.Cluster, changes []change) map[string]map[string]string {
	out := map[string]map[string]string{}
	var names []string
	for _, c := range changes {
		if c.kind == create {
			names = append(names, c.topic)
			out[c.topic] = nil
		}
	}
	if len(names) == 0 {
		return nil
	}
	configs, err := client.TopicConfigs(ctx, cl.Via, names)
	if err != nil && !errors.Is(err, source.ErrUnsupported) {
		return nil // they are created by the next look
	}
	maps.Copy(out, configs)
	return out
}
