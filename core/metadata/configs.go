package metadata

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ConfigType is Kafka's type of a config, with Kafka's numbers.
type ConfigType int8

const (
	TypeBoolean  ConfigType = 1
	TypeString   ConfigType = 2
	TypeInt      ConfigType = 3
	TypeShort    ConfigType = 4
	TypeLong     ConfigType = 5
	TypeDouble   ConfigType = 6
	TypeList     ConfigType = 7
	TypeClass    ConfigType = 8
	TypePassword ConfigType = 9
)

// ConfigSource is where an effective value comes from, with Kafka's numbers.
type ConfigSource int8

const (
	SourceTopic        ConfigSource = 1 // set on the topic
	SourceStaticBroker ConfigSource = 4 // the broker's configuration file or flags
	SourceDefault      ConfigSource = 5
)

// ConfigUse says what umbra does with a config.
type ConfigUse uint8

const (
	Acts     ConfigUse = iota // umbra behaves accordingly
	Stored                    // validated and kept, so that a mirrored topic keeps it
	ReadOnly                  // reported only; it says how umbra is, and cannot be set
)

// ConfigKey describes one config.
type ConfigKey struct {
	Name    string
	Type    ConfigType
	Default string
	// Synonyms are the broker properties a topic config falls back to, the
	// strongest first (log.retention.ms before .minutes before .hours).
	Synonyms  []string
	Use       ConfigUse
	Sensitive bool // never shown
	Doc       string

	min, max int64    // for numbers, when max != 0
	choices  []string // for strings and lists, when not nil
}

// ConfigError says which config is wrong and why. It wraps ErrInvalidConfig.
type ConfigError struct{ Name, Value, Why string }

func (e *ConfigError) Error() string {
	return fmt.Sprintf("invalid value %q for configuration %s: %s", e.Value, e.Name, e.Why)
}

func (e *ConfigError) Unwrap() error { return ErrInvalidConfig }

// ConfigEntry is one effective config, as DescribeConfigs reports it.
type ConfigEntry struct {
	Key      ConfigKey
	Value    string
	Source   ConfigSource
	Synonyms []ConfigSynonym // every place that gives a value, the strongest first
}

// ConfigSynonym is one place a value could come from.
type ConfigSynonym struct {
	Name, Value string
	Source      ConfigSource
}

// Configs is the catalogue of Kafka's topic and broker configs, with the
// broker's own settings. It is immutable.
type Configs struct {
	topic, broker map[string]ConfigKey
	set           map[string]string // broker properties given by the operator
}

// NewConfigs validates the broker properties, under Kafka's names, and returns
// the catalogue. All faults are reported, joined.
func NewConfigs(brokerProperties map[string]string) (*Configs, error) {
	c := &Configs{topic: index(topicKeys()), broker: index(brokerKeys()), set: maps.Clone(brokerProperties)}
	if c.set == nil {
		c.set = map[string]string{}
	}
	if err := c.validate(c.broker, c.set, "broker property"); err != nil {
		return nil, err
	}
	return c, nil
}

func index(keys []ConfigKey) map[string]ConfigKey {
	m := make(map[string]ConfigKey, len(keys))
	for _, k := range keys {
		m[k.Name] = k
	}
	return m
}

// TopicKeys and BrokerKeys list the catalogue by name.
func (c *Configs) TopicKeys() []ConfigKey  { return sorted(c.topic) }
func (c *Configs) BrokerKeys() []ConfigKey { return sorted(c.broker) }

func sorted(m map[string]ConfigKey) []ConfigKey {
	out := make([]ConfigKey, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[name])
	}
	return out
}

// TopicKey returns the description of a topic config.
func (c *Configs) TopicKey(name string) (ConfigKey, bool) { k, ok := c.topic[name]; return k, ok }

// BrokerKey returns the description of a broker property.
func (c *Configs) BrokerKey(name string) (ConfigKey, bool) { k, ok := c.broker[name]; return k, ok }

