package e2e_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"umbra/admin/api"
	"umbra/loadtest/kafka"
	"umbra/loadtest/umbra"
	"umbra/loadtest/workload"
)

// Everything a source can have is shadowed byte for byte, from the oldest release to
// the newest; Kafka's own tool reads the segment files.
func TestMirrorsEveryReleaseByteForByte(t *testing.T) {
	f := func(l kafka.Layout, records int) {
		t.Run(l.Version, func(t *testing.T) { mirrorMix(t, l, records) })
	}
	f(kafka.Layout{Version: kafka.Newest}, 400)
	f(kafka.Old(kafka.ZK28), 120)
	f(kafka.Old(kafka.ZK21), 120)
}

func mirrorMix(t *testing.T, l kafka.Layout, records int) {
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
	// The open transaction ends: its marker and the last stable offset follow.
	if err := mix.EndOpen(ctx); err != nil {
		t.Fatal(err)
	}
	awaitEqual(t, ctx, src, dst, mix.Open)
	configsAreCopied(t, ctx, d, mix)
	var report api.VerifyReport
	if err := d.JSON(ctx, &report, "verify", "dr"); err != nil {
		t.Fatal(err)
	}
	if report.Result != api.Identical || report.DifferencesTotal != 0 || report.Batches == 0 || len(report.NotCompared) != 0 {
		t.Errorf("verify: %+v", report)
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	dumpSegments(t, ctx, d, len(mix.Topics))
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
