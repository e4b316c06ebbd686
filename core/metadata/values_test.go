package metadata

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"

	"umbra/core/link/spec"
	"umbra/kafkaproto"
)

func sampleTopic() *Topic {
	return &Topic{Name: "a", ID: kafkaproto.TopicID{1}, Partitions: []Partition{{1, 2}}, Configs: map[string]string{"x": "y"},
		Shadow: &Shadow{Link: "dr", LinkID: "i", State: spec.FailingOver, Term: 3, Start: spec.Start{Kind: spec.StartEarliest},
			Failover: &spec.FailoverProgress{Step: spec.FailoverFenced, Partitions: []spec.FinalPartition{{LogEnd: 9}}}}}
}

func TestValuesRoundTrip(t *testing.T) {
	in := sampleTopic()
	text := encode(in)
	if !strings.HasPrefix(text, `{"v":1,`) {
		t.Fatal(text)
	}
	out, err := decode[Topic]("k", []byte(text))
	if err != nil || encode(&out) != text || out.Shadow.Failover.Partitions[0].LogEnd != 9 {
		t.Fatalf("%v\n%s\n%s", err, text, encode(&out))
	}
	if got := encode(struct{}{}); got != `{"v":1}` {
		t.Fatal(got)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, text := range []string{"", "null", "[]", "{}", `{"v":0}`, `{"v":2,"name":"a"}`, `{"v":1,"id":"short"}`, `{"v":1,"partitions":7}`, `{"v":1,"shadow":{"state":"GONE"}}`} {
		if v, err := decode[Topic]("k", []byte(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("decode(%q) = %+v, %v", text, v, err)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	in := sampleTopic()
	before := encode(in)
	c := in.clone()
	c.Partitions[0].Shard, c.Configs["x"], c.Shadow.Term, c.Shadow.Failover.Partitions[0].LogEnd = 9, "z", 9, 1
	c.Shadow.Failover.Step = spec.FailoverWritable
	if encode(in) != before {
		t.Fatal("the clone shares memory with the original")
	}
}

func FuzzTopicValue(f *testing.F) {
	f.Add([]byte(encode(sampleTopic())))
	f.Add([]byte(`{"v":1,"partitions":[{"shard":-1}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		k := keys{prefix: "/p"}
		id := kafkaproto.TopicID{1}
		bd := newBuilder(k, 1, emptySnapshot())
		if bd.put(k.topic(id), b, 5) != nil {
			if len(bd.next.Topics) != 0 {
				t.Fatal("a refused value is in the snapshot")
			}
			return
		}
		topic := bd.done(5).ByID(id)
		if topic.ID != id || topic.validate() != nil || bd.next.Topics[topic.Name] != topic {
			t.Fatalf("accepted %q as %+v", b, topic)
		}
		back, err := decode[Topic]("k", []byte(encode(topic)))
		if err != nil || encode(&back) != encode(topic) {
			t.Fatalf("%q does not round-trip: %v", b, err)
		}
		bd.remove(k.topic(id))
		if len(bd.next.Topics)+len(bd.next.byID) != 0 {
			t.Fatal("not removed")
		}
	})
}

func FuzzStateValue(f *testing.F) {
	k := keys{prefix: "/p"}
	names := []string{k.cluster(), k.shards(), k.producerIDs(), k.broker(1), k.link("dr"), k.name("a"), k.guardLinks(), "/p/state/later/x"}
	for i := range names {
		f.Add(uint8(i), []byte(`{"v":1,"id":"x","next":3,"floor":2}`))
	}
	f.Fuzz(func(t *testing.T, i uint8, b []byte) {
		bd := newBuilder(k, 1, emptySnapshot())
		key := names[int(i)%len(names)]
		if err := bd.put(key, b, 5); err != nil && !errors.Is(err, ErrFormat) {
			t.Fatalf("%s %q: %v", key, b, err)
		}
		if s := bd.done(5); s.producerIDNext < s.ProducerIDFloor || s.ProducerIDFloor < 0 {
			t.Fatalf("allocator below its floor: %+v", s)
		}
		bd.remove(key)
	})
}

// A slow builder for the same events must give the same snapshot; the old one
// must not change.
func TestBuilderLeavesTheOldSnapshotAlone(t *testing.T) {
	k := keys{prefix: "/p"}
	put := func(b *builder, topic *Topic) {
		if err := b.put(k.topic(topic.ID), []byte(encode(topic)), 1); err != nil {
			t.Fatal(err)
		}
	}
	b := newBuilder(k, 1, emptySnapshot())
	put(b, sampleTopic())
	first := b.done(1)

	b = newBuilder(k, 1, first)
	other := sampleTopic()
	other.ID = kafkaproto.TopicID{2} // deleted and re-created under the name, events in that order
	put(b, other)
	b.remove(k.topic(kafkaproto.TopicID{1}))
	second := b.done(2)
	if first.Topics["a"].ID != (kafkaproto.TopicID{1}) || first.ByID(other.ID) != nil || len(first.Topics) != 1 {
		t.Fatal("the old snapshot changed")
	}
	if second.Topics["a"].ID != other.ID || len(second.byID) != 1 {
		t.Fatalf("re-created topic: %+v", second.Topics["a"])
	}
}

func TestTopicNames(t *testing.T) {
	f := func(name string, ok bool) {
		t.Helper()
		if err := ValidateTopicName(name); (err == nil) != ok || err != nil && !errors.Is(err, ErrInvalidName) {
			t.Errorf("ValidateTopicName(%q) = %v", name, err)
		}
	}
	f("a", true)
	f("A.b_c-9", true)
	f("...", true)
	f("", false)
	f(".", false)
	f("..", false)
	f("a b", false)
	f("a/b", false)
	f("a\x00", false)
	f(strings.Repeat("a", 249), true)
	f(strings.Repeat("a", 250), false)
}

// recorder keeps what is logged.
type recorder struct{ out *[]map[string]any }

func (r recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r recorder) WithGroup(string) slog.Handler            { return r }
func (r recorder) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r recorder) Handle(_ context.Context, rec slog.Record) error {
	m := map[string]any{"msg": rec.Message, "level": rec.Level}
	rec.Attrs(func(a slog.Attr) bool { m[a.Key] = a.Value.Any(); return true })
	*r.out = append(*r.out, m)
	return nil
}

func TestEtcdLogsOnlyWarnings(t *testing.T) {
	var got []map[string]any
	z := newZap(slog.New(recorder{&got})).With(zap.String("member", "m"))
	z.Info("chatter")
	z.Warn("slow", zap.Int("ms", 5))
	z.Error("broken", zap.Error(errors.New("disk")))
	if len(got) != 2 || got[0]["level"] != slog.LevelWarn || got[0]["member"] != "m" || got[0]["ms"] != int64(5) ||
		got[1]["level"] != slog.LevelError || got[1]["error"] != "disk" {
		b, _ := json.Marshal(got)
		t.Fatalf("%s", b)
	}
}
