package link

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"umbra/core/link/replicate"
	"umbra/core/link/source"
	"umbra/core/link/spec"
)

// optionRow is an option, a value, and where it arrives. The reader gets the
// options of a link that has it set, and of one that has not.
type optionRow struct {
	key, value     string
	usual, becomes string
	see            func(d spec.Definition) string
}

func optionRows() []optionRow {
	dialled := time.Duration(0)
	cfg := Config{RecordsMax: 1 << 20, Dial: func(t time.Duration) source.Dialer { dialled = t; return nil }}
	data := func(f func(replicate.Config) any) func(spec.Definition) string {
		return func(d spec.Definition) string { return fmt.Sprint(f(dataPlane(cfg, d.Options))) }
	}
	both := func(x func(replicate.Config) any, y func(source.Config) any) func(spec.Definition) string {
		return func(d spec.Definition) string {
			return fmt.Sprint(x(dataPlane(cfg, d.Options)), " ", y(controlPlane(cfg, d)))
		}
	}
	return []optionRow{
		{"client_id", "x", "umbra-link-dr umbra-link-dr", "x x", both(func(c replicate.Config) any { return c.ClientID }, func(c source.Config) any { return c.ClientID })},
		{"source_cluster_id", "A", "taken", "refused", func(d spec.Definition) string {
			switch err := checkIdentity(&spec.Link{Definition: d}, &source.Cluster{ID: "B"}, "own"); {
			case err == nil:
				return "taken"
			case errors.Is(err, errIdentity):
				return "refused"
			default:
				return err.Error()
			}
		}},
		{"fetch_max_bytes", "8MiB", "67108864", "8388608", data(func(c replicate.Config) any { return c.FetchMaxBytes })},
		{"partition_max_bytes", "1MiB", "67108864", "1048576", data(func(c replicate.Config) any { return c.PartitionMaxBytes })},
		{"fetch_min_bytes", "4KiB", "1", "4096", data(func(c replicate.Config) any { return c.FetchMinBytes })},
		{"fetch_max_wait", "1s", "500ms", "1s", data(func(c replicate.Config) any { return c.MaxWait })},
		{"connect_timeout", "2s", "5s 5s", "2s 2s", both(func(c replicate.Config) any { return c.ConnectTimeout }, func(source.Config) any { return dialled })},
		{"request_timeout", "2s", "30s 30s", "2s 2s", both(func(c replicate.Config) any { return c.RequestTimeout }, func(c source.Config) any { return c.Timeout })},
		{"backoff_min", "4s", "100ms 50ms", "4s 2s", func(d spec.Definition) string {
			return fmt.Sprint(dataPlane(cfg, d.Options).BackoffMin, " ", leastWait(d, 1))
		}},
		{"backoff_max", "3s", "10s 5s", "3s 1.5s", func(d spec.Definition) string {
			return fmt.Sprint(dataPlane(cfg, d.Options).BackoffMax, " ", leastWait(d, 20))
		}},
	}
}

// leastWait is the shortest wait after so many looks that failed: half of what
// it is drawn from.
func leastWait(d spec.Definition, failures int) time.Duration {
	var l Link
	for range failures {
		l.wait(d.Options)
	}
	return l.backoff / 2
}

// actsElsewhere are options whose effect another test shows.
func actsElsewhere() map[string]string {
	return map[string]string{
		"metadata_refresh": "core/link/stories_options_test.go:TestOptionsAtTheSource",
		"rpo_target":       "admin/backend/convert_test.go:TestSummaryJudgesTheTarget",
	}
}

// Every option arrives where it acts, and none is left without a row.
func TestEveryOptionActs(t *testing.T) {
	def := spec.Definition{Name: "dr", Bootstrap: []string{"a:1"}}
	var shown []string
	for key, where := range actsElsewhere() {
		file, test, _ := strings.Cut(where, ":")
		text, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil || !strings.Contains(string(text), "\nfunc "+test+"(") {
			t.Errorf("%s: there is no %s: %v", key, where, err)
		}
		shown = append(shown, key)
	}
	for _, row := range optionRows() {
		shown = append(shown, row.key)
		changed := def
		var err error
		if changed.Options, err = spec.ParseOptions(map[string]string{row.key: row.value}); err != nil {
			t.Fatal(err)
		}
		if got := row.see(def.WithDefaults()); got != row.usual {
			t.Errorf("%s by default: %q, want %q", row.key, got, row.usual)
		}
		if got := row.see(changed.WithDefaults()); got != row.becomes {
			t.Errorf("%s=%s: %q, want %q", row.key, row.value, got, row.becomes)
		}
	}
	for _, o := range spec.OptionTable() {
		if !slices.Contains(shown, o.Key) {
			t.Errorf("no test shows that the option %s acts", o.Key)
		}
	}
}
