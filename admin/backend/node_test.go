package backend

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"umbra/admin"
	"umbra/admin/api"
	"umbra/core/config"
	"umbra/core/link"
	"umbra/core/link/linktest"
	"umbra/core/link/source"
	"umbra/core/metadata"
	"umbra/core/placement"
	"umbra/shard"
)

// newNode is a Backend over real parts, without listeners for clients or
// operators.
func newNode(t *testing.T) *Backend {
	t.Helper()
	dir := t.TempDir()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	store, err := metadata.Open(t.Context(), metadata.Options{Dir: dir + "/meta", BrokerID: 1, Shards: 2, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	group, err := shard.Start(shard.Config{Shards: 2, Listen: "127.0.0.1:0", Log: log, ArenaBytes: 64 << 20}, func(*shard.Conn) shard.Protocol { return nil })
	if err != nil {
		t.Fatal(err)
	}
	b := &Backend{Store: store, Group: group, Keeper: placement.Start(store, group, placement.Config{Dir: dir + "/data", Log: log}), Settings: &config.Config{},
		Info: api.BrokerInfo{Advertise: "dr:9092"}, Now: time.Now}
	b.Settings.Storage.Dir = dir
	b.Manager = link.Start(link.Config{Store: store, Group: group, Keeper: b.Keeper, DataDir: dir, Version: "test", Log: log, Now: time.Now, Dial: source.PlainDialer, RecordsMax: 16 << 20})
	t.Cleanup(func() {
		b.Manager.Stop()
		b.Keeper.Stop()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(group.Stop(ctx), store.Close()); err != nil {
			t.Error(err)
		}
	})
	return b
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came true that %s", what)
		}
	}
}

// wantProblem checks the kind of an error, and that a person is told what to do.
func wantProblem(t *testing.T, err error, code, says string) {
	t.Helper()
	var p *api.Problem
	if !errors.As(err, &p) || p.Code != code || !strings.Contains(p.Error(), says) || p.Hint == "" {
		t.Errorf("got %v, want code %s and %q", err, code, says)
	}
}

