package admin

import (
	"context"
	"errors"
	"sync"

	"umbra/admin/api"
)

// fake is a Backend with one link, "dr", that does what its hooks say.
type fake struct {
	mu       sync.Mutex
	calls    []string
	failover func(ctx context.Context, call Call) (*api.Receipt, error)
	verify   func(ctx context.Context, call Call) (*api.VerifyReport, error)
	status   func(ctx context.Context) (*api.Status, error)
	rows     []api.PartitionRow
}

func (f *fake) note(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
}

func (f *fake) noted() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

func (f *fake) known(link string) error {
	if link != "dr" {
		return api.NotFound("link", link, "umbra link list")
	}
	return nil
}

func (f *fake) Status(ctx context.Context) (*api.Status, error) {
	if f.status != nil {
		return f.status(ctx)
	}
	return &api.Status{Links: []api.LinkSummary{{Name: "dr", State: api.StatePaused}}}, nil
}

func (f *fake) Config(context.Context) (*api.Config, error) {
	return &api.Config{Entries: []api.ConfigEntry{{Key: "kafka.listen", Value: ":9092", Origin: "default"}}}, nil
}

func (f *fake) Topics(context.Context) (*api.TopicList, error) {
	return &api.TopicList{Topics: []api.TopicSummary{{Topic: "orders"}}}, nil
}

func (f *fake) Topic(_ context.Context, topic string) (*api.TopicDescription, error) {
	if topic != "orders" {
		return nil, api.NotFound("topic", topic, "umbra topic list")
	}
	return &api.TopicDescription{TopicSummary: api.TopicSummary{Topic: topic}}, nil
}

func (f *fake) Links(context.Context) (*api.LinkList, error) { return nil, errors.New("disk on fire") }

func (f *fake) Link(_ context.Context, link string) (*api.LinkStatus, error) {
	if err := f.known(link); err != nil {
		return nil, err
	}
	return &api.LinkStatus{LinkSummary: api.LinkSummary{Name: link, State: api.StateActive}}, nil
}

func (f *fake) Partitions(_ context.Context, link string) (*api.PartitionList, error) {
	return &api.PartitionList{Link: link, Partitions: append([]api.PartitionRow(nil), f.rows...)}, f.known(link)
}

func (f *fake) PlanLink(_ context.Context, req api.CreateLink) (*api.LinkPlan, error) {
	f.note("plan " + req.Name)
	return &api.LinkPlan{Link: req.LinkDefinition}, nil
}

func (f *fake) CreateLink(_ context.Context, req api.CreateLink) (*api.LinkPlan, error) {
	f.note("create " + req.Name)
	return &api.LinkPlan{Link: req.LinkDefinition}, nil
}

func (f *fake) PauseLink(_ context.Context, link string) error {
	f.note("pause " + link)
	return f.known(link)
}

func (f *fake) ResumeLink(_ context.Context, link string) error {
	f.note("resume " + link)
	return f.known(link)
}

func (f *fake) DeleteLink(_ context.Context, link string, force bool) error {
	f.note("delete " + link)
	if !force {
		return api.Conflict("link \"dr\" was not deleted", "2 topics are ACTIVE", "fail it over, or use --force")
	}
	return f.known(link)
}

func (f *fake) PlanFailover(_ context.Context, link string, req api.Failover) (*api.FailoverPlan, error) {
	return &api.FailoverPlan{Link: link}, f.known(link)
}

func (f *fake) Failover(ctx context.Context, link string, req api.Failover, call Call) (*api.Receipt, error) {
	f.note("failover " + link)
	return f.failover(ctx, call)
}

func (f *fake) Receipt(_ context.Context, link, operation string) (*api.Receipt, error) {
	return &api.Receipt{Version: api.ReceiptVersion, Link: link, Operation: operation}, f.known(link)
}

func (f *fake) Verify(ctx context.Context, link string, req api.Verify, call Call) (*api.VerifyReport, error) {
	f.note("verify " + link)
	return f.verify(ctx, call)
}
