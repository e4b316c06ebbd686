package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"umbra/admin/api"
	"umbra/admin/client"
)

// lines collects log records; any goroutine may write.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start serves f on a socket of its own.
func start(t *testing.T, f *fake) (*Server, *client.Client, *lines) {
	t.Helper()
	audit := new(lines)
	s, err := Start(Config{
		Socket: filepath.Join(t.TempDir(), "admin.sock"),
		Log:    slog.New(slog.DiscardHandler), Audit: slog.New(slog.NewTextHandler(audit, nil)),
	}, f, NewEvents())
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(s.Socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s, c, audit
}

// raw makes one request and returns its status, content type and body.
func raw(t *testing.T, s *Server, method, path, body string) (int, string, string) {
	t.Helper()
	h := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.Socket())
		}}}
	req, err := http.NewRequest(method, "http://umbra"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := h.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(b)
}

func TestDocumentsOverTheSocket(t *testing.T) {
	s, c, _ := start(t, &fake{})
	ctx := context.Background()
	status, err := c.Status(ctx)
	if err != nil || status.Kind != "Status" || status.APIVersion != api.APIVersion || status.Healthy {
		t.Errorf("status: %+v %v; a paused link must not be healthy", status, err)
	}
	if cfg, err := c.Config(ctx); err != nil || len(cfg.Entries) != 1 {
		t.Errorf("config: %+v %v", cfg, err)
	}
	if topics, err := c.Topics(ctx); err != nil || len(topics.Topics) != 1 {
		t.Errorf("topics: %+v %v", topics, err)
	}
	if topic, err := c.Topic(ctx, "orders"); err != nil || topic.Topic != "orders" {
		t.Errorf("topic: %+v %v", topic, err)
	}
	s.events.Add(api.Event{Link: "dr", Message: "hello"})
	if link, err := c.Link(ctx, "dr"); err != nil || link.Name != "dr" || len(link.Events) != 1 {
		t.Errorf("link: %+v %v", link, err)
	}
	if plan, err := c.PlanFailover(ctx, "dr", nil); err != nil || plan.Link != "dr" {
		t.Errorf("plan: %+v %v", plan, err)
	}
	if r, err := c.Receipt(ctx, "dr", "op-1"); err != nil || r.Operation != "op-1" || r.SHA256 == "" {
		t.Errorf("receipt: %+v %v", r, err)
	}
}

func TestLinkChanges(t *testing.T) {
	f := &fake{}
	_, c, audit := start(t, f)
	ctx := context.Background()
	req := api.CreateLink{LinkDefinition: api.LinkDefinition{Name: "dr", Bootstrap: []string{"a:1"}, Topics: []string{"*"}}}
	if plan, err := c.PlanLink(ctx, req); err != nil || !plan.DryRun {
		t.Errorf("plan: %+v %v", plan, err)
	}
	if plan, err := c.CreateLink(ctx, req); err != nil || plan.DryRun || plan.Link.Name != "dr" {
		t.Errorf("create: %+v %v", plan, err)
	}
	if link, err := c.PauseLink(ctx, "dr"); err != nil || link.Name != "dr" {
		t.Errorf("pause: %+v %v", link, err)
	}
	if link, err := c.ResumeLink(ctx, "dr"); err != nil || link.Name != "dr" {
		t.Errorf("resume: %+v %v", link, err)
	}
	var p *api.Problem
	if err := c.DeleteLink(ctx, "dr", false); !errors.As(err, &p) || p.Code != api.CodeConflict || p.Hint == "" {
		t.Errorf("delete: %v", err)
	}
	if err := c.DeleteLink(ctx, "dr", true); err != nil {
		t.Errorf("delete with force: %v", err)
	}
	want := "plan dr,create dr,pause dr,resume dr,delete dr,delete dr"
	if got := strings.Join(f.noted(), ","); got != want {
		t.Errorf("backend saw %s, want %s", got, want)
	}
	log := audit.String()
	if n := strings.Count(log, "event=admin_request"); n != 6 {
		t.Errorf("%d audit lines, want one per mutation:\n%s", n, log)
	}
	for _, part := range []string{"uid=", "pid=", "method=DELETE", "path=/v1/links/dr/pause", "status=201", "code=conflict"} {
		if !strings.Contains(log, part) {
			t.Errorf("no %s in the audit log:\n%s", part, log)
		}
	}
}

func TestReadingIsNotAudited(t *testing.T) {
	_, c, audit := start(t, &fake{})
	if _, err := c.Status(context.Background()); err != nil {
		t.Fatal(err)
	}
	if log := audit.String(); log != "" {
		t.Errorf("audit has %s", log)
	}
}

