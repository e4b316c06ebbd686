package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Entry is one effective setting or broker property. Secrets are redacted.
type Entry struct {
	Key    string // "storage.dir" or "kafka.properties.log.retention.ms"
	Value  string // text form
	Origin Origin
	Doc    string
	kind   kind
}

// Entries lists every setting in the order of the file, and the broker
// properties that were given.
func (c *Config) Entries() []Entry {
	var out []Entry
	for _, s := range c.settings() {
		out = append(out, Entry{s.key, s.show(), c.Origin(s.key), s.doc, s.kind})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Kafka.Properties)) {
		key := propertyPrefix + name
		k, _ := c.Kafka.Configs.BrokerKey(name)
		out = append(out, Entry{key, c.Kafka.Properties[name], c.Origin(key), k.Doc, textKind})
	}
	return out
}

// Origin says where the value of a setting or "kafka.properties.NAME" is from.
func (c *Config) Origin(key string) Origin {
	if o, ok := c.origins[key]; ok {
		return o
	}
	return OriginDefault
}

// Effective is the configuration as a TOML file that Load reads back (but for
// secrets, which are redacted), with a comment that says where each value
// comes from.
func (c *Config) Effective() string {
	var b strings.Builder
	section := ""
	line := func(key, value string, o Origin) { fmt.Fprintf(&b, "%-48s # %s\n", key+" = "+value, o) }
	entries := c.Entries()
	slices.SortStableFunc(entries, func(x, y Entry) int { return rank(x.Key) - rank(y.Key) })
	for _, e := range entries {
		head, key := splitKey(e.Key)
		if head != section {
			section = head
			fmt.Fprintf(&b, "%s[%s]\n", strings.Repeat("\n", min(1, b.Len())), head)
		}
		switch {
		case e.kind == secretKind && e.Value == "":
			fmt.Fprintf(&b, "%-48s # %s\n", "# "+key+" is not set", e.Origin)
		case e.kind == listKind:
			line(key, quoteList(e.Value), e.Origin)
		case e.kind == numberKind, e.kind == textOrNumber && e.Value != "auto":
			line(key, e.Value, e.Origin)
		default:
			line(key, quote(e.Value), e.Origin)
		}
	}
	return b.String()
}

// rank keeps [kafka.properties] right behind [kafka].
func rank(key string) int {
	switch {
	case strings.HasPrefix(key, propertyPrefix):
		return 1
	case strings.HasPrefix(key, "kafka."):
		return 0
	}
	return 2
}

func splitKey(key string) (section, name string) {
	if name, ok := strings.CutPrefix(key, propertyPrefix); ok {
		return strings.TrimSuffix(propertyPrefix, "."), quote(name)
	}
	section, name, _ = strings.Cut(key, ".")
	return section, name
}

func quoteList(value string) string {
	if value == "" {
		return "[]"
	}
	items := strings.Split(value, ",")
	for i := range items {
		items[i] = quote(items[i])
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// quote writes a TOML basic string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			b.WriteString(`\u` + fmt.Sprintf("%04X", r))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
