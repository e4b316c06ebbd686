package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"umbra/admin/api"
	"umbra/loadtest/kafka"
	"umbra/loadtest/umbra"
	"umbra/loadtest/workload"
)

// From an empty folder to ready, to a topic that is served, to a clean end. How long
// it takes is told, the best of three, and not judged: that is also about what else
// runs on the machine.
func TestStartsOnAnEmptyFolder(t *testing.T) {
	kafka.NeedE2E(t)
	ctx := within(t, 2*time.Minute)
	best := time.Hour
	for range 3 {
		d := newUmbra(t)
		took, err := d.Start(ctx)
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, took)
		if body, status, err := d.HTTP(ctx, "/ready"); err != nil || status != http.StatusOK {
			t.Errorf("/ready: %d, %v: %s", status, err, body)
		}
		if err := workload.CreateTopic(ctx, []string{d.Listen}, "first", 1, 1, nil); err != nil {
			t.Fatal(err)
		}
		writeTo(t, ctx, []string{d.Listen}, "first", 1, 1)
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("ready after %v", best.Round(time.Millisecond))
}

// A thousand partitions that nobody uses cost less than 150 MiB, everything included.
func TestIdlePartitionsAreCheap(t *testing.T) {
	kafka.NeedE2E(t)
	ctx := within(t, 3*time.Minute)
	d := startUmbra(t, ctx)
	for i := range 10 {
		if err := workload.CreateTopic(ctx, []string{d.Listen}, fmt.Sprintf("idle-%d", i), 100, 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	now, peak, err := d.MemoryBytes()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("1,000 idle partitions: %d MiB, at most %d MiB", now>>20, peak>>20)
	if now >= 150<<20 {
		t.Errorf("1,000 idle partitions cost %d MiB, want less than 150", now>>20)
	}
	// They are all there after a kill, as well.
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	took, err := d.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %v with 1,000 partitions", took.Round(time.Millisecond))
	topic, err := shadowReader(t, d).Topic(ctx, "idle-9")
	if err != nil || len(topic.Partitions) != 100 {
		t.Errorf("after a kill: %+v, %v", topic, err)
	}
}

// Metrics, health and exit codes say what is so.
func TestMetricsHealthAndExitCodes(t *testing.T) {
	ctx := within(t, 3*time.Minute)
	d := startUmbra(t, ctx)
	source := kafka.Run(t, kafka.Single())
	if err := workload.CreateTopic(ctx, source.Seeds(), "m-orders", 2, 1, nil); err != nil {
		t.Fatal(err)
	}
	writeTo(t, ctx, source.Seeds(), "m-orders", 2, 100)
	do(t, ctx, d, "link", "create", "dr", "--from", source.Bootstrap(), "--topics", "m-*")
	awaitEqual(t, ctx, reader(t, "source", source.Seeds()...), shadowReader(t, d), "m-orders")
	for _, path := range []string{"/health", "/ready"} {
		if body, status, err := d.HTTP(ctx, path); err != nil || status != http.StatusOK {
			t.Errorf("%s: %d, %v: %s", path, status, err, body)
		}
	}
	values, err := d.MetricValues(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"umbra_link_lag_records", "umbra_link_lag_seconds", "umbra_link_source_up", "umbra_link_topics",
		"umbra_link_written_bytes_total", "umbra_link_written_records_total", "umbra_build_info", "umbra_partition_high_watermark"} {
		if !hasSeries(values, name) {
			t.Errorf("/metrics has no %s", name)
		}
	}
	if out, err := d.CLI(ctx, "status"); err != nil || out.Code != 0 {
		t.Errorf("status of a healthy daemon: exit %d, %v\n%s%s", out.Code, err, out.Stdout, out.Stderr)
	}
	if err := source.Broker(1).Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, ctx, "status exits 10 without the source", func() string {
		if out, err := d.CLI(ctx, "status"); err != nil || out.Code != 10 {
			return fmt.Sprintf("exit %d, %v", out.Code, err)
		}
		return ""
	})
	if lag := linkStatus(t, ctx, d, "dr").Lag; lag.Bound != api.AtLeast {
		t.Errorf("lag without a source: %+v, want a lower bound", lag)
	}
	if body, status, err := d.HTTP(ctx, "/ready"); err != nil || status != http.StatusOK {
		t.Errorf("/ready depends on a source: %d, %v: %s", status, err, body)
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	if out, err := d.CLI(ctx, "status"); err != nil || out.Code != 3 {
		t.Errorf("status without a daemon: exit %d, %v", out.Code, err)
	}
}

// sumSeries adds up a metric over its labels.
func sumSeries(t *testing.T, ctx context.Context, d *umbra.Daemon, name string) (sum float64) {
	t.Helper()
	values, err := d.MetricValues(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for series, v := range values {
		if series == name || strings.HasPrefix(series, name+"{") {
			sum += v
		}
	}
	return sum
}

func hasSeries(values map[string]float64, name string) bool {
	for series := range values {
		if series == name || strings.HasPrefix(series, name+"{") {
			return true
		}
	}
	return false
}
