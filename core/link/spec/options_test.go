package spec

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"umbra/core/units"
)

// Every field of Options is one row of the table, and no row shares a field.
func TestOptionTableIsComplete(t *testing.T) {
	fields := reflect.TypeFor[Options]().NumField()
	if rows := len(OptionTable()); rows != fields {
		t.Errorf("%d rows for %d fields", rows, fields)
	}
	touched := map[string]string{}
	for _, row := range OptionTable() {
		var o Options
		if row.number != nil {
			row.number.set(&o, 7)
		} else {
			*row.text(&o) = "x"
		}
		for i, v := range reflect.ValueOf(o).Fields() {
			if !v.IsZero() {
				if other := touched[i.Name]; other != "" {
					t.Errorf("%s and %s set the same field", row.Key, other)
				}
				touched[i.Name] = row.Key
			}
		}
		if strings.ToLower(row.Key) != row.Key || row.Doc == "" || strings.HasSuffix(row.Doc, ".") {
			t.Errorf("row %q: %q", row.Key, row.Doc)
		}
	}
	if len(touched) != fields {
		t.Errorf("the rows set %d of %d fields", len(touched), fields)
	}
}

// The keys and their defaults are a promise to scripts.
func TestOptionDefaults(t *testing.T) {
	want := map[string]string{"client_id": "umbra-link-dr", "source_cluster_id": "", "metadata_refresh": "5s", "fetch_max_bytes": "64MiB", "partition_max_bytes": "64MiB",
		"fetch_min_bytes": "1B", "fetch_max_wait": "500ms", "connect_timeout": "5s", "request_timeout": "30s", "backoff_min": "100ms", "backoff_max": "10s", "rpo_target": "0s"}
	if got := valid().Options.Values(); !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if got := ChangedOptions("dr", want); len(got) != 0 {
		t.Errorf("the defaults differ from themselves: %v", got)
	}
	want["backoff_max"], want["later"], want["client_id"] = "20s", "1", "x"
	if got := strings.Join(ChangedOptions("dr", want), " "); got != "client_id backoff_max later" {
		t.Errorf("changed: %s", got)
	}
}

// A default gives way to an option that bounds it.
func TestOptionDefaultsGiveWay(t *testing.T) {
	d := valid()
	d.Options, _ = ParseOptions(map[string]string{"fetch_max_bytes": "1MiB", "backoff_min": "30s"})
	d = d.WithDefaults()
	if err := d.Validate(); err != nil || d.Options.PartitionMaxBytes != 1<<20 || d.Options.BackoffMax != 30*time.Second {
		t.Errorf("%v %+v", err, d.Options)
	}
}

// What is written is read back, also at the bounds.
func TestOptionsRoundTrip(t *testing.T) {
	for _, row := range OptionTable() {
		values := []string{"", "some text"}
		if n := row.number; n != nil {
			values = []string{n.format(n.lo), n.format(n.hi), n.format(n.lo + (n.hi-n.lo)/3)}
		}
		for _, v := range values {
			o, err := ParseOptions(map[string]string{row.Key: v})
			if err != nil || row.Get(o) != v {
				t.Errorf("%s: %q becomes %q, %v", row.Key, v, row.Get(o), err)
			}
			back, err := ParseOptions(o.withDefaults("dr").Values())
			if err != nil || back != o.withDefaults("dr") {
				t.Errorf("%s=%s: %+v read back as %+v, %v", row.Key, v, o.withDefaults("dr"), back, err)
			}
		}
	}
}

// Just outside of its bounds every option is refused, by its key and with the
// range; at once for all.
func TestOptionBounds(t *testing.T) {
	bad := map[string]string{}
	for _, row := range OptionTable() {
		if n := row.number; n == nil {
			bad[row.Key] = strings.Repeat("x", optionTextMax+1)
		} else {
			bad[row.Key] = n.format(n.hi + 1)
		}
	}
	bad["fetch_max_byte"], bad["colour"] = "1MiB", "red"
	o, err := ParseOptions(bad)
	if err == nil {
		t.Fatalf("accepted: %+v", o)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(bad) {
		t.Errorf("%d faults told of %d:\n%v", len(lines), len(bad), err)
	}
	for _, row := range OptionTable() {
		if row.number != nil && !strings.Contains(err.Error(), row.Key+": \""+bad[row.Key]+"\" is outside "+row.Range()) {
			t.Errorf("no fault with key, value and range of %s in\n%v", row.Key, err)
		}
	}
	for _, want := range []string{"fetch_max_byte: no such option; did you mean fetch_max_bytes?", "colour: no such option; there are client_id, source_cluster_id,", "client_id: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
	for _, text := range []string{"5", "1e9", "-1s", "16mb", ""} {
		for _, row := range OptionTable() {
			if _, err := ParseOptions(map[string]string{row.Key: text}); row.number != nil && (err == nil || !strings.Contains(err.Error(), row.Range())) {
				t.Errorf("%s=%q: %v", row.Key, text, err)
			}
		}
	}
}

// Options that bound each other are compared, unless the other one is the
// fault.
func TestOptionsBoundEachOther(t *testing.T) {
	f := func(want int, sub string, pairs ...string) {
		t.Helper()
		values := map[string]string{}
		for _, p := range pairs {
			key, value, _ := strings.Cut(p, "=")
			values[key] = value
		}
		o, err := ParseOptions(values)
		if err != nil {
			t.Fatal(err)
		}
		d := valid()
		d.Options = o
		err = d.WithDefaults().Validate()
		if n := len(strings.Split(text(err), "\n")); (err != nil) != (want > 0) || want > 0 && n != want || !strings.Contains(text(err), sub) {
			t.Errorf("%v: %v", pairs, err)
		}
	}
	f(1, `partition_max_bytes: "2MiB" is outside 4KiB to fetch_max_bytes`, "fetch_max_bytes=1MiB", "partition_max_bytes=2MiB")
	f(1, `fetch_min_bytes: "2MiB"`, "fetch_max_bytes=1MiB", "fetch_min_bytes=2MiB")
	f(1, `backoff_max: "1s" is outside backoff_min to 1h`, "backoff_min=2s", "backoff_max=1s")
	f(0, "", "backoff_min=2s", "backoff_max=2s", "fetch_max_bytes=1MiB", "partition_max_bytes=1MiB", "fetch_min_bytes=1MiB")
	o := valid().Options
	o.FetchMaxBytes = 1
	if got := text(o.Validate()); strings.Contains(got, "\n") || !strings.HasPrefix(got, "fetch_max_bytes: ") {
		t.Errorf("one fault is told as %s", got)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// The words for a bound are as it is written.
func TestOptionWords(t *testing.T) {
	row, _ := option("partition_max_bytes")
	if row.Range() != "4KiB to fetch_max_bytes" || row.Default() != units.FormatSize(64<<20) {
		t.Errorf("%s, %s", row.Range(), row.Default())
	}
}
