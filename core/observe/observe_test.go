package observe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func scrape(t *testing.T, r *Registry) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCatalogueFollowsTheNamingRules(t *testing.T) {
	name := regexp.MustCompile(`^umbra_[a-z_]+[a-z]$`)
	seen := map[string]bool{}
	for _, fam := range Families() {
		if seen[fam.Name] || !name.MatchString(fam.Name) || !strings.HasSuffix(fam.Help, ".") || strings.Contains(fam.Help, "\n") {
			t.Errorf("bad family %+v", fam)
		}
		seen[fam.Name] = true
		if (fam.Kind == Counter) != strings.HasSuffix(fam.Name, "_total") {
			t.Errorf("%s is a %s: _total belongs to counters and only to them", fam.Name, fam.Kind)
		}
		if fam.Kind == Histogram && !strings.HasSuffix(fam.Name, "_seconds") {
			t.Errorf("%s: histograms here are of seconds", fam.Name)
		}
	}
}

func TestExposition(t *testing.T) {
	r := NewRegistry(quiet())
	r.Register(func(e *Emit) {
		e.Value("umbra_link_lag_records", 5, "dr", `a"b\c`+"\n", "3")
		e.Value("umbra_kafka_connections", 2)
	})
	r.Register(func(e *Emit) { // another owner adds to the same family
		e.Value("umbra_link_lag_records", 1e9, "dr", "z", "0")
		e.Bool("umbra_link_paused", true, "dr")
		e.Time("umbra_link_source_last_seen_timestamp_seconds", time.Unix(3, 5e8), "dr")
		e.Time("umbra_link_source_last_seen_timestamp_seconds", time.Time{}, "never")
	})
	r.Register(func(e *Emit) {
		e.Histogram("umbra_link_fetch_seconds", []uint64{1, 0, 0, 0, 0, 0, 1, 2, 0, 4}, 1500*time.Millisecond, "dr")
		e.Histogram("umbra_kafka_request_seconds", make([]uint64, 8), 0)
	})
	text := scrape(t, r)
	for _, want := range []string{
		"# HELP umbra_link_lag_records Offsets between",
		"# TYPE umbra_link_lag_records gauge\numbra_link_lag_records{link=\"dr\",topic=\"a\\\"b\\\\c\\n\",partition=\"3\"} 5\numbra_link_lag_records{link=\"dr\",topic=\"z\",partition=\"0\"} 1e+09\n",
		"\numbra_kafka_connections 2\n", "umbra_link_paused{link=\"dr\"} 1\n", "timestamp_seconds{link=\"dr\"} 3.5\n",
		"# TYPE umbra_link_fetch_seconds histogram\n" + `umbra_link_fetch_seconds_bucket{link="dr",le="6.4e-05"} 2` + "\n" + `umbra_link_fetch_seconds_bucket{link="dr",le="0.000128"} 4`,
		`umbra_link_fetch_seconds_bucket{link="dr",le="+Inf"} 8`, `umbra_link_fetch_seconds_sum{link="dr"} 1.5`, `umbra_link_fetch_seconds_count{link="dr"} 8`,
		`umbra_kafka_request_seconds_bucket{le="6.4e-05"} 0`, "umbra_kafka_request_seconds_count 0\n",
		"\ngo_goroutines ", "\nprocess_resident_memory_bytes ", "umbra_metrics_errors_total 0\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the exposition", want)
		}
	}
	if strings.Contains(text, "never") {
		t.Error("a zero time was emitted")
	}
	checkFormat(t, text)
}

