package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/admin/api"
	"umbra/admin/client"
	"umbra/bench/synthetic"
	"umbra/core/link/spec"
	"umbra/core/metadata"
)

// logBook keeps what a daemon logs; it does so from many goroutines.
type logBook struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serving starts a daemon in this process, on free ports.
func serving(t *testing.T, logs *logBook, flags ...string) *daemon {
	t.Helper()
	c := settings(t, append([]string{"kafka.listen=127.0.0.1:0", "ops.http=127.0.0.1:0", "shards.count=2", "memory.arena=64MiB", "log.format=text",
		"admin.socket=" + filepath.Join(t.TempDir(), "a.sock")}, flags...)...)
	d, err := startDaemon(context.Background(), c, logs, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came true that %s", what)
		}
	}
}

// story is a daemon with a source, and the families it has shown so far.
type story struct {
	t      *testing.T
	d      *daemon
	admin  *client.Client
	unseen catalogue
}

func (s *story) scrape() scraped {
	s.t.Helper()
	got := scrape(s.t, s.d.metrics())
	s.unseen.see(s.t, got)
	return got
}

// await scrapes until is says so.
func (s *story) await(what string, is func(scraped) bool) (got scraped) {
	s.t.Helper()
	eventually(s.t, what, func() bool {
		got = s.scrape()
		return is(got)
	})
	return got
}

// run waits for an operation's end.
func (s *story) run(op *api.Operation, err error) *api.Operation {
	s.t.Helper()
	if err == nil {
		op, err = s.admin.Await(s.t.Context(), op.ID, nil)
	}
	if err != nil || op.State != api.Succeeded {
		s.t.Fatalf("%+v: %v", op, err)
	}
	return op
}

// A shadow's life, seen through /metrics and the events: every family of the
// catalogue has to appear in it.
func TestEveryFamilyIsEmitted(t *testing.T) {
	src, err := synthetic.Start(synthetic.Config{Topic: "orders", Partitions: 3, RecordSize: 500, BatchSize: 8 << 10, ChunkBytes: 256 << 10, Records: 2_000})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	s := &story{t: t, d: serving(t, &logBook{}), unseen: newCatalogue()}
	if s.admin, err = client.New(s.d.cfg.AdminSocket()); err != nil {
		t.Fatal(err)
	}
	defer s.admin.Close()
	s.copies(src)
	s.refusesWriters()
	s.verifies()
	s.losesItsSource(src)
	s.stopsATopic()
	s.failsOver()
	for name := range s.unseen {
		t.Errorf("%s is in the catalogue and was never emitted", name)
	}
	if got := s.scrape(); got.value("umbra_metrics_errors_total") != 0 {
		t.Errorf("%v samples were left out", got.value("umbra_metrics_errors_total"))
	}
	s.tellsEvents()
}

func (s *story) copies(src *synthetic.Source) {
	s.t.Helper()
	def := api.LinkDefinition{Name: "dr", Bootstrap: []string{src.Addr()}, Topics: []string{"orders"}, RPOTargetSeconds: 5}
	if _, err := s.admin.CreateLink(s.t.Context(), api.CreateLink{LinkDefinition: def}); err != nil {
		s.t.Fatal(err)
	}
	records := float64(src.TotalBytes() / int64(src.BatchBytes()) * src.BatchRecords())
	got := s.await("everything is copied", func(m scraped) bool {
		return m.value(`umbra_link_topic_lag_records_sum{link="dr",topic="orders"}`) == 0 &&
			m.value(`umbra_link_written_records_total{link="dr",shard="0"}`)+m.value(`umbra_link_written_records_total{link="dr",shard="1"}`) == records &&
			m.value(`umbra_partition_high_watermark{topic="orders",partition="1"}`) == records/3 // collected before the link's
	})
	for series, want := range map[string]float64{
		`umbra_link_source_up{link="dr"}`: 1, `umbra_link_rpo_target_seconds{link="dr"}`: 5, `umbra_link_partitions_unseen{link="dr"}`: 0,
		`umbra_link_lag_records{link="dr",topic="orders",partition="2"}`: 0, `umbra_link_topics{link="dr",state="ACTIVE"}`: 1,
		`umbra_partition_high_watermark{topic="orders",partition="1"}`: records / 3, `umbra_ready`: 1,
	} {
		if v := got.value(series); v != want {
			s.t.Errorf("%s is %v, want %v", series, v, want)
		}
	}
	s.await("the link's latencies were measured", func(m scraped) bool {
		return m.value(`umbra_link_fetch_seconds_count{link="dr"}`) > 0 && m.value(`umbra_link_apply_seconds_count{link="dr"}`) > 0
	})
}

