package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"umbra/bench/catchup"
	"umbra/bench/failover"
	"umbra/bench/link"
	"umbra/bench/peers"
	"umbra/bench/report"
	"umbra/bench/rpo"
	"umbra/bench/traffic"
)

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReport(t *testing.T) {
	file := reportFile(t, "umbra-bench/link/1", 2)
	f := func(want string, args ...string) {
		t.Helper()
		if out, _, err := umbraBench(t, append([]string{"report", file}, args...)...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%q: %v, want %q in:\n%s", args, err, want, out)
		}
	}
	f("FIGURE")
	f("link/ratio", "--all")
	f("| link/ratio | **2** x |", "--markdown", "--all")

	html := filepath.Join(t.TempDir(), "x.html")
	if out, _, err := umbraBench(t, "report", file, file, "--html", html); err != nil || out != "" || !strings.Contains(readFile(t, html), "<!doctype html>") {
		t.Errorf("--html: %v, printed %q", err, out)
	}
	if _, _, err := umbraBench(t, "report", "none.json"); err == nil {
		t.Error("a file that is not there was shown")
	}
	for _, alone := range []string{"--charts", "--browser"} { // they would do nothing
		if _, _, err := umbraBench(t, "report", file, alone, "x"); err == nil || !strings.Contains(err.Error(), "give --") {
			t.Errorf("%s alone: %v", alone, err)
		}
	}
	if _, _, err := umbraBench(t, "report"); err == nil {
		t.Error("no file was shown")
	}
}

func TestReportFillsREADME(t *testing.T) {
	file := reportFile(t, "umbra-bench/link/1", 2)
	readme := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(readme, []byte("before\n"+report.MarkBegin+"\n"+report.MarkEnd+"\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := umbraBench(t, "report", file, "--readme", readme, "--all"); err != nil {
		t.Fatal(err)
	}
	if text := readFile(t, readme); !strings.HasPrefix(text, "before\n") || !strings.HasSuffix(text, "\nafter\n") || !strings.Contains(text, "link/ratio") {
		t.Errorf("it is now:\n%s", text)
	}
	if err := os.WriteFile(readme, []byte("no marks"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := umbraBench(t, "report", file, "--readme", readme); err == nil || !strings.Contains(err.Error(), report.MarkBegin) || readFile(t, readme) != "no marks" {
		t.Errorf("without marks: %v", err)
	}
}

// Without a browser the page is written all the same, and the error says what to install.
func TestReportWithoutABrowser(t *testing.T) {
	file, dir := reportFile(t, "umbra-bench/link/1", 2), t.TempDir()
	t.Setenv("PATH", dir)
	html, png := filepath.Join(dir, "x.html"), filepath.Join(dir, "x.png")
	if _, _, err := umbraBench(t, "report", file, "--html", html, "--png", png); err == nil || !strings.Contains(err.Error(), "install chromium") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(html); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(png); err == nil {
		t.Error("there is a picture")
	}
}

func TestReportOpenMessaging(t *testing.T) {
	file, dir := filepath.Join(t.TempDir(), "produce.json"), filepath.Join(t.TempDir(), "omb")
	o := report.NewOpenMessaging(report.Load{Workload: "1 topic / 10", Driver: "umbra", MessageSize: 1024, Topics: 1, Partitions: 10, Producers: 4})
	h := hdrhistogram.New(1, 1e6, 3)
	if err := h.RecordValue(1500); err != nil {
		t.Fatal(err)
	}
	o.Add(report.Interval{Length: 2 * time.Second, Published: 1000, Publish: h})
	o.Finish(h, nil, nil)
	if err := report.Write(file, report.Document{Head: report.Head{Schema: "umbra-bench/produce/1"}, OpenMessaging: []*report.OpenMessaging{o, o}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := umbraBench(t, "report", file, "--openmessaging", dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"produce-1-topic---10-umbra-1.json", "produce-1-topic---10-umbra-2.json"} {
		got := map[string]any{}
		if err := json.Unmarshal([]byte(readFile(t, filepath.Join(dir, name))), &got); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]any{"workload": "1 topic / 10", "driver": "umbra", "messageSize": 1024.0, "partitions": 10.0, "producersPerTopic": 4.0,
			"publishRate": []any{500.0}, "publishLatency99pct": []any{1.5}, "aggregatedPublishLatencyMax": 1.5, "aggregatedPublishLatencyQuantiles": map[string]any{"100": 1.5},
			"consumeRate": []any{}, "endToEndLatency99pct": []any{}, "publishDelayLatencyMax": []any{}} {
			if !reflect.DeepEqual(got[key], want) {
				t.Errorf("%s: %s is %v, want %v", name, key, got[key], want)
			}
		}
	}
	if _, _, err := umbraBench(t, "report", reportFile(t, "umbra-bench/link/1", 2), "--openmessaging", dir); err == nil {
		t.Error("nothing was written, without an error")
	}
}

// bench/run.sh runs every bench there is: none is forgotten, none is gone.
func TestRunScriptKnowsEveryBench(t *testing.T) {
	_, rest, ok := strings.Cut(readFile(t, filepath.Join("..", "..", "bench", "run.sh")), "\nALL=(")
	list, _, closed := strings.Cut(rest, ")")
	if !ok || !closed {
		t.Fatal("there is no ALL=(..) in bench/run.sh")
	}
	want := map[string]bool{}
	for _, c := range newRoot().Commands() {
		if !c.Hidden && c.Flags().Lookup("short") != nil {
			want[c.Name()] = true
		}
	}
	for _, name := range strings.Fields(list) {
		if !want[name] {
			t.Errorf("bench/run.sh runs %q, and there is no such bench", name)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("bench/run.sh does not run %q", name)
	}
}

// What the benches write now can be read.
func TestSchemasAreKnown(t *testing.T) {
	for _, schema := range []string{catchup.Schema, failover.Schema, link.Schema, peers.Schema, rpo.Schema, traffic.Produce.Schema(), traffic.Consume.Schema(), soakSchema} {
		if _, _, err := report.Read(reportFile(t, schema, 1)); err != nil {
			t.Error(err)
		}
	}
}