// newSource has the topics orders with 3 partitions of 4 batches each, pay
// with one empty partition, and tmp.
func newSource(t *testing.T) *linktest.Cluster {
	t.Helper()
	src, err := linktest.Start(linktest.Config{Brokers: 2, ClusterID: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(src.Close)
	src.CreateTopic("orders", 3)
	src.CreateTopic("pay", 1)
	src.CreateTopic("tmp", 1)
	for i := range 3 {
		src.AppendMany("orders", i, 4, linktest.Batch{Records: 5, Size: 100})
	}
	return src
}

func create(src *linktest.Cluster) api.CreateLink {
	return api.CreateLink{LinkDefinition: api.LinkDefinition{Name: "dr", Bootstrap: src.Addrs(), Topics: []string{"*"}, Exclude: []string{"tmp"},
		Options: map[string]string{"metadata_refresh": "200ms", "fetch_max_wait": "50ms", "rpo_target": "1h"}}}
}

// A link from plan to failover, as the API tells it.
func TestLinkLife(t *testing.T) {
	b, src := newNode(t), newSource(t)
	ctx := t.Context()
	plan, err := b.PlanLink(ctx, create(src))
	if err != nil || !plan.DryRun || plan.Partitions != 4 || plan.Source.ClusterID != "prod" || plan.Source.Brokers != 2 || !plan.Source.Reachable {
		t.Fatalf("%+v, %v", plan, err)
	}
	topics := []api.PlannedTopic{{Topic: "orders", TopicID: src.TopicID("orders").String(), Partitions: 3, Records: api.KnownOffset(60)},
		{Topic: "pay", TopicID: src.TopicID("pay").String(), Partitions: 1, Records: api.KnownOffset(0)}}
	if !reflect.DeepEqual(plan.Topics, topics) || len(plan.Excluded) != 1 || plan.Excluded[0].Topic != "tmp" || plan.Excluded[0].Reason != "excluded" {
		t.Errorf("topics %+v, excluded %+v", plan.Topics, plan.Excluded)
	}
	if l, err := b.Links(ctx); err != nil || len(l.Links) != 0 {
		t.Errorf("a plan made %+v, %v", l.Links, err)
	}

	if plan, err = b.CreateLink(ctx, create(src)); err != nil || plan.DryRun {
		t.Fatalf("%+v, %v", plan, err)
	}
	_, err = b.CreateLink(ctx, create(src))
	wantProblem(t, err, api.CodeExists, `"dr"`)
	b.showsCopy(t)
	b.pausesAndResumes(t)
	b.verifies(t)
	wantProblem(t, b.DeleteLink(ctx, "dr", false), api.CodeConflict, "dr")
	b.failsOver(t)
	if err := b.DeleteLink(ctx, "dr", false); err != nil {
		t.Error(err)
	}
	wantProblem(t, b.DeleteLink(ctx, "dr", false), api.CodeNotFound, "dr")
}

// showsCopy waits until everything is copied and looks at all that is told.
func (b *Backend) showsCopy(t *testing.T) {
	t.Helper()
	var st *api.LinkStatus
	eventually(t, "everything is copied", func() bool {
		var err error
		if st, err = b.Link(t.Context(), "dr"); err != nil {
			return false // the manager follows the store
		}
		return st.Topics == 2 && st.Lag.Bound == api.Exact && st.Lag.Records == 0
	})
	if st.State != api.StateActive || !st.Source.Reachable || st.Partitions != 4 || st.RPO.TargetSeconds != 3600 || !st.Healthy() || st.Definition.Options["fetch_max_wait"] != "50ms" {
		t.Errorf("%+v", st)
	}
	if len(st.TopicRows) != 2 || st.TopicRows[0].Topic != "orders" || st.TopicRows[0].Partitions != 3 || st.ExcludedTotal != 1 || len(st.Excluded) != 1 {
		t.Errorf("%+v, excluded %+v", st.TopicRows, st.Excluded)
	}
	list, err := b.Partitions(t.Context(), "dr")
	if err != nil || list.Total != 4 || len(list.Partitions) != 4 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, p := range list.Partitions[:3] {
		if p.Topic != "orders" || p.EndOffset != 20 || p.SourceEndOffset == nil || *p.SourceEndOffset != 20 || p.SourceLeaderID < 1 || p.Error != "" {
			t.Errorf("%+v", p)
		}
	}
	status, err := b.Status(t.Context())
	if err != nil || status.Topics != 2 || status.Partitions != 4 || len(status.Links) != 1 || !status.Healthy || len(status.Problems) != 0 || status.Disk.TotalBytes == 0 {
		t.Errorf("%+v, %v", status, err)
	}
	all, err := b.Topics(t.Context())
	if err != nil || len(all.Topics) != 2 || all.Topics[0].Topic != "orders" || all.Topics[0].State != api.StateActive || all.Topics[0].Writable || all.Topics[0].Link != "dr" || all.Topics[0].SizeBytes == 0 {
		t.Errorf("%+v, %v", all, err)
	}
	one, err := b.Topic(t.Context(), "orders")
	if err != nil || one.SourceClusterID != "prod" || one.SourceTopicID == "" || len(one.PartitionRows) != 3 || one.PartitionRows[2].EndOffset != 20 || one.PartitionRows[2].HighWatermark != 20 {
		t.Errorf("%+v, %v", one, err)
	}
}

func (b *Backend) pausesAndResumes(t *testing.T) {
	t.Helper()
	state := func() string {
		st, err := b.Link(t.Context(), "dr")
		if err != nil {
			t.Fatal(err)
		}
		return st.State
	}
	if err := b.PauseLink(t.Context(), "dr"); err != nil || state() != api.StatePaused {
		t.Errorf("%v, %s", err, state())
	}
	if err := b.ResumeLink(t.Context(), "dr"); err != nil {
		t.Error(err)
	}
	eventually(t, "the link is active again", func() bool { return state() == api.StateActive })
}

// steps keeps what an operation tells of its progress.
func steps(list *[]api.Step) admin.Call {
	return admin.Call{Operation: "op-1", Caller: api.Caller{UID: 7, GID: 8, PID: 9}, Progress: func(s api.Step) { *list = append(*list, s) }}
}

func (b *Backend) verifies(t *testing.T) {
	t.Helper()
	var told []api.Step
	r, err := b.Verify(t.Context(), "dr", api.Verify{}, steps(&told))
	if err != nil || r.Result != api.Identical || r.Batches != 12 || r.Partitions != 4 || r.Link != "dr" || r.FinishedAt.Before(r.StartedAt) {
		t.Fatalf("%+v, %v", r, err)
	}
	if last := told[len(told)-1]; last.State != api.StepDone || last.Done != 4 || last.Total != 4 || told[0].State != api.StepRunning {
		t.Errorf("steps %+v", told)
	}
	_, err = b.Verify(t.Context(), "dr", api.Verify{Topics: []string{"nope"}}, steps(&told))
	wantProblem(t, err, api.CodeNotFound, "nope")
}

// failsOver takes one topic first, then the rest.
func (b *Backend) failsOver(t *testing.T) {
	t.Helper()
	_, err := b.PlanFailover(t.Context(), "dr", api.Failover{Topics: []string{"nope"}})
	wantProblem(t, err, api.CodeNotFound, "nope")
	plan, err := b.PlanFailover(t.Context(), "dr", api.Failover{Topics: []string{"pay"}})
	if err != nil || len(plan.Topics) != 1 || plan.Partitions != 1 || plan.EstimatedLoss.Records != 0 || !reflect.DeepEqual(plan.Bootstrap, []string{"dr:9092"}) || levels(plan.Checks)["source"] != api.CheckWarn {
		t.Errorf("%+v, %v", plan, err)
	}
	var told []api.Step
	receipt, err := b.Failover(t.Context(), "dr", api.Failover{Topics: []string{"pay"}}, steps(&told))
	if err != nil || receipt.Outcome != api.OutcomeFailedOver || len(receipt.Topics) != 1 || receipt.Operation != "op-1" || receipt.RequestedBy.UID != 7 || len(told) == 0 {
		t.Fatalf("%+v, %v, steps %v", receipt, err, told)
	}
	plan, err = b.PlanFailover(t.Context(), "dr", api.Failover{})
	if err != nil || len(plan.Topics) != 1 || plan.Topics[0].Topic != "orders" || !reflect.DeepEqual(plan.Skipped, []api.SkippedTopic{{Topic: "pay", Why: "failed over already"}}) {
		t.Errorf("%+v, %v", plan, err)
	}
	receipt, err = b.Failover(t.Context(), "dr", api.Failover{}, steps(&told))
	if err != nil || len(receipt.Topics) != 1 || len(receipt.Topics[0].Partitions) != 3 || receipt.Topics[0].Partitions[0].FinalOffset != 20 {
		t.Fatalf("%+v, %v", receipt, err)
	}
	_, err = b.Failover(t.Context(), "dr", api.Failover{}, steps(&told))
	wantProblem(t, err, api.CodeConflict, "dr")
	// The latest of the two is kept as it was given, to the last byte of its seal.
	stored, err := b.Receipt(t.Context(), "dr", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(receipt.Seal(), stored.Seal()); err != nil || receipt.SHA256 != stored.SHA256 {
		t.Errorf("%v; given and stored:\n%+v\n%+v", err, receipt, stored)
	}
	_, err = b.Receipt(t.Context(), "dr", "op-none")
	wantProblem(t, err, api.CodeNotFound, "op-none")
	if one, err := b.Topic(t.Context(), "orders"); err != nil || !one.Writable || one.State != api.StateFailedOver {
		t.Errorf("%+v, %v", one, err)
	}
}

// What is asked of nothing is not found, whatever it is.
func TestNamesThatNothingHas(t *testing.T) {
	b := newNode(t)
	ctx, call := t.Context(), steps(new([]api.Step))
	for what, do := range map[string]func() error{
		"link":       func() error { _, err := b.Link(ctx, "x"); return err },
		"partitions": func() error { _, err := b.Partitions(ctx, "x"); return err },
		"topic":      func() error { _, err := b.Topic(ctx, "x"); return err },
		"pause":      func() error { return b.PauseLink(ctx, "x") },
		"resume":     func() error { return b.ResumeLink(ctx, "x") },
		"delete":     func() error { return b.DeleteLink(ctx, "x", true) },
		"plan":       func() error { _, err := b.PlanFailover(ctx, "x", api.Failover{}); return err },
		"failover":   func() error { _, err := b.Failover(ctx, "x", api.Failover{}, call); return err },
		"receipt":    func() error { _, err := b.Receipt(ctx, "x", ""); return err },
		"verify":     func() error { _, err := b.Verify(ctx, "x", api.Verify{}, call); return err },
	} {
		t.Run(what, func(t *testing.T) { wantProblem(t, do(), api.CodeNotFound, "x") })
	}
}

// Links that cannot be made, each for its own reason; nothing is left behind.
func TestLinksThatCannotBeMade(t *testing.T) {
	b, src := newNode(t), newSource(t)
	f := func(code, says string, change func(*api.CreateLink)) {
		t.Helper()
		req := create(src)
		req.Options["connect_timeout"] = "200ms"
		change(&req)
		for _, do := range []func(context.Context, api.CreateLink) (*api.LinkPlan, error){b.PlanLink, b.CreateLink} {
			_, err := do(t.Context(), req)
			wantProblem(t, err, code, says)
		}
	}
	f(api.CodeInvalid, "did you mean backoff_min?", func(r *api.CreateLink) { r.Options["backof_min"] = "1s" })
	f(api.CodeInvalid, "no address given", func(r *api.CreateLink) { r.Bootstrap = nil })
	f(api.CodeInvalid, `cluster id "prod", this link copies "test"`, func(r *api.CreateLink) { r.Options["source_cluster_id"] = "test" })
	f(api.CodeUnreachable, "127.0.0.1:1", func(r *api.CreateLink) { r.Bootstrap = []string{"127.0.0.1:1"} })
	src.SetClusterID(b.Store.Snapshot().ClusterID)
	f(api.CodeInvalid, "this cluster itself", func(*api.CreateLink) {})
	if l, err := b.Links(t.Context()); err != nil || len(l.Links) != 0 {
		t.Errorf("left behind: %+v, %v", l.Links, err)
	}
}

// Two links must not take the same topic.
func TestLinksThatWouldFight(t *testing.T) {
	b, src := newNode(t), newSource(t)
	if _, err := b.CreateLink(t.Context(), create(src)); err != nil {
		t.Fatal(err)
	}
	req := create(src)
	req.Name = "other"
	_, err := b.CreateLink(t.Context(), req)
	wantProblem(t, err, api.CodeConflict, `topic "orders"`)
}

// The configuration is told with where each value is from.
func TestConfigTellsOrigins(t *testing.T) {
	c, err := config.Load(config.Options{Flags: []config.Flag{{Key: "storage.dir", Name: "--data", Value: t.TempDir()}}})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := (&Backend{Settings: c}).Config(t.Context())
	if err != nil || len(doc.Entries) != len(c.Entries()) {
		t.Fatalf("%d entries of %d, %v", len(doc.Entries), len(c.Entries()), err)
	}
	origins := map[string]string{}
	for _, e := range doc.Entries {
		origins[e.Key] = e.Origin
	}
	if origins["storage.dir"] == origins["log.level"] || origins["log.level"] != string(config.OriginDefault) {
		t.Errorf("origins %v", origins)
	}
}