func (s *story) refusesWriters() {
	s.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.d.listen()), kgo.DisableIdempotentWrite(), kgo.RecordRetries(1))
	if err != nil {
		s.t.Fatal(err)
	}
	defer cl.Close()
	err = cl.ProduceSync(s.t.Context(), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr()
	if !errors.Is(err, kerr.PolicyViolation) {
		s.t.Fatalf("a write to a shadow topic: %v", err)
	}
	got := s.scrape()
	if n := got.value(`umbra_shadow_writes_rejected_total{topic="orders"}`); n < 1 {
		s.t.Errorf("%v rejected writes are counted", n)
	}
	if n := got.value(`umbra_kafka_request_errors_total{error="POLICY_VIOLATION"}`); n < 1 {
		s.t.Errorf("%v POLICY_VIOLATION are counted", n)
	}
	if n := got.value(`umbra_kafka_requests_total{request="Produce"}`); n < 1 || got.value(`umbra_kafka_request_seconds_count`) < n {
		s.t.Errorf("%v produce requests are counted, %v were timed", n, got.value(`umbra_kafka_request_seconds_count`))
	}
}

func (s *story) verifies() {
	s.t.Helper()
	op := s.run(s.admin.Verify(s.t.Context(), "dr", nil, ""))
	if op.Verify.Result != api.Identical {
		s.t.Fatalf("%+v", op.Verify)
	}
	got := s.scrape()
	if at := got.value(`umbra_link_verify_last_success_timestamp_seconds{link="dr",topic="orders"}`); at < float64(s.d.began.Unix()) {
		s.t.Errorf("last success at %v", at)
	}
	if n := got.value(`umbra_link_verify_mismatches_total{link="dr",topic="orders"}`); n != 0 {
		s.t.Errorf("%v mismatches", n)
	}
}

func (s *story) losesItsSource(src *synthetic.Source) {
	s.t.Helper()
	src.Close()
	first := s.await("the loss is seen", func(m scraped) bool {
		return m.value(`umbra_link_source_up{link="dr"}`) == 0 && m.value(`umbra_link_errors_total{link="dr",kind="control",broker="bootstrap"}`) > 0 &&
			m.value(`umbra_link_rpo_seconds{link="dr"}`) > 0
	})
	before := first.value(`umbra_link_rpo_seconds{link="dr"}`)
	s.await("what could be lost grows", func(m scraped) bool { return m.value(`umbra_link_rpo_seconds{link="dr"}`) > before })
	if s.scrape().value("umbra_ready") != 1 {
		s.t.Error("a lost source makes the shadow not ready")
	}
}

