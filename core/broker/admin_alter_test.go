package broker_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"umbra/kafkaproto"
)

type (
	alter     = kafkaproto.AlterConfigsRequestResource
	alterOne  = kafkaproto.AlterConfigsRequestResourceConfig
	change    = kafkaproto.IncrementalAlterConfigsRequestResource
	changeOne = kafkaproto.IncrementalAlterConfigsRequestResourceConfig
)

// alter and change give the answers as "code message", in order.
func (w *wire) alter(version int16, validateOnly bool, list ...alter) []string {
	w.t.Helper()
	r := ask[kafkaproto.AlterConfigsResponse](w, kafkaproto.KeyAlterConfigs, version, &kafkaproto.AlterConfigsRequest{Resources: list, ValidateOnly: validateOnly})
	var out []string
	for i, a := range r.Resources {
		if a.ResourceName != list[i].ResourceName || a.ResourceType != list[i].ResourceType {
			w.t.Errorf("answer %d is for %q", i, a.ResourceName)
		}
		out = append(out, fmt.Sprintf("%v %s", kafkaproto.ErrorCode(a.ErrorCode), text(a.ErrorMessage)))
	}
	return out
}

func (w *wire) change(version int16, validateOnly bool, list ...change) []string {
	w.t.Helper()
	r := ask[kafkaproto.IncrementalAlterConfigsResponse](w, kafkaproto.KeyIncrementalAlterConfigs, version,
		&kafkaproto.IncrementalAlterConfigsRequest{Resources: list, ValidateOnly: validateOnly})
	var out []string
	for i, a := range r.Resources {
		if a.ResourceName != list[i].ResourceName || a.ResourceType != list[i].ResourceType {
			w.t.Errorf("answer %d is for %q", i, a.ResourceName)
		}
		out = append(out, fmt.Sprintf("%v %s", kafkaproto.ErrorCode(a.ErrorCode), text(a.ErrorMessage)))
	}
	return out
}

const okay = "NONE <null>"

func wantSays(t testing.TB, what, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("%s: %q, want it to say %q", what, got, want)
	}
}

func wantConfigs(t testing.TB, n *adminNode, topic string, pairs ...string) {
	t.Helper()
	want := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		want[pairs[i]] = pairs[i+1]
	}
	if got := n.store.Snapshot().Topics[topic].Configs; !maps.Equal(got, want) {
		t.Errorf("%q has %v, want %v", topic, got, want)
	}
}

func onTopic(name string, ops ...changeOne) change {
	return change{ResourceType: topicKind, ResourceName: name, Configs: ops}
}

func op(o kafkaproto.IncrementalAlterConfigOp, name, value string) changeOne {
	return changeOne{Name: name, Op: o, Value: &value}
}

const (
	opSet      = kafkaproto.IncrementalAlterConfigSet
	opDelete   = kafkaproto.IncrementalAlterConfigDelete
	opAppend   = kafkaproto.IncrementalAlterConfigAppend
	opSubtract = kafkaproto.IncrementalAlterConfigSubtract
)

func TestIncrementalAlterConfigs(t *testing.T) {
	for v := int16(0); v <= 1; v++ {
		n := startAdmin(t, nil)
		n.make("orders", 2, "retention.ms", "5000", "segment.ms", "77")
		w := n.dial()
		f := func(what string, ops []changeOne, pairs ...string) {
			t.Helper()
			wantSays(t, what, w.change(v, false, onTopic("orders", ops...))[0], okay)
			wantConfigs(t, n, "orders", pairs...)
		}
		f("set and delete", []changeOne{op(opSet, "retention.ms", "6000"), {Name: "segment.ms", Op: opDelete}}, "retention.ms", "6000")
		f("append to the default", []changeOne{op(opAppend, "cleanup.policy", "compact")}, "retention.ms", "6000", "cleanup.policy", "delete,compact")
		f("append what is there", []changeOne{op(opAppend, "cleanup.policy", "compact, delete")}, "retention.ms", "6000", "cleanup.policy", "delete,compact")
		f("subtract", []changeOne{op(opSubtract, "cleanup.policy", "delete,nothing")}, "retention.ms", "6000", "cleanup.policy", "compact")
		f("delete what is not set", []changeOne{{Name: "flush.ms", Op: opDelete}}, "retention.ms", "6000", "cleanup.policy", "compact")
		f("delete the rest", []changeOne{{Name: "retention.ms", Op: opDelete}, {Name: "cleanup.policy", Op: opDelete}})
		f("nothing", nil)
	}
}

// TestIncrementalAlterConfigsRefuses: one bad key fails its topic only, and
// none of that topic's changes is made.
func TestIncrementalAlterConfigsRefuses(t *testing.T) {
	n := startAdmin(t, nil)
	w := n.dial()
	for v := int16(0); v <= 1; v++ {
		good, bad := fmt.Sprintf("good-%d", v), fmt.Sprintf("bad-%d", v)
		n.make(good, 1)
		n.make(bad, 1, "retention.ms", "5000")
		f := func(want string, ops ...changeOne) {
			t.Helper()
			for _, validateOnly := range []bool{true, false} {
				got := w.change(v, validateOnly, onTopic(bad, append([]changeOne{op(opSet, "segment.ms", "99")}, ops...)...), onTopic(good, op(opSet, "segment.ms", "99")))
				wantSays(t, "bad", got[0], want)
				wantSays(t, "good", got[1], okay)
				wantConfigs(t, n, bad, "retention.ms", "5000")
			}
		}
		f("want a whole number", op(opSet, "retention.ms", "soon"))
		f("INVALID_CONFIG", op(opSet, "no.such.config", "1"))
		f("cannot be changed in umbra", op(opSet, "remote.storage.enable", "true"))
		f("INVALID_CONFIG", op(opAppend, "cleanup.policy", "shred"))
		f("only a config that is a list", op(opAppend, "retention.ms", "1"))
		f("only a config that is a list", op(opSubtract, "no.such.config", "1"))
		f("INVALID_REQUEST config retention.ms is given 2 times", op(opSet, "retention.ms", "1"), op(opDelete, "retention.ms", ""))
		f("INVALID_REQUEST config retention.ms has no value", changeOne{Name: "retention.ms", Op: opSet})
		f("INVALID_REQUEST config cleanup.policy has no value", changeOne{Name: "cleanup.policy", Op: opAppend})
		f("operation 4 is unknown", op(4, "retention.ms", "1"))
		wantConfigs(t, n, good, "segment.ms", "99")
	}
}