// ValidateTopic checks configs that a client wants to set on a topic; every
// fault is in the joined error, each a *ConfigError.
func (c *Configs) ValidateTopic(configs map[string]string) error {
	return c.validate(c.topic, configs, "topic config")
}

// ValidateBroker checks broker properties without taking them over.
func (c *Configs) ValidateBroker(properties map[string]string) error {
	return c.validate(c.broker, properties, "broker property")
}

// Adopt takes over a mirrored topic's configs: what umbra knows and finds
// valid is kept, whatever the source's version adds or allows beyond that is
// dropped and named.
func (c *Configs) Adopt(source map[string]string) (kept map[string]string, dropped []string) {
	kept = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(source)) {
		k, ok := c.topic[name]
		if !ok || k.Use == ReadOnly || k.check(source[name]) != nil {
			dropped = append(dropped, name)
			continue
		}
		kept[name] = source[name]
	}
	return kept, dropped
}

// Topic returns every effective config of a topic, by name. topic holds what
// is set on it.
func (c *Configs) Topic(topic map[string]string) []ConfigEntry {
	out := make([]ConfigEntry, 0, len(c.topic))
	for _, k := range sorted(c.topic) {
		out = append(out, c.topicEntry(k, topic))
	}
	return out
}

func (c *Configs) topicEntry(k ConfigKey, topic map[string]string) ConfigEntry {
	e := ConfigEntry{Key: k}
	if v, ok := topic[k.Name]; ok {
		e.Synonyms = append(e.Synonyms, ConfigSynonym{k.Name, v, SourceTopic})
	}
	for _, name := range k.Synonyms {
		if v, ok := c.set[name]; ok {
			e.Synonyms = append(e.Synonyms, ConfigSynonym{name, toTopicUnit(name, v), SourceStaticBroker})
		}
	}
	last := k.Name
	if len(k.Synonyms) > 0 {
		last = k.Synonyms[len(k.Synonyms)-1]
	}
	e.Synonyms = append(e.Synonyms, ConfigSynonym{last, k.Default, SourceDefault})
	e.Value, e.Source = e.Synonyms[0].Value, e.Synonyms[0].Source
	return e
}

// Broker returns every broker property with its effective value, by name.
func (c *Configs) Broker() []ConfigEntry {
	out := make([]ConfigEntry, 0, len(c.broker))
	for _, k := range sorted(c.broker) {
		e := ConfigEntry{Key: k}
		if v, ok := c.set[k.Name]; ok {
			e.Synonyms = append(e.Synonyms, ConfigSynonym{k.Name, v, SourceStaticBroker})
		}
		e.Synonyms = append(e.Synonyms, ConfigSynonym{k.Name, k.Default, SourceDefault})
		e.Value, e.Source = e.Synonyms[0].Value, e.Synonyms[0].Source
		out = append(out, e)
	}
	return out
}

// validate reports every unknown, read-only or invalid entry.
func (c *Configs) validate(known map[string]ConfigKey, given map[string]string, what string) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(given)) {
		k, ok := known[name]
		switch {
		case !ok:
			errs = append(errs, &ConfigError{name, given[name], "unknown " + what + didYouMean(name, known)})
		case k.Use == ReadOnly && given[name] != k.Default:
			errs = append(errs, &ConfigError{name, given[name], fmt.Sprintf("it cannot be changed in umbra and is %q", k.Default)})
		default:
			if err := k.check(given[name]); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return joinConfigErrors(errs)
}

// didYouMean names the known key that shares the most dotted parts, at least
// two, and has the fewest others.
func didYouMean(name string, known map[string]ConfigKey) string {
	parts := strings.Split(name, ".")
	best, score := "", 0
	for _, k := range slices.Sorted(maps.Keys(known)) {
		theirs, shared := strings.Split(k, "."), 0
		for _, p := range parts {
			if slices.Contains(theirs, p) {
				shared++
			}
		}
		if n := 100*shared - len(theirs); shared >= 2 && n > score {
			best, score = k, n
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}
