package spec

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"umbra/core/units"
)

// clientIDPrefix and the link's name are the default client id.
const clientIDPrefix = "umbra-link-"

// The bounds of the options.
const (
	optionTextMax = 249 // bytes

	metadataRefreshMin, metadataRefreshMax = 100 * time.Millisecond, time.Hour
	fetchBytesMin, fetchBytesMax           = 64 << 10, 1 << 30
	partitionBytesMin                      = 4 << 10
	fetchWaitMin, fetchWaitMax             = time.Millisecond, time.Minute
	connectTimeoutMin, connectTimeoutMax   = 10 * time.Millisecond, 5 * time.Minute
	requestTimeoutMin, requestTimeoutMax   = 100 * time.Millisecond, 10 * time.Minute
	backoffLeast, backoffMinMost           = time.Millisecond, time.Minute
	backoffMost                            = time.Hour
	rpoTargetMax                           = 30 * 24 * time.Hour
)

// Option is one row of the table of options.
type Option struct {
	Key string // snake_case; a promise to scripts
	Doc string // what it does, one phrase

	text   func(*Options) *string // one of text and number is set
	number *number
}

// number is an option that is counted: bytes, or nanoseconds.
type number struct {
	get         func(*Options) int64
	set         func(*Options, int64)
	def, lo, hi int64
	notAbove    string // key of an option that bounds this one as well; "" none
	notBelow    string
	parse       func(string) (int64, error)
	format      func(int64) string
}

// OptionTable is every option of a link, in the order in which people are shown
// them. An option that may not be above or below another stands after it.
func OptionTable() []Option {
	return []Option{
		{Key: "client_id", Doc: "what the source sees in its logs, metrics and quotas", text: func(o *Options) *string { return &o.ClientID }},
		{Key: "source_cluster_id", Doc: "the cluster id the source must have; another one is refused", text: func(o *Options) *string { return &o.SourceClusterID }},
		span("metadata_refresh", func(o *Options) *time.Duration { return &o.MetadataRefresh }, 5*time.Second, metadataRefreshMin, metadataRefreshMax,
			"how often topics, partitions and leaders are asked for when nothing else prompts it"),
		size("fetch_max_bytes", func(o *Options) *int32 { return &o.FetchMaxBytes }, 64<<20, fetchBytesMin, fetchBytesMax,
			"bound of one answer of the source; 16 MiB are asked for, more where round trips are long"),
		size("partition_max_bytes", func(o *Options) *int32 { return &o.PartitionMaxBytes }, 64<<20, partitionBytesMin, fetchBytesMax,
			"bound of one partition in an answer, which the partitions share; one larger batch still comes whole").below("fetch_max_bytes"),
		size("fetch_min_bytes", func(o *Options) *int32 { return &o.FetchMinBytes }, 1, 1, fetchBytesMax,
			"what the source gathers before it answers; more is fewer answers and more delay").below("fetch_max_bytes"),
		span("fetch_max_wait", func(o *Options) *time.Duration { return &o.FetchMaxWait }, 500*time.Millisecond, fetchWaitMin, fetchWaitMax,
			"how long the source may gather"),
		span("connect_timeout", func(o *Options) *time.Duration { return &o.ConnectTimeout }, 5*time.Second, connectTimeoutMin, connectTimeoutMax,
			"bound of one attempt to connect"),
		span("request_timeout", func(o *Options) *time.Duration { return &o.RequestTimeout }, 30*time.Second, requestTimeoutMin, requestTimeoutMax,
			"bound of one request, on top of fetch_max_wait"),
		span("backoff_min", func(o *Options) *time.Duration { return &o.BackoffMin }, 100*time.Millisecond, backoffLeast, backoffMinMost,
			"wait after a first failure; it doubles with each further one"),
		span("backoff_max", func(o *Options) *time.Duration { return &o.BackoffMax }, 10*time.Second, backoffLeast, backoffMost,
			"longest wait between attempts").above("backoff_min"),
		span("rpo_target", func(o *Options) *time.Duration { return &o.RPOTarget }, 0, 0, rpoTargetMax,
			"recovery point to hold; status is unhealthy above it, 0s has no target"),
	}
}

func size(key string, at func(*Options) *int32, def, lo, hi int32, doc string) Option {
	return Option{Key: key, Doc: doc, number: &number{def: int64(def), lo: int64(lo), hi: int64(hi), parse: units.ParseSize, format: units.FormatSize,
		get: func(o *Options) int64 { return int64(*at(o)) }, set: func(o *Options, n int64) { *at(o) = int32(n) }}}
}

