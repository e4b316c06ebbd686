package e2e_test

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"umbra/admin/api"
	"umbra/loadtest/kafka"
	"umbra/loadtest/rawfetch"
	"umbra/loadtest/umbra"
	"umbra/loadtest/workload"
)

// Everything a source can have is shadowed byte for byte, from the oldest release to
// the newest; Kafka's own tool reads the segment files.
func TestMirrorsEveryReleaseByteForByte(t *testing.T) {
	f := func(l kafka.Layout, records int, more bool) {
		t.Run(l.Version, func(t *testing.T) { mirrorMix(t, l, records, more) })
	}
	f(kafka.Layout{Version: kafka.Newest}, 400, true)
	f(kafka.Old(kafka.ZK28), 120, false)
	f(kafka.Old(kafka.ZK21), 120, false)
}

// mirrorMix mirrors a mix. With more, the source restarts in between (so that there are
// leader epochs above 0), umbra is killed before its files are read, and a second umbra
// mirrors everything with the other storage engine.
func mirrorMix(t *testing.T, l kafka.Layout, records int, more bool) {
	ctx := within(t, 4*time.Minute)
	source := kafka.Run(t, l)
	mix, err := workload.Write(ctx, workload.Config{Seeds: source.Seeds(), Prefix: "mix.", Seed: 1, Records: records})
	if err != nil {
		t.Fatal(err)
	}
	defer mix.Close()
	d := startUmbra(t, ctx)
	do(t, ctx, d, "link", "create", "dr", "--from", source.Bootstrap(), "--topics", "mix.*")
	src, dst := reader(t, "source", source.Seeds()...), shadowReader(t, d)
	for _, eq := range awaitEqual(t, ctx, src, dst, mix.Topics...) {
		t.Log(eq)
	}
	verdict, err := mix.Ledger.Check(ctx, mix.Verify([]string{d.Listen}))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("every acknowledged record is on the shadow: %+v", verdict)
	topics := mix.Topics
	if more {
		topics = append(slices.Clone(topics), epochsRise(t, ctx, source, src, dst))
	}
	// The open transaction ends: its marker and the last stable offset follow.
	if err := mix.EndOpen(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, ctx, "the source has written the marker", func() string { // behind its answer, after a restart much later
		if b, err := src.Bounds(ctx, mix.Open, 0); err != nil || b.LastStable < b.HighWatermark {
			return fmt.Sprintf("%+v, %v", b, err)
		}
		return ""
	})
	awaitEqual(t, ctx, src, dst, mix.Open)
	configsAreCopied(t, ctx, d, mix)
	var report api.VerifyReport
	if err := d.JSON(ctx, &report, "verify", "dr"); err != nil {
		t.Fatal(err)
	}
	if report.Result != api.Identical || report.DifferencesTotal != 0 || report.Batches == 0 || len(report.NotCompared) != 0 {
		t.Errorf("verify: %+v", report)
	}
	if more {
		crash(t, ctx, d, 0)
		awaitEqual(t, ctx, src, dst, topics...)
		t.Logf("storage engine %s", engineOf(t, ctx, d))
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	dumpSegments(t, ctx, d, len(topics))
	if more {
		mirrorOnPwrite(t, ctx, source, src, topics)
	}
}

// epochsRise restarts the source in the middle of a topic, and proves that the copy has
// the leader epochs on both sides of it. It returns the topic.
func epochsRise(t *testing.T, ctx context.Context, source *kafka.Cluster, src, dst *rawfetch.Reader) string {
	t.Helper()
	const topic = "mix.epochs"
	if err := workload.CreateTopic(ctx, source.Seeds(), topic, 1, 1, nil); err != nil {
		t.Fatal(err)
	}
	writeTo(t, ctx, source.Seeds(), topic, 1, 100)
	if err := source.Broker(1).Restart(ctx); err != nil {
		t.Fatal(err)
	}
	writeTo(t, ctx, source.Seeds(), topic, 1, 100)
	eq := awaitEqual(t, ctx, src, dst, topic)
	if n := len(eq[0].Epochs); n < 2 || eq[0].Epochs[n-1] <= 0 {
		t.Errorf("%s has leader epochs %v, want several: the test shows nothing about them", topic, eq[0].Epochs)
	}
	t.Logf("%v, leader epochs %v", eq[0], eq[0].Epochs)
	return topic
}

// mirrorOnPwrite is the same copy once more, by an umbra that is told to use the
// pwrite engine, whatever the machine offers.
func mirrorOnPwrite(t *testing.T, ctx context.Context, source *kafka.Cluster, src *rawfetch.Reader, topics []string) {
	t.Helper()
	d := newUmbra(t)
	d.Env = []string{"UMBRA_STORAGE_ENGINE=pwrite"}
	if _, err := d.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if got := engineOf(t, ctx, d); got != "pwrite" {
		t.Errorf("storage engine %q, want pwrite", got)
	}
	do(t, ctx, d, "link", "create", "dr", "--from", source.Bootstrap(), "--topics", "mix.*")
	awaitEqual(t, ctx, src, shadowReader(t, d), topics...)
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	dumpSegments(t, ctx, d, len(topics))
}

// engineOf is the storage engine that the daemon says it uses.
func engineOf(t *testing.T, ctx context.Context, d *umbra.Daemon) string {
	t.Helper()
	values, err := d.MetricValues(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for series := range values {
		if _, rest, ok := strings.Cut(series, `umbra_storage_engine_info{engine="`); ok {
			engine, _, _ := strings.Cut(rest, `"`)
			return engine
		}
	}
	t.Fatal("umbra_storage_engine_info: no such series")
	return ""
}

func configsAreCopied(t *testing.T, ctx context.Context, d *umbra.Daemon, mix *workload.Mix) {
	t.Helper()
	for topic, want := range map[string][2]string{
		mix.Compacted:    {"cleanup.policy", "compact"},
		"mix.appendtime": {"message.timestamp.type", "LogAppendTime"},
		"mix.large":      {"max.message.bytes", "4194304"},
	} {
		var desc api.TopicDescription
		if err := d.JSON(ctx, &desc, "topic", "describe", topic); err != nil {
			t.Fatal(err)
		}
		if got := desc.Configs[want[0]]; got != want[1] {
			t.Errorf("topic %s: %s is %q, want %q", topic, want[0], got, want[1])
		}
	}
}

// dumpSegments lets Kafka's own tool walk every record of every segment file.
func dumpSegments(t *testing.T, ctx context.Context, d *umbra.Daemon, atLeast int) {
	t.Helper()
	var files []string
	err := filepath.WalkDir(d.DataDir(), func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".log") && strings.Contains(path, "mix.") {
			if info, err := e.Info(); err == nil && info.Size() > 0 {
				files = append(files, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < atLeast {
		t.Fatalf("%d segment files with data below %s, want at least %d: %v", len(files), d.DataDir(), atLeast, files)
	}
	dist, err := kafka.Fetch(ctx, kafka.Newest)
	if err != nil {
		t.Fatal(err)
	}
	out, err := dist.Tool(ctx, "org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--files", strings.Join(files, ","))
	if err != nil {
		t.Fatal(err)
	}
	valid := strings.Count(out, "isvalid: true")
	for line := range strings.Lines(out) {
		low := strings.ToLower(line)
		if strings.Contains(low, "isvalid: false") || strings.Contains(low, "invalid bytes") || strings.Contains(low, "mismatch") || strings.Contains(low, "non-consecutive") {
			t.Errorf("DumpLogSegments: %s", strings.TrimSpace(line))
		}
	}
	if valid == 0 {
		t.Errorf("DumpLogSegments saw no valid batch:\n%.2000s", out)
	}
	t.Logf("DumpLogSegments: %d files, %d valid batches", len(files), valid)
}
