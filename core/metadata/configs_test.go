package metadata

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func configs(t *testing.T, broker map[string]string) *Configs {
	t.Helper()
	return must(NewConfigs(broker))(t)
}

func entryOf(t *testing.T, entries []ConfigEntry, name string) ConfigEntry {
	t.Helper()
	for _, e := range entries {
		if e.Key.Name == name {
			return e
		}
	}
	t.Fatalf("no %s", name)
	return ConfigEntry{}
}

func TestCatalogueIsSound(t *testing.T) {
	c := configs(t, nil)
	for _, k := range append(c.TopicKeys(), c.BrokerKeys()...) {
		if k.Type == 0 || !strings.HasSuffix(k.Doc, ".") {
			t.Errorf("%s: type or doc missing", k.Name)
		}
		if k.Default != "" {
			if err := k.check(k.Default); err != nil {
				t.Errorf("the default is invalid: %v", err)
			}
		}
		for _, syn := range k.Synonyms {
			if _, ok := c.BrokerKey(syn); !ok {
				t.Errorf("%s: synonym %s is no broker property", k.Name, syn)
			}
		}
	}
	if s := c.Settings(nil); s.Retention != 7*24*time.Hour || s.RetentionBytes != -1 || s.SegmentBytes != 1<<30 ||
		s.MaxMessageBytes != 1048588 || !s.Delete || s.Compact || s.LogAppendTime || s.FlushInterval != math.MaxInt64 || s.TimestampAfterMax != time.Hour {
		t.Errorf("defaults %+v", s)
	}
	if b := c.BrokerSettings(); b.AutoCreateTopics || !b.DeleteTopics || b.NumPartitions != 1 || b.RequestBytesMax != 100<<20 || b.ConnectionIdle != 10*time.Minute || c.BrokerID() != 1 {
		t.Errorf("broker defaults %+v", b)
	}
}

func TestEffectiveValueAndSource(t *testing.T) {
	c := configs(t, map[string]string{"log.retention.hours": "2", "log.segment.bytes": "1048576", "auto.create.topics.enable": "true"})
	e := entryOf(t, c.Topic(nil), "retention.ms")
	if e.Value != "7200000" || e.Source != SourceStaticBroker || len(e.Synonyms) != 2 || e.Synonyms[0].Name != "log.retention.hours" {
		t.Errorf("hours: %+v", e)
	}
	e = entryOf(t, c.Topic(map[string]string{"retention.ms": "-1"}), "retention.ms")
	if e.Value != "-1" || e.Source != SourceTopic || len(e.Synonyms) != 3 {
		t.Errorf("topic: %+v", e)
	}
	if s := c.Settings(map[string]string{"cleanup.policy": "compact, delete", "retention.ms": "-1"}); s.Retention >= 0 || !s.Compact || !s.Delete || s.SegmentBytes != 1<<20 {
		t.Errorf("settings %+v", s)
	}
	// The finer unit is stronger, as in Kafka.
	c = configs(t, map[string]string{"log.retention.hours": "2", "log.retention.minutes": "3", "log.retention.ms": "4"})
	if e = entryOf(t, c.Topic(nil), "retention.ms"); e.Value != "4" || e.Synonyms[1].Value != "180000" {
		t.Errorf("strongest: %+v", e)
	}
	if e = entryOf(t, c.Broker(), "auto.create.topics.enable"); e.Value != "false" || e.Source != SourceDefault {
		t.Errorf("auto create: %+v", e)
	}
}

func TestConfigValidation(t *testing.T) {
	c := configs(t, nil)
	f := func(name, value, why string) {
		t.Helper()
		err := c.ValidateTopic(map[string]string{name: value})
		if why == "" {
			if err != nil {
				t.Errorf("%s=%q: %v", name, value, err)
			}
			return
		}
		var ce *ConfigError
		if !errors.Is(err, ErrInvalidConfig) || !errors.As(err, &ce) || ce.Name != name || !strings.Contains(err.Error(), why) {
			t.Errorf("%s=%q: %v, want %q", name, value, err, why)
		}
	}
	f("retention.ms", "-1", "")
	f("retention.ms", "-2", "from -1")
	f("retention.ms", "1d", "whole number")
	f("segment.bytes", "99999999999", "in range")
	f("segment.bytes", "100", "from 16384")
	f("cleanup.policy", "compact,delete", "")
	f("cleanup.policy", "compact,compact", "twice")
	f("cleanup.policy", "purge", "not one of delete, compact")
	f("message.timestamp.type", "Create", "want one of")
	f("preallocate", "yes", "true or false")
	f("min.cleanable.dirty.ratio", "1.5", "from 0 to 1")
	f("min.cleanable.dirty.ratio", "NaN", "from 0 to 1")
	f("compression.type", "zstd", "")
	f("remote.storage.enable", "true", "cannot be changed")
	f("remote.storage.enable", "false", "")
	f("retention.mss", "1", "unknown topic config")
	f("log.retention.ms", "1", "did you mean retention.ms?")

	_, err := NewConfigs(map[string]string{"num.partitions": "0", "log.retention.hour": "1", "default.replication.factor": "3"})
	for _, want := range []string{"num.partitions", "log.retention.hour", "default.replication.factor", "did you mean"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

func TestAdoptKeepsWhatIsKnown(t *testing.T) {
	kept, dropped := configs(t, nil).Adopt(map[string]string{"cleanup.policy": "compact", "retention.ms": "5",
		"redpanda.remote.write": "true", "message.timestamp.type": "Weird", "remote.storage.enable": "true"})
	if len(kept) != 2 || kept["cleanup.policy"] != "compact" || strings.Join(dropped, " ") != "message.timestamp.type redpanda.remote.write remote.storage.enable" {
		t.Fatalf("kept %v, dropped %v", kept, dropped)
	}
}

func FuzzConfigValue(f *testing.F) {
	c, err := NewConfigs(nil)
	if err != nil {
		f.Fatal(err)
	}
	keys := c.TopicKeys()
	for i := range keys {
		f.Add(uint8(i), keys[i].Default)
	}
	f.Fuzz(func(t *testing.T, i uint8, value string) {
		k := keys[int(i)%len(keys)]
		set := map[string]string{k.Name: value}
		if c.ValidateTopic(set) == nil {
			c.Settings(set) // panics on a value that validation should have refused
		}
	})
}