func TestIncrementalAlterConfigsValidateOnly(t *testing.T) {
	n := startAdmin(t, nil)
	n.make("orders", 1)
	got := n.dial().change(1, true, onTopic("orders", op(opSet, "retention.ms", "1")))
	wantSays(t, "validated", got[0], okay)
	wantConfigs(t, n, "orders")
}

// TestAlterConfigsResources: both APIs refuse the same resources.
func TestAlterConfigsResources(t *testing.T) {
	n := startAdmin(t, nil)
	n.make("orders", 1)
	w := n.dial()
	self := fmt.Sprint(nodeID)
	f := func(kind kafkaproto.ConfigResourceType, name, want string) {
		t.Helper()
		for v := int16(0); v <= 2; v++ {
			wantSays(t, name, w.alter(v, false, alter{ResourceType: kind, ResourceName: name})[0], want)
		}
		for v := int16(0); v <= 1; v++ {
			wantSays(t, name, w.change(v, false, change{ResourceType: kind, ResourceName: name})[0], want)
		}
	}
	f(topicKind, "nope", "UNKNOWN_TOPIC_OR_PARTITION")
	f(topicKind, "bad name", "INVALID_TOPIC_EXCEPTION")
	f(topicKind, "", "INVALID_TOPIC_EXCEPTION")
	f(brokerKind, self, "INVALID_REQUEST broker properties come from umbra's own configuration")
	f(brokerKind, "", "INVALID_REQUEST broker properties come from umbra's own configuration")
	f(brokerKind, "99", "INVALID_REQUEST resource name \"99\"")
	f(loggerKind, self, "INVALID_REQUEST log levels")
	f(16, "x", "INVALID_REQUEST resources of type 16")
	for _, got := range w.change(1, false, onTopic("orders", op(opSet, "retention.ms", "1")), onTopic("orders", op(opSet, "retention.ms", "2"))) {
		wantSays(t, "twice", got, "INVALID_REQUEST")
	}
	wantConfigs(t, n, "orders")
}

// TestAlterConfigsReplaces: what is not named goes back to its default.
func TestAlterConfigsReplaces(t *testing.T) {
	n := startAdmin(t, nil)
	w := n.dial()
	for v := int16(0); v <= 2; v++ {
		name := fmt.Sprintf("v%d", v)
		n.make(name, 1, "retention.ms", "5000", "segment.ms", "77")
		set := func(pairs ...string) alter {
			a := alter{ResourceType: topicKind, ResourceName: name}
			for i := 0; i < len(pairs); i += 2 {
				a.Configs = append(a.Configs, alterOne{Name: pairs[i], Value: &pairs[i+1]})
			}
			return a
		}
		wantSays(t, "validated", w.alter(v, true, set("flush.ms", "9"))[0], okay)
		wantConfigs(t, n, name, "retention.ms", "5000", "segment.ms", "77")
		wantSays(t, "bad value", w.alter(v, false, set("flush.ms", "x"))[0], "INVALID_CONFIG")
		wantSays(t, "twice", w.alter(v, false, set("flush.ms", "1", "flush.ms", "2"))[0], "INVALID_REQUEST config flush.ms is given twice")
		null := alter{ResourceType: topicKind, ResourceName: name, Configs: []alterOne{{Name: "flush.ms"}}}
		wantSays(t, "null", w.alter(v, false, null)[0], "INVALID_REQUEST config flush.ms has no value")
		wantConfigs(t, n, name, "retention.ms", "5000", "segment.ms", "77")
		wantSays(t, "replaced", w.alter(v, false, set("flush.ms", "9", "retention.ms", "1"))[0], okay)
		wantConfigs(t, n, name, "flush.ms", "9", "retention.ms", "1")
		wantSays(t, "emptied", w.alter(v, false, set())[0], okay)
		wantConfigs(t, n, name)
	}
}

// TestConfigsAtOnce: changes of different configs of one topic that run at the
// same time are all kept.
func TestConfigsAtOnce(t *testing.T) {
	n := startAdmin(t, nil)
	n.make("orders", 1)
	var all []*wire
	names := []string{"retention.ms", "segment.ms", "flush.ms", "delete.retention.ms", "min.compaction.lag.ms", "max.compaction.lag.ms"}
	for _, name := range names {
		w := n.dial()
		w.send(kafkaproto.KeyIncrementalAlterConfigs, 1, &kafkaproto.IncrementalAlterConfigsRequest{Resources: []change{onTopic("orders", op(opSet, name, "4321"))}})
		all = append(all, w)
	}
	want := []string{}
	for i, w := range all {
		r := receive[kafkaproto.IncrementalAlterConfigsResponse](w, kafkaproto.KeyIncrementalAlterConfigs, 1)
		wantCode(t, names[i], r.Resources[0].ErrorCode, kafkaproto.None)
		want = append(want, names[i], "4321")
	}
	wantConfigs(t, n, "orders", want...)
}
