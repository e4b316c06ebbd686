package broker

import (
	"slices"
	"strconv"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// handleDescribeConfigs serves DescribeConfigs 1-4: the effective configs of
// topics and of this broker. v3 adds types and documentation.
//
// A null or empty list of names asks for all. Broker properties are read-only
// here: they come from umbra's own configuration. The cluster-wide default
// ("" as broker) and the broker's loggers have no settings, so they are empty.
func handleDescribeConfigs(r *request) {
	var req kafkaproto.DescribeConfigsRequest
	if !decode(r, &req) {
		return
	}
	b, snap := r.broker, r.snapshot()
	resp := &kafkaproto.DescribeConfigsResponse{}
	for i := range req.Resources {
		asked := &req.Resources[i]
		out := kafkaproto.DescribeConfigsResponseResource{ResourceType: asked.ResourceType, ResourceName: asked.ResourceName}
		entries, err := b.configsOf(snap, asked.ResourceType, asked.ResourceName)
		out.ErrorCode, out.ErrorMessage = int16(code(err)), message(err)
		r.countError("describe configs", err)
		for _, e := range entries {
			if len(asked.ConfigNames) == 0 || slices.Contains(asked.ConfigNames, e.Key.Name) {
				out.Configs = append(out.Configs, describedConfig(e, asked.ResourceType, &req))
			}
		}
		resp.Resources = append(resp.Resources, out)
	}
	r.reply(resp)
}

// configsOf gives the effective configs of a resource.
func (b *Broker) configsOf(snap *metadata.Snapshot, kind kafkaproto.ConfigResourceType, name string) ([]metadata.ConfigEntry, error) {
	switch kind {
	case kafkaproto.ConfigResourceTopic:
		t := snap.Topics[name]
		if t == nil {
			return nil, unknownTopic(name)
		}
		return b.configs.Topic(t.Configs), nil
	case kafkaproto.ConfigResourceBroker:
		if name == "" {
			return nil, nil
		}
		if err := checkBrokerName(snap, name); err != nil {
			return nil, err
		}
		return b.configs.Broker(), nil
	case kafkaproto.ConfigResourceBrokerLogger:
		return nil, checkBrokerName(snap, name)
	}
	return nil, refuse(kafkaproto.InvalidRequest, "resources of type %d have no configs here", kind)
}

// checkBrokerName checks that a resource means this broker.
func checkBrokerName(snap *metadata.Snapshot, name string) error {
	if name != strconv.Itoa(int(snap.Broker.ID)) {
		return refuse(kafkaproto.InvalidRequest, "resource name %q: this is broker %d, and only it can tell", name, snap.Broker.ID)
	}
	return nil
}

func describedConfig(e metadata.ConfigEntry, kind kafkaproto.ConfigResourceType, req *kafkaproto.DescribeConfigsRequest) kafkaproto.DescribeConfigsResponseResourceConfig {
	out := kafkaproto.DescribeConfigsResponseResourceConfig{
		Name: e.Key.Name, Value: shownValue(e), IsSensitive: e.Key.Sensitive,
		ReadOnly: e.Key.Use == metadata.ReadOnly || kind != kafkaproto.ConfigResourceTopic,
		Source:   kafkaproto.ConfigSource(e.Source), ConfigType: kafkaproto.ConfigType(e.Key.Type),
	}
	if req.IncludeDocumentation {
		out.Documentation = &e.Key.Doc
	}
	if req.IncludeSynonyms {
		for _, s := range e.Synonyms {
			out.ConfigSynonyms = append(out.ConfigSynonyms, kafkaproto.DescribeConfigsResponseResourceConfigConfigSynonym{
				Name: s.Name, Value: hidden(s.Value, e.Key.Sensitive), Source: kafkaproto.ConfigSource(s.Source),
			})
		}
	}
	return out
}

// shownValue is a config's value for a client, nil when nobody may see it.
func shownValue(e metadata.ConfigEntry) *string { return hidden(e.Value, e.Key.Sensitive) }

func hidden(value string, sensitive bool) *string {
	if sensitive {
		return nil
	}
	return &value
}