func span(key string, at func(*Options) *time.Duration, def, lo, hi time.Duration, doc string) Option {
	return Option{Key: key, Doc: doc, number: &number{def: int64(def), lo: int64(lo), hi: int64(hi),
		parse:  func(s string) (int64, error) { d, err := units.ParseDuration(s); return int64(d), err },
		format: func(n int64) string { return units.FormatDuration(time.Duration(n)) },
		get:    func(o *Options) int64 { return int64(*at(o)) }, set: func(o *Options, n int64) { *at(o) = time.Duration(n) }}}
}

func (row Option) below(key string) Option { row.number.notAbove = key; return row }
func (row Option) above(key string) Option { row.number.notBelow = key; return row }

func option(key string) (Option, bool) {
	table := OptionTable()
	i := slices.IndexFunc(table, func(row Option) bool { return row.Key == key })
	if i < 0 {
		return Option{}, false
	}
	return table[i], true
}

// Default is the default in words.
func (row Option) Default() string {
	switch {
	case row.number != nil:
		return row.number.format(row.number.def)
	case row.Key == "client_id":
		return clientIDPrefix + "LINK"
	}
	return "any"
}

// Range is what is allowed, in words.
func (row Option) Range() string {
	n := row.number
	if n == nil {
		return fmt.Sprintf("up to %d bytes", optionTextMax)
	}
	lo, hi := n.format(n.lo), n.format(n.hi)
	if n.notBelow != "" {
		lo = n.notBelow
	}
	if n.notAbove != "" {
		hi = n.notAbove
	}
	return lo + " to " + hi
}

// Get is the option's value as text, "" for a text that is not set.
func (row Option) Get(o Options) string {
	if row.number == nil {
		return *row.text(&o)
	}
	return row.number.format(row.number.get(&o))
}

// set reads a value. "" for a text means the default.
func (row Option) set(o *Options, value string) error {
	if row.number == nil {
		*row.text(o) = value
		return row.check(*o)
	}
	n, err := row.number.parse(value)
	if err != nil {
		return fmt.Errorf("%s: %w; allowed is %s", row.Key, err, row.Range())
	}
	if n < row.number.lo || n > row.number.hi {
		return row.outside(value)
	}
	row.number.set(o, n)
	return nil
}

func (row Option) outside(value string) error {
	return fmt.Errorf("%s: %q is outside %s", row.Key, value, row.Range())
}

func (row Option) check(o Options) error {
	if row.number == nil {
		text := *row.text(&o)
		if len(text) > optionTextMax || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("%s: %q is not a text of up to %d bytes without control characters", row.Key, text, optionTextMax)
		}
		return nil
	}
	n := row.number
	v := n.get(&o)
	if v < n.lo || v > n.hi || v > n.bound(&o, n.notAbove, n.hi) || v < n.bound(&o, n.notBelow, n.lo) {
		return row.outside(n.format(v))
	}
	return nil
}

// bound is the value of another option, and without one, or where that is
// itself out of its bounds, the number given.
func (n *number) bound(o *Options, key string, without int64) int64 {
	other, ok := option(key)
	if !ok {
		return without
	}
	if v := other.number.get(o); v >= other.number.lo && v <= other.number.hi {
		return v
	}
	return without
}

func (n *number) fill(o *Options) {
	if n.get(o) == 0 {
		n.set(o, max(min(n.def, n.bound(o, n.notAbove, n.hi)), n.bound(o, n.notBelow, n.lo)))
	}
}

// ParseOptions reads options by their keys. Every unknown key and bad value is
// reported, joined; options that bound each other are compared by Validate.
func ParseOptions(values map[string]string) (o Options, err error) {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if row, ok := option(key); ok {
			errs = append(errs, row.set(&o, values[key]))
		} else {
			errs = append(errs, unknownOption(key))
		}
	}
	return o, errors.Join(errs...)
}

func unknownOption(key string) error {
	var keys []string
	for _, row := range OptionTable() {
		keys = append(keys, row.Key)
	}
	if meant := units.Suggest(key, keys); meant != "" {
		return fmt.Errorf("%s: no such option; did you mean %s?", key, meant)
	}
	return fmt.Errorf("%s: no such option; there are %s", key, strings.Join(keys, ", "))
}

// Values is every option as text, as ParseOptions reads it.
func (o Options) Values() map[string]string {
	out := map[string]string{}
	for _, row := range OptionTable() {
		out[row.Key] = row.Get(o)
	}
	return out
}

// ChangedOptions lists the keys of values whose text is not the default of a
// link of that name, in the order of the table and then those it does not know.
func ChangedOptions(link string, values map[string]string) (keys []string) {
	def := Options{}.withDefaults(link).Values()
	for _, row := range OptionTable() {
		if v, ok := values[row.Key]; ok && v != def[row.Key] {
			keys = append(keys, row.Key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if _, ok := def[key]; !ok {
			keys = append(keys, key)
		}
	}
	return keys
}