// checkFormat checks what a Prometheus server insists on: every line parses,
// TYPE comes once and before its family, and a family's lines are together.
func checkFormat(t *testing.T, text string) {
	t.Helper()
	sample := regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_]+="([^"\\\n]|\\["\\n])*"(, ?|\}))+)? (\S+)$`)
	family, typed, series := "", map[string]bool{}, map[string]bool{}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, "# HELP ") {
			if len(strings.Fields(line)) < 4 {
				t.Errorf("HELP without a text: %q", line)
			}
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			family, _, _ = strings.Cut(rest, " ")
			if typed[family] {
				t.Errorf("family %s comes twice", family)
			}
			typed[family] = true
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil || !strings.HasPrefix(m[1], family) {
			t.Errorf("line %q is malformed or outside its family %q", line, family)
		}
		id := line[:strings.LastIndexByte(line, ' ')]
		if series[id] {
			t.Errorf("series %s comes twice", id)
		}
		series[id] = true
	}
}

func TestSamplesOutsideTheCatalogueAreLeftOut(t *testing.T) {
	var log bytes.Buffer
	r := NewRegistry(slog.New(slog.NewTextHandler(&log, nil)))
	r.Register(func(e *Emit) {
		e.Value("umbra_invented", 1)
		e.Value("umbra_link_paused", 1)                // label missing
		e.Value("umbra_kafka_request_seconds", 1)      // a histogram
		e.Histogram("umbra_kafka_connections", nil, 0) // none
		e.Histogram("umbra_kafka_request_seconds", nil, 0, "label")
		e.Value("umbra_kafka_connections", 1)
		e.Value("umbra_kafka_connections", 2)
	})
	scrape(t, r)
	text := scrape(t, r)
	if strings.Contains(text, "invented") || !strings.Contains(text, "umbra_kafka_connections 1\n") || strings.Contains(text, "umbra_kafka_connections 2") {
		t.Error(text)
	}
	// The errors of the first scrape; the registry's own figure is emitted first.
	if !strings.Contains(text, "umbra_metrics_errors_total 6\n") {
		t.Error("errors are not counted")
	}
	if n := strings.Count(log.String(), "sample="); n != 4 {
		t.Errorf("%d lines for 4 faulty names in two scrapes:\n%s", n, log.String())
	}
}

func TestScrapesAndRegistrationsRace(t *testing.T) {
	r := NewRegistry(quiet())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r.Register(func(e *Emit) { e.Value("umbra_link_paused", 1, fmt.Sprint(i)) })
			scrape(t, r)
		})
	}
	wg.Wait()
	if n := strings.Count(scrape(t, r), "\numbra_link_paused{"); n != 8 {
		t.Errorf("%d of 8 collectors", n)
	}
}

func TestHTTP(t *testing.T) {
	ready := NewReadiness(time.Now(), "metadata", "listeners")
	r := NewRegistry(quiet())
	r.Register(ready.Collect)
	r.Register(ReadBuild().Collect)
	var sick error
	var mu sync.Mutex
	health := &Health{}
	s, err := Serve(ServerConfig{Addr: "127.0.0.1:0", Registry: r, Readiness: ready, Log: quiet(), Health: health})
	if err != nil {
		t.Fatal(err)
	}
	health.Add(Check{"loop", func() error { mu.Lock(); defer mu.Unlock(); return sick }}) // owners come up later
	do := func(method, path string) (int, string) {
		t.Helper()
		req, _ := http.NewRequest(method, "http://"+s.Addr().String()+path, nil)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	check := func(path string, code int, want string) {
		t.Helper()
		if got, body := do("GET", path); got != code || !strings.Contains(body, want) {
			t.Errorf("%s: %d %q, want %d %q", path, got, body, code, want)
		}
	}
	check("/ready", 503, "[-] metadata: not started")
	ready.Set("metadata", true, "revision 5")
	check("/ready", 503, "[+] metadata: revision 5\n[-] listeners")
	check("/metrics", 200, "umbra_ready 0\n")
	check("/metrics", 200, "umbra_start_duration_seconds 0\n")
	ready.Set("listeners", true, "")
	for _, p := range []string{"/ready", "/-/ready", "/readyz"} {
		check(p, 200, "ok")
		check(p+"?verbose", 200, "[+] listeners\n")
	}
	if _, body := do("GET", "/ready"); body != "ok\n" {
		t.Errorf("terse answer %q", body)
	}
	for _, p := range []string{"/metrics", "/public_metrics"} {
		check(p, 200, "umbra_ready 1\n")
		check(p, 200, `goversion="go`)
	}
	for _, p := range []string{"/health", "/-/healthy", "/livez"} {
		check(p, 200, "ok")
	}
	mu.Lock()
	sick = errors.New("stuck")
	mu.Unlock()
	check("/health", 503, "[-] loop: stuck")
	check("/ready", 200, "ok") // health and readiness are separate answers
	check("/", 200, "/metrics")
	check("/secret", 404, "")
	if code, _ := do("POST", "/metrics"); code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", code)
	}
	if code, body := do("HEAD", "/ready"); code != 200 || body != "" {
		t.Errorf("HEAD: %d %q", code, body)
	}
	if _, err := Serve(ServerConfig{Addr: s.Addr().String(), Registry: r, Readiness: ready, Health: health, Log: quiet()}); err == nil || !strings.Contains(err.Error(), "ops.http") {
		t.Errorf("second listener: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestLogFormats(t *testing.T) {
	at := func(o LogOptions) string {
		t.Helper()
		var b bytes.Buffer
		l, err := NewLogger(&b, o)
		if err != nil {
			t.Fatal(err)
		}
		l.With("link", "dr").WithGroup("g").Info("hello", "topic", "t", "time", 5, "wait", 1500*time.Microsecond)
		return b.String()
	}
	if got := at(LogOptions{Level: "info", Format: "auto", TTY: true}); !regexp.MustCompile(`^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=INFO msg=hello link=dr g\.topic=t g\.time=5 g\.wait=1\.5ms\n$`).MatchString(got) {
		t.Errorf("text: %q", got)
	}
	for _, o := range []LogOptions{{Level: "info", Format: "auto"}, {Level: "info", Format: "json", TTY: true}} {
		var line map[string]any
		got := at(o)
		if err := json.Unmarshal([]byte(got), &line); err != nil || line["link"] != "dr" || line["level"] != "INFO" || !strings.Contains(got, `"wait":"1.5ms"`) {
			t.Errorf("json: %q %v", got, err)
		}
	}
	for _, o := range []LogOptions{{Level: "loud", Format: "text"}, {Level: "info", Format: "xml"}} {
		if _, err := NewLogger(io.Discard, o); err == nil {
			t.Errorf("%+v accepted", o)
		}
	}
}

func TestLogLevelAndCounts(t *testing.T) {
	var b bytes.Buffer
	l, err := NewLogger(&b, LogOptions{Level: "warn", Format: "text"})
	if err != nil {
		t.Fatal(err)
	}
	l.Info("no")
	l.Warn("w")
	l.With("a", 1).Error("e")
	if err := l.SetLevel("DEBUG"); err != nil || l.Level() != "debug" {
		t.Fatal(err, l.Level())
	}
	l.WithGroup("g").Debug("d")
	l.Log(context.Background(), slog.LevelWarn+1, "between")
	if strings.Contains(b.String(), "no") || strings.Count(b.String(), "\n") != 4 {
		t.Errorf("%s", b.String())
	}
	r := NewRegistry(quiet())
	r.Register(l.Collect)
	text := scrape(t, r)
	for _, want := range []string{`{level="debug"} 1`, `{level="info"} 0`, `{level="warn"} 2`, `{level="error"} 1`} {
		if !strings.Contains(text, "umbra_log_messages_total"+want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestLimitedLogsOncePerPeriod(t *testing.T) {
	var b bytes.Buffer
	now := time.Unix(0, 0)
	l := NewLimited(slog.New(slog.NewTextHandler(&b, nil)), time.Minute, func() time.Time { return now })
	say := func(key string) { l.Log(slog.LevelWarn, key, "refused", "broker", key) }
	say("a")
	say("a")
	say("b")
	now = now.Add(59 * time.Second)
	say("a")
	if n := strings.Count(b.String(), "\n"); n != 2 || strings.Contains(b.String(), "repeated") {
		t.Fatalf("%s", b.String())
	}
	now = now.Add(time.Second)
	say("a")
	if !strings.Contains(b.String(), "broker=a repeated=2\n") {
		t.Fatalf("%s", b.String())
	}
	l.Log(slog.LevelDebug, "c", "not enabled")
	for i := range 5 * limitedKeysMax {
		say(fmt.Sprint(i))
		if len(l.keys) > limitedKeysMax {
			t.Fatal("keys grow without bound")
		}
	}
	if _, kept := l.keys["c"]; kept {
		t.Error("a line that is not logged takes a place")
	}
}

func TestMetadataCollector(t *testing.T) {
	shadow := func(name string, state spec.TopicState, code spec.Code) *metadata.Topic {
		return &metadata.Topic{Name: name, ID: kafkaproto.NewTopicID(), Partitions: make([]metadata.Partition, 2),
			Shadow: &metadata.Shadow{Link: "dr", LinkID: "id", State: state, Reason: spec.Reason{Code: code}}}
	}
	snap := &metadata.Snapshot{Revision: 9, Topics: map[string]*metadata.Topic{
		"a": shadow("a", spec.Active, ""), "b": shadow("b", spec.Faulted, spec.SourceRecreated),
		"c": {Name: "c", Partitions: make([]metadata.Partition, 1)}, "d": shadow("d", spec.Faulted, spec.CorruptSource)}, Links: map[string]*spec.Link{}}
	snap.Topics["d"].Shadow.Faults = spec.Faults{{Partition: 1, Reason: spec.Reason{Code: spec.CorruptSource}}} // its other partition goes on
	l := &spec.Link{ID: "id"}
	l.Name, l.Options.RPOTarget = "dr", 5*time.Second
	snap.Links["dr"] = l
	r := NewRegistry(quiet())
	r.Register(CollectMetadata(func() *metadata.Snapshot { return snap }))
	r.Register(CollectDisk(t.TempDir()))
	r.Register(CollectDisk("/does/not/exist"))
	text := scrape(t, r)
	for _, want := range []string{"umbra_metadata_revision 9", "umbra_metadata_topics 4", "umbra_metadata_partitions 7", `umbra_link_topics{link="dr",state="ACTIVE"} 1`,
		`umbra_link_topics{link="dr",state="FAULTED"} 2`, `umbra_link_partitions_faulted{link="dr"} 3`, `umbra_link_topic_faulted{link="dr",topic="d",reason="CORRUPT_SOURCE"} 1`, `umbra_link_topics{link="dr",state="FAILED_OVER"} 0`, `umbra_link_topic_faulted{link="dr",topic="b",reason="SOURCE_RECREATED"} 1`,
		`umbra_link_rpo_target_seconds{link="dr"} 5`, `umbra_link_paused{link="dr"} 0`, "umbra_storage_free_bytes{", "umbra_metrics_errors_total 0"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	checkFormat(t, text)
}

func TestBusyRatio(t *testing.T) {
	var m busyMeter
	at := time.Unix(100, 0)
	f := func(after time.Duration, nanos int64, want float64) {
		t.Helper()
		if got := m.ratio(at.Add(after), nanos); got != want {
			t.Errorf("after %v: %v, want %v", after, got, want)
		}
	}
	f(0, 5e9, 0)
	f(2*time.Second, 6e9, 0.5)
	f(2*time.Second+time.Millisecond, 6e9, 0.5) // too soon to tell
	f(3*time.Second, 9e9, 1)
}

func TestReadinessPanicsOnUnknownPart(t *testing.T) {
	defer func() {
		if p := recover(); p == nil {
			t.Error("accepted")
		}
	}()
	NewReadiness(time.Now(), "a").Set("b", true, "")
}