func TestProblems(t *testing.T) {
	s, _, _ := start(t, &fake{status: func(ctx context.Context) (*api.Status, error) { return nil, context.DeadlineExceeded }})
	f := func(method, path, body string, status int, code string) {
		t.Helper()
		got, kind, text := raw(t, s, method, path, body)
		var p api.Problem
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Errorf("%s %s: %q: %v", method, path, text, err)
		}
		if got != status || kind != "application/problem+json" || p.Code != code || p.Status != status ||
			p.Type != "urn:umbra:problem:"+code || p.Title == "" || p.Hint == "" {
			t.Errorf("%s %s: got %d %s %s, want %d %s", method, path, got, kind, text, status, code)
		}
	}
	f("GET", "/v1/nothing", "", 404, api.CodeNotFound)
	f("GET", "/", "", 404, api.CodeNotFound)
	f("PUT", "/v1/links/dr", "{}", 405, api.CodeMethod)
	f("GET", "/v1/links/other", "", 404, api.CodeNotFound)
	f("GET", "/v1/topics/other", "", 404, api.CodeNotFound)
	f("GET", "/v1/operations/op-0", "", 404, api.CodeNotFound)
	f("GET", "/v1/links", "", 500, api.CodeInternal)
	f("GET", "/v1/status", "", 504, api.CodeTimeout)
	f("GET", "/v1/links/dr/partitions?sort=size", "", 400, api.CodeInvalid)
	f("GET", "/v1/links/dr/partitions?limit=-1", "", 400, api.CodeInvalid)
	f("GET", "/v1/operations/op-0?wait=soon", "", 400, api.CodeInvalid)
	f("POST", "/v1/links?dry_run=perhaps", "{}", 400, api.CodeInvalid)
	f("POST", "/v1/links", `{"nmae":"dr"}`, 400, api.CodeInvalid)
	f("POST", "/v1/links", `{"name":"dr"} trailing`, 400, api.CodeInvalid)
	f("POST", "/v1/links", `{"name":`, 400, api.CodeInvalid)
	f("POST", "/v1/links", `{"name":"`+strings.Repeat("x", bodyBytesMax)+`"}`, 413, api.CodeTooLarge)
	f("POST", "/v1/links/other/failover", "", 404, api.CodeNotFound)
	f("GET", "/v1/links/other/receipt", "", 404, api.CodeNotFound)
	f("POST", "/v1/links/other/verify", "", 404, api.CodeNotFound)
}

func TestPartitionsSortedAndCut(t *testing.T) {
	row := func(topic string, partition int32, lag api.Lag) api.PartitionRow {
		return api.PartitionRow{Topic: topic, Partition: partition, Lag: lag}
	}
	_, c, _ := start(t, &fake{rows: []api.PartitionRow{
		row("b", 0, api.Lag{Seconds: 1, Records: 50, Bound: api.Exact}),
		row("a", 1, api.Lag{Seconds: 3, Records: 10, Bound: api.AtLeast}),
		row("a", 0, api.Lag{Seconds: 3, Records: 20, Bound: api.Exact}),
		row("c", 0, api.Lag{Bound: api.Unknown}),
	}})
	f := func(sort string, limit int, want ...string) {
		t.Helper()
		list, err := c.Partitions(context.Background(), "dr", sort, limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range list.Partitions {
			got = append(got, p.Topic+string(rune('0'+p.Partition)))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") || list.Total != 4 {
			t.Errorf("sort %q limit %d: got %v of %d, want %v of 4", sort, limit, got, list.Total, want)
		}
	}
	f("", 0, "a0", "a1", "b0", "c0")
	f("-topic", 0, "c0", "b0", "a0", "a1")
	f("-lag_seconds", 0, "c0", "a0", "a1", "b0")
	f("lag_seconds", 2, "b0", "a0")
	f("-lag_records", 3, "c0", "b0", "a0")
}

func TestEventsRing(t *testing.T) {
	s, c, _ := start(t, &fake{})
	for i := range eventsKept + 10 {
		s.events.Add(api.Event{Link: []string{"dr", "eu"}[i%2], Message: "m"})
	}
	ctx := context.Background()
	list, err := c.Events(ctx, "", 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	last := int64(eventsKept + 10)
	if n := len(list.Events); n != 3 || list.Events[2].Sequence != last || list.Events[0].Sequence != last-2 || list.Dropped != 10 {
		t.Errorf("latest: %+v", list)
	}
	list, err = c.Events(ctx, "eu", last-5, 100)
	if err != nil || len(list.Events) != 3 || list.Events[0].Link != "eu" || list.Dropped != 0 {
		t.Errorf("of eu after %d: %+v %v", last-5, list, err)
	}
	if list, err = c.Events(ctx, "", last, 100); err != nil || len(list.Events) != 0 {
		t.Errorf("after the last: %+v %v", list, err)
	}
}
