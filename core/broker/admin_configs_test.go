package broker_test

import (
	"fmt"
	"strings"
	"testing"

	"umbra/kafkaproto"
)

type (
	described = kafkaproto.DescribeConfigsResponseResource
	describe  = kafkaproto.DescribeConfigsRequestResource
	oneConfig = kafkaproto.DescribeConfigsResponseResourceConfig
)

const (
	topicKind  = kafkaproto.ConfigResourceTopic
	brokerKind = kafkaproto.ConfigResourceBroker
	loggerKind = kafkaproto.ConfigResourceBrokerLogger
)

func (w *wire) describe(version int16, req *kafkaproto.DescribeConfigsRequest) []described {
	w.t.Helper()
	r := ask[kafkaproto.DescribeConfigsResponse](w, kafkaproto.KeyDescribeConfigs, version, req).Resources
	if len(r) != len(req.Resources) {
		w.t.Fatalf("%d answers for %d resources", len(r), len(req.Resources))
	}
	return r
}

func config(r described, name string) *oneConfig {
	for i := range r.Configs {
		if r.Configs[i].Name == name {
			return &r.Configs[i]
		}
	}
	return nil
}

// TestDescribeTopicConfigs: values with their sources, synonyms and types.
func TestDescribeTopicConfigs(t *testing.T) {
	n := startAdmin(t, map[string]string{"log.retention.hours": "2", "log.segment.bytes": "1000000"})
	n.make("orders", 1, "retention.ms", "5000")
	w := n.dial()
	for v := int16(1); v <= 4; v++ {
		r := w.describe(v, &kafkaproto.DescribeConfigsRequest{IncludeSynonyms: true, IncludeDocumentation: true,
			Resources: []describe{{ResourceType: topicKind, ResourceName: "orders"}}})[0]
		if r.ErrorCode != 0 || r.ResourceType != topicKind || r.ResourceName != "orders" || len(r.Configs) != len(n.store.Configs().TopicKeys()) {
			t.Fatalf("v%d: code %d, %d configs", v, r.ErrorCode, len(r.Configs))
		}
		f := func(name, value string, source kafkaproto.ConfigSource, synonyms string) {
			t.Helper()
			c := config(r, name)
			got := ""
			for _, s := range c.ConfigSynonyms {
				got += fmt.Sprintf("%s=%s(%d) ", s.Name, text(s.Value), s.Source)
			}
			if text(c.Value) != value || c.Source != source || got != synonyms {
				t.Errorf("v%d %s: %s from %d, synonyms %q", v, name, text(c.Value), c.Source, got)
			}
		}
		f("retention.ms", "5000", kafkaproto.ConfigSourceDynamicTopic, "retention.ms=5000(1) log.retention.hours=7200000(4) log.retention.hours=604800000(5) ")
		f("segment.bytes", "1000000", kafkaproto.ConfigSourceStaticBroker, "log.segment.bytes=1000000(4) log.segment.bytes=1073741824(5) ")
		f("max.message.bytes", "1048588", kafkaproto.ConfigSourceDefault, "message.max.bytes=1048588(5) ")
		if c := config(r, "retention.ms"); c.ReadOnly || c.IsSensitive {
			t.Errorf("v%d: %+v", v, c)
		}
		if c := config(r, "remote.storage.enable"); !c.ReadOnly {
			t.Errorf("v%d: remote.storage.enable can be set?", v)
		}
		if c := config(r, "cleanup.policy"); v >= 3 && (c.ConfigType != kafkaproto.ConfigTypeList || !strings.Contains(text(c.Documentation), "compact")) {
			t.Errorf("v%d: type %d, documentation %s", v, c.ConfigType, text(c.Documentation))
		}
	}
}

func TestDescribeConfigsFilter(t *testing.T) {
	n := startAdmin(t, nil)
	n.make("orders", 1)
	w := n.dial()
	for v := int16(1); v <= 4; v++ {
		f := func(names []string, want int) {
			t.Helper()
			r := w.describe(v, &kafkaproto.DescribeConfigsRequest{Resources: []describe{{ResourceType: topicKind, ResourceName: "orders", ConfigNames: names}}})[0]
			if len(r.Configs) != want {
				t.Errorf("v%d %q: %d configs, want %d", v, names, len(r.Configs), want)
			}
			for _, c := range r.Configs {
				if len(c.ConfigSynonyms) != 0 || c.Documentation != nil {
					t.Errorf("v%d: unasked synonyms or documentation in %+v", v, c)
				}
			}
		}
		all := len(n.store.Configs().TopicKeys())
		f(nil, all)
		f([]string{}, all)
		f([]string{"retention.ms", "no.such.config", "segment.bytes"}, 2)
	}
}

func TestDescribeConfigsResources(t *testing.T) {
	n := startAdmin(t, map[string]string{"message.max.bytes": "2000000"})
	w := n.dial()
	self := fmt.Sprint(nodeID)
	for v := int16(1); v <= 4; v++ {
		r := w.describe(v, &kafkaproto.DescribeConfigsRequest{Resources: []describe{
			{ResourceType: topicKind, ResourceName: "nope"}, {ResourceType: topicKind, ResourceName: "bad name"},
			{ResourceType: brokerKind, ResourceName: self}, {ResourceType: brokerKind, ResourceName: ""},
			{ResourceType: brokerKind, ResourceName: "99"}, {ResourceType: brokerKind, ResourceName: "x"},
			{ResourceType: loggerKind, ResourceName: self}, {ResourceType: 16, ResourceName: "x"}}})
		for i, want := range []kafkaproto.ErrorCode{kafkaproto.UnknownTopicOrPartition, kafkaproto.InvalidTopicException, kafkaproto.None, kafkaproto.None,
			kafkaproto.InvalidRequest, kafkaproto.InvalidRequest, kafkaproto.None, kafkaproto.InvalidRequest} {
			wantCode(t, fmt.Sprintf("v%d resource %d", v, i), r[i].ErrorCode, want)
			if want != kafkaproto.None && (len(r[i].Configs) != 0 || r[i].ErrorMessage == nil) {
				t.Errorf("v%d resource %d: %d configs, message %s", v, i, len(r[i].Configs), text(r[i].ErrorMessage))
			}
		}
		broker := r[2]
		if len(broker.Configs) != len(n.store.Configs().BrokerKeys()) {
			t.Errorf("v%d: %d broker properties", v, len(broker.Configs))
		}
		c := config(broker, "message.max.bytes")
		if text(c.Value) != "2000000" || c.Source != kafkaproto.ConfigSourceStaticBroker || !c.ReadOnly {
			t.Errorf("v%d: %+v", v, c)
		}
		if c := config(broker, "num.partitions"); c.Source != kafkaproto.ConfigSourceDefault || !c.ReadOnly {
			t.Errorf("v%d: %+v", v, c)
		}
	}
}
