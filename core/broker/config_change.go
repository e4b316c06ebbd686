package broker

import (
	"context"
	"maps"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// configResource names whose configs a request changes.
type configResource struct {
	kind kafkaproto.ConfigResourceType
	name string
}

// configChange is one resource of a request with the edit it asks for. edit
// works on what is set on the topic and may run several times.
type configChange struct {
	configResource
	edit func(set map[string]string) error
	err  error // why it is refused before anything is tried
}

// changeConfigs makes the changes and gives one error, or nil, for each. A
// resource that stands in the request twice is refused both times: the order
// would decide.
func (b *Broker) changeConfigs(ctx context.Context, list []configChange, validateOnly bool) []error {
	_, times := tally(list, func(c *configChange) configResource { return c.configResource })
	errs := make([]error, len(list))
	each(len(list), func(i int) {
		switch c := &list[i]; {
		case times[c.configResource] > 1:
			errs[i] = refuse(kafkaproto.InvalidRequest, "%q stands in the request %d times", c.name, times[c.configResource])
		case c.err != nil:
			errs[i] = c.err
		default:
			errs[i] = b.changeConfig(ctx, c, validateOnly)
		}
	})
	return errs
}

func (b *Broker) changeConfig(ctx context.Context, c *configChange, validateOnly bool) error {
	t, err := alterable(b.store.Snapshot(), c.configResource)
	if err != nil {
		return err
	}
	if validateOnly {
		set := maps.Clone(t.Configs)
		if set == nil {
			set = map[string]string{}
		}
		if err := c.edit(set); err != nil {
			return err
		}
		return b.configs.ValidateTopic(set)
	}
	if _, err := b.store.SetConfigs(ctx, t.Name, c.edit); err != nil {
		return b.explain(err, t.Name)
	}
	b.log.Info("topic configs changed by a client", "topic", t.Name)
	return nil
}

// alterable gives the topic whose configs a client may change, or says why the
// resource is not one.
func alterable(snap *metadata.Snapshot, r configResource) (*metadata.Topic, error) {
	switch r.kind {
	case kafkaproto.ConfigResourceTopic:
		t := snap.Topics[r.name]
		if t == nil {
			return nil, unknownTopic(r.name)
		}
		return t, readOnly(t)
	case kafkaproto.ConfigResourceBroker:
		if r.name != "" {
			if err := checkBrokerName(snap, r.name); err != nil {
				return nil, err
			}
		}
		return nil, refuse(kafkaproto.InvalidRequest, "broker properties come from umbra's own configuration: change them there and restart the broker")
	case kafkaproto.ConfigResourceBrokerLogger:
		return nil, refuse(kafkaproto.InvalidRequest, "log levels come from umbra's own configuration: change them there and restart the broker")
	}
	return nil, refuse(kafkaproto.InvalidRequest, "resources of type %d have no configs here", r.kind)
}
