package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"umbra/admin"
	"umbra/admin/api"
	"umbra/core/metadata"
	"umbra/core/observe"
	"umbra/shard"
)

// The parts of readiness, in the order they come up.
const (
	partMetadata   = "metadata"
	partPartitions = "partitions"
	partListener   = "listener"
)

// stallMax is how long a shard's loop may not answer before /health fails.
const stallMax = 10 * time.Second

// telemetry is what operators see of a daemon. It exists before the parts it
// shows; each adds its own when it is up.
type telemetry struct {
	events   *admin.Events
	ready    *observe.Readiness
	health   *observe.Health
	registry *observe.Registry // nil until startOps
	server   *observe.Server   // nil without a listener
}

func newTelemetry(began time.Time) *telemetry {
	return &telemetry{events: admin.NewEvents(), health: &observe.Health{},
		ready: observe.NewReadiness(began, partMetadata, partPartitions, partListener)}
}

// event takes an event of the log to the ring that the admin API shows. Loops
// call it, too; it only copies.
func (t *telemetry) event(e observe.Event) {
	ev := api.Event{At: e.At, Level: strings.ToLower(e.Level.String()), Type: e.Type, Link: e.Link, Topic: e.Topic, Message: e.Message}
	if e.Partition >= 0 {
		ev.Partition = &e.Partition
	}
	t.events.Add(ev)
}

// startOps answers /metrics, /health and /ready from now on, while everything
// else comes up behind it.
func (d *daemon) startOps(context.Context) error {
	t := d.telemetry
	t.registry = observe.NewRegistry(d.log.Logger)
	b := thisBuild()
	t.collect(observe.Build{Version: b.Version, Commit: b.Commit}.Collect, t.ready.Collect, d.log.Collect, d.budget.collect)
	if d.cfg.Ops.HTTP == "" {
		return nil
	}
	server, err := observe.Serve(observe.ServerConfig{Addr: d.cfg.Ops.HTTP, Registry: t.registry, Readiness: t.ready, Health: t.health, Log: d.log.Logger})
	if err != nil {
		return err
	}
	t.server = server
	d.onStop(server.Close)
	d.log.Info("metrics and health are up", "listen", server.Addr().String())
	return nil
}

func (t *telemetry) collect(collectors ...func(*observe.Emit)) {
	for _, c := range collectors {
		t.registry.Register(c)
	}
}

func (d *daemon) perPartition() observe.PerPartition {
	return observe.PerPartition{Mode: d.cfg.Metrics.PerPartition, Max: d.cfg.Metrics.PerPartitionMax}
}

// showStore is called when the metadata is there.
func (d *daemon) showStore() {
	s := d.store.Snapshot()
	d.telemetry.collect(observe.CollectMetadata(d.store.Snapshot), observe.CollectDisk(d.cfg.Storage.Dir))
	d.telemetry.ready.Set(partMetadata, true, fmt.Sprintf("revision %d", s.Revision))
	where := "embedded in " + d.cfg.MetadataDir()
	if len(d.cfg.Metadata.Endpoints) > 0 {
		where = strings.Join(d.cfg.Metadata.Endpoints, ",")
	}
	d.log.Info("metadata is there", "etcd", where, "cluster", s.ClusterID, "topics", len(s.Topics), "links", len(s.Links))
}

// showShards is called when the shards listen; they say so themselves.
func (d *daemon) showShards() {
	d.telemetry.collect(observe.CollectShards(d.group), observe.CollectStorage(d.group, d.cfg.Storage.Dir),
		observe.CollectBroker(d.broker, d.group, d.store.Snapshot), observe.CollectPartitions(d.group, d.store.Snapshot, d.perPartition()))
	d.telemetry.health.Add(observe.ShardChecks(d.group, stallMax)...)
}

// showPartitions is called when every log is recovered. One that does not open
// is left for status to show: the others serve.
func (d *daemon) showPartitions(took time.Duration) {
	open, failed := 0, 0
	for _, t := range d.store.Snapshot().Topics {
		for i := range t.Partitions {
			if d.keeper.Err(shard.PartitionID{Topic: t.ID, Index: int32(i)}) != nil {
				failed++
			} else {
				open++
			}
		}
	}
	detail := fmt.Sprintf("%d open", open)
	if failed > 0 {
		detail += fmt.Sprintf(", %d do not open", failed)
	}
	d.telemetry.ready.Set(partPartitions, true, detail)
	d.log.Info("partitions are recovered", "open", open, "failed", failed, "ms", took.Milliseconds())
}

// showLinks is called when the links run.
func (d *daemon) showLinks() {
	d.telemetry.collect(observe.CollectLinks(d.manager, d.store.Snapshot, d.perPartition()))
}

// partitionFailed runs on the partition's loop.
func (d *daemon) partitionFailed(id shard.PartitionID, err error) {
	name, link := topicOf(d.store.Snapshot(), id)
	d.log.Error("partition takes no records any more", "event", "partition_failed", "link", link, "topic", name, "partition", id.Index, "err", err)
}

// topicOf is the name of a partition's topic and of the link it shadows.
func topicOf(s *metadata.Snapshot, id shard.PartitionID) (topic, link string) {
	t := s.ByID(id.Topic)
	switch {
	case t == nil:
		return id.Topic.String(), ""
	case t.Shadow == nil:
		return t.Name, ""
	}
	return t.Name, t.Shadow.Link
}