// stopsATopic does by hand what a source topic would that is deleted, and then
// created again.
func (s *story) stopsATopic() {
	s.t.Helper()
	topic := s.d.store.Snapshot().Topics["orders"]
	_, err := s.d.store.UpdateShadow(s.t.Context(), topic.ID, topic.Shadow.Term, func(t *metadata.Topic) error {
		t.Shadow.Reason = spec.Reason{Code: spec.SourceDeleted}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if got := s.scrape(); got.value(`umbra_link_topic_noted{link="dr",topic="orders",reason="SOURCE_DELETED"}`) != 1 {
		s.t.Error("the note has no series")
	}
	_, err = s.d.store.UpdateShadow(s.t.Context(), topic.ID, topic.Shadow.Term, func(t *metadata.Topic) (err error) {
		t.Shadow.State, err = spec.Next(t.Shadow.State, spec.EventFault)
		t.Shadow.Reason = spec.Reason{Code: spec.SourceRecreated}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if got := s.scrape(); got.value(`umbra_link_topic_faulted{link="dr",topic="orders",reason="SOURCE_RECREATED"}`) != 1 {
		s.t.Error("the fault has no series")
	}
}

func (s *story) failsOver() {
	s.t.Helper()
	s.run(s.admin.Failover(s.t.Context(), "dr", nil, ""))
	got := s.scrape()
	for series, want := range map[string]float64{
		`umbra_failovers_total{link="dr",result="done"}`: 1, `umbra_failovers_total{link="dr",result="failed"}`: 0,
		`umbra_failover_duration_seconds_count{link="dr"}`: 1, `umbra_link_topics{link="dr",state="FAILED_OVER"}`: 1,
		`umbra_link_lag_records{link="dr",topic="orders",partition="0"}`: -1, // a topic that is ours has no lag
	} {
		if v := got.value(series); v != want {
			s.t.Errorf("%s is %v, want %v", series, v, want)
		}
	}
}

// tellsEvents looks at what the story left for an operator.
func (s *story) tellsEvents() {
	s.t.Helper()
	if err := s.admin.DeleteLink(s.t.Context(), "dr", false); err != nil {
		s.t.Fatal(err)
	}
	var types []string
	eventually(s.t, "the deletion is told", func() bool {
		list, err := s.admin.Events(s.t.Context(), "dr", 0, 1000)
		if err != nil {
			s.t.Fatal(err)
		}
		types = types[:0]
		for _, e := range list.Events {
			types = append(types, e.Type)
		}
		return slices.Contains(types, "link_deleted")
	})
	at := 0
	if !slices.Contains(types, "topic_created") {
		s.t.Errorf("no topic_created in %q", types)
	}
	for _, want := range []string{"link_created", "link_up", "link_down", "failover_started", "failover_step", "failover_done", "link_deleted"} {
		i := slices.Index(types[at:], want)
		if i < 0 {
			s.t.Fatalf("no %s, or not in its place, in %q", want, types)
		}
		at += i
	}
}

func TestReadyOnlyWhenEverythingIsUp(t *testing.T) {
	c := settings(t, "kafka.listen=127.0.0.1:0", "ops.http=127.0.0.1:0", "shards.count=1", "memory.arena=64MiB", "admin.socket="+filepath.Join(t.TempDir(), "a.sock"))
	d, err := newDaemon(c, &logBook{}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}()
	step := func(start func(context.Context) error, code int, lines ...string) {
		t.Helper()
		if err := start(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, body := get(t, "http://"+d.metrics()+"/ready?verbose")
		if got != code {
			t.Errorf("/ready answers %d, want %d", got, code)
		}
		for _, line := range lines {
			if !strings.Contains(body, line) {
				t.Errorf("no %q in\n%s", line, body)
			}
		}
		scrape(t, d.metrics()) // shows what there is, at any moment
	}
	if err := d.reserve(t.Context()); err != nil {
		t.Fatal(err)
	}
	step(d.startOps, 503, "[-] metadata: not started", "[-] partitions: not started", "[-] listener: not started")
	step(d.startStore, 503, "[+] metadata: revision ", "[-] partitions")
	step(d.startShards, 503, "[+] metadata", "[-] partitions")
	step(d.startPartitions, 503, "[+] partitions: 0 open", "[-] listener")
	step(d.startLinks, 503, "[-] listener")
	step(d.startAdmin, 503, "[-] listener")
	step(d.serve, 200, "[+] listener: "+d.listen())
	if code, body := get(t, "http://"+d.metrics()+"/health?verbose"); code != 200 || !strings.Contains(body, "[+] shard 0") {
		t.Errorf("/health: %d %s", code, body)
	}
}

func TestLogOfACleanRun(t *testing.T) {
	var logs logBook
	d := serving(t, &logs)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	text := logs.String()
	at := 0
	for _, fact := range []string{"msg=\"umbra starts\" version=", "msg=\"memory budget\" total=", "slabs=\"128 MiB\"", "msg=\"metrics and health are up\" listen=127.0.0.1:",
		"msg=\"metadata is there\" etcd=\"embedded in ", "engine_reason=", "pin_reason=", "msg=\"partitions are recovered\" open=0 failed=0", "msg=\"admin API is up\" socket=",
		"msg=serving listen=127.0.0.1:", "msg=stopped"} {
		i := strings.Index(text[at:], fact)
		if i < 0 {
			t.Fatalf("no %q, or not in its place, in\n%s", fact, text)
		}
		at += i
	}
	for line := range strings.Lines(text) {
		if !strings.Contains(line, " level=INFO ") && !slow(line) {
			t.Errorf("a clean start and stop say: %s", line)
		}
	}
}

// slow: what etcd says of a machine that is busy with something else, as one that runs
// tests may be. It is true, and an operator is to see it. The tests of core/metadata
// have the same list: sharing it would make a package of three strings.
func slow(line string) bool {
	says := func(s string) bool { return strings.Contains(line, s) }
	return says(" level=WARN ") && says(" component=etcd ") &&
		slices.ContainsFunc([]string{"took too long", "slow fdatasync", "failed to send out heartbeat on time"}, says)
}

func TestDaemonThatDoesNotFitDoesNotStart(t *testing.T) {
	c := settings(t, "kafka.listen=127.0.0.1:0", "ops.http=127.0.0.1:0", "shards.count=1024", "memory.arena=1TiB")
	if _, err := startDaemon(t.Context(), c, &logBook{}, false); err == nil || !strings.Contains(err.Error(), "lower memory.arena or shards.count") {
		t.Errorf("started with a petabyte of slabs: %v", err)
	}
}
