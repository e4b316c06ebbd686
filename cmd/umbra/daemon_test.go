package main

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"umbra/admin"
	"umbra/admin/api"
)

// fakeDaemon is a Backend that answers with the fixtures, served on a real socket.
type fakeDaemon struct {
	mu       sync.Mutex
	calls    []string
	plan     *api.FailoverPlan
	status   *api.Status
	failover func(ctx context.Context, call admin.Call) (*api.Receipt, error)
	verify   func(ctx context.Context, call admin.Call) (*api.VerifyReport, error)
	socket   string
}

func (d *fakeDaemon) note(call string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, call)
}

func (d *fakeDaemon) noted() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.calls, ", ")
}

func (d *fakeDaemon) Status(context.Context) (*api.Status, error) {
	d.note("status")
	return d.status, nil
}

func (d *fakeDaemon) Config(context.Context) (*api.Config, error) {
	return &api.Config{Entries: []api.ConfigEntry{
		{Key: "kafka.listen", Value: "0.0.0.0:9092", Origin: "default"},
		{Key: "storage.dir", Value: "/srv/umbra", Origin: "flag"}}}, nil
}

func (d *fakeDaemon) Topics(context.Context) (*api.TopicList, error) { return topicListDoc(), nil }

func (d *fakeDaemon) Topic(_ context.Context, topic string) (*api.TopicDescription, error) {
	if topic != "orders-eu" {
		return nil, api.NotFound("topic", topic, "umbra topic list")
	}
	return topicDoc(), nil
}

func (d *fakeDaemon) Links(context.Context) (*api.LinkList, error) {
	return &api.LinkList{Now: at("03:05:13"), Links: summaries()}, nil
}

func (d *fakeDaemon) Link(_ context.Context, link string) (*api.LinkStatus, error) {
	if link == "eu-copy" {
		return awayDoc(), nil
	}
	for _, s := range summaries() {
		if s.Name == link {
			return linkDoc(link), nil
		}
	}
	return nil, api.NotFound("link", link, "umbra link list")
}

func (d *fakeDaemon) Partitions(context.Context, string) (*api.PartitionList, error) {
	return partitionsDoc(), nil
}

func (d *fakeDaemon) PlanLink(_ context.Context, req api.CreateLink) (*api.LinkPlan, error) {
	d.note("plan link " + req.Name)
	return linkPlanDoc(true), nil
}

func (d *fakeDaemon) CreateLink(_ context.Context, req api.CreateLink) (*api.LinkPlan, error) {
	d.note(strings.Join([]string{"create", req.Name, strings.Join(req.Bootstrap, "+"), strings.Join(req.Topics, "+"),
		strings.Join(req.Exclude, "+"), req.Start, seconds(req.RPOTargetSeconds)}, " "))
	if req.Name == "taken" {
		return nil, api.NewProblem(api.CodeExists, `link "taken" exists already`, "created 3 days ago", "choose another name")
	}
	return linkPlanDoc(false), nil
}

func (d *fakeDaemon) PauseLink(_ context.Context, link string) error {
	d.note("pause " + link)
	return nil
}

func (d *fakeDaemon) ResumeLink(_ context.Context, link string) error {
	d.note("resume " + link)
	return nil
}

func (d *fakeDaemon) DeleteLink(_ context.Context, link string, force bool) error {
	d.note("delete " + link)
	if !force {
		return api.Conflict(`link "eu-copy" was not deleted`, "18 topics still follow the source", "fail it over first, or add --force")
	}
	return nil
}

func (d *fakeDaemon) PlanFailover(_ context.Context, link string, req api.Failover) (*api.FailoverPlan, error) {
	d.note(sentence(" ", "plan", link, strings.Join(req.Topics, "+")))
	return d.plan, nil
}

func (d *fakeDaemon) Failover(ctx context.Context, link string, req api.Failover, call admin.Call) (*api.Receipt, error) {
	d.note(sentence(" ", "failover", link, strings.Join(req.Topics, "+")))
	return d.failover(ctx, call)
}

func (d *fakeDaemon) Receipt(_ context.Context, link, operation string) (*api.Receipt, error) {
	d.note(sentence(" ", "receipt", link, operation))
	if link != "eu-copy" {
		return nil, api.NotFound("receipt of link", link, "umbra link list")
	}
	return storedReceiptDoc(), nil
}

func (d *fakeDaemon) Verify(ctx context.Context, link string, req api.Verify, call admin.Call) (*api.VerifyReport, error) {
	d.note(sentence(" ", "verify", link, strings.Join(req.Topics, "+")))
	return d.verify(ctx, call)
}

// serveDaemon starts the admin server on d.
func serveDaemon(t *testing.T, d *fakeDaemon) *fakeDaemon {
	t.Helper()
	if d.plan == nil {
		d.plan = failoverPlanDoc()
	}
	if d.status == nil {
		d.status = statusDoc()
	}
	if d.failover == nil {
		d.failover = func(_ context.Context, call admin.Call) (*api.Receipt, error) {
			call.Progress(api.Step{Name: "fence", State: api.StepDone})
			return receiptDoc(api.OutcomeFailedOver), nil
		}
	}
	log := slog.New(slog.DiscardHandler)
	d.socket = filepath.Join(t.TempDir(), "admin.sock")
	s, err := admin.Start(admin.Config{Socket: d.socket, Log: log, Audit: log}, d, admin.NewEvents())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return d
}

// shell is one run of the command line and what it is run in.
type shell struct {
	env      map[string]string
	stdin    string
	tty      bool // on all three streams
	dir      string
	ctx      context.Context
	out, err bytes.Buffer
}

// run executes args against d and returns the exit code.
func (s *shell) run(d *fakeDaemon, args ...string) int {
	if s.env == nil {
		s.env = map[string]string{}
	}
	if d != nil {
		s.env["UMBRA_ADMIN"] = d.socket
	}
	if s.ctx == nil {
		s.ctx = context.Background()
	}
	a := &app{in: strings.NewReader(s.stdin), out: &s.out, err: &s.err, inTTY: s.tty, outTTY: s.tty, errTTY: s.tty,
		getenv: func(k string) string { return s.env[k] }, now: func() time.Time { return at("03:05:13") }, dir: s.dir, interval: time.Millisecond}
	return run(s.ctx, a, nil, args)
}
