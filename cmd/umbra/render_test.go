package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"umbra/admin/api"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files in testdata from what is rendered")

// golden compares text with a file that a person has read.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./cmd/umbra -rewrite, then read the diff):\n%s", file, got)
	}
}

// rendering is one document in one view.
type rendering struct {
	name string
	draw func(io.Writer, view)
	view view
}

// with binds a renderer to a document.
func with[D any](f func(io.Writer, D, view), doc D) func(io.Writer, view) {
	return func(w io.Writer, v view) { f(w, doc, v) }
}

func renderings() []rendering {
	receipt := func(outcome string) func(io.Writer, view) {
		return func(w io.Writer, v view) {
			r := receiptDoc(outcome)
			r.SHA256 = "9f2c"
			renderReceipt(w, r, "failover-eu-copy-20261122T030514Z.json", v)
		}
	}
	well := statusDoc()
	well.Links = well.Links[:1]
	well.Judge()
	sick := statusDoc()
	sick.Links = sick.Links[:1]
	sick.Problems = []api.Reason{{Code: "partition_failed", Detail: "orders-0: fsync failed", Next: "replace the disk, then restart"}}
	sick.Judge()
	wide := view{wide: true}
	return []rendering{
		{"status", with(renderStatus, statusDoc()), view{}},
		{"status-color", with(renderStatus, statusDoc()), view{color: true}},
		{"status-healthy", with(renderStatus, well), view{}},
		{"status-broker-sick", with(renderStatus, sick), view{}},
		{"status-empty", with(renderStatus, &api.Status{Now: at("03:05:13"), Broker: api.BrokerInfo{StartedAt: at("03:05:12")}}), view{}},
		{"link-list", with(renderLinkList, &api.LinkList{Now: at("03:05:13"), Links: summaries()}), view{}},
		{"link-list-empty", with(renderLinkList, &api.LinkList{}), view{}},
		{"link-status", with(renderLinkStatus, linkDoc("dr-east")), view{}},
		{"link-status-away", with(renderLinkStatus, awayDoc()), view{}},
		{"link-status-away-wide", with(renderLinkStatus, awayDoc()), wide},
		{"link-status-never-seen", with(renderLinkStatus, linkDoc("fresh")), view{}},
		{"link-status-failed-over", with(renderLinkStatus, linkDoc("moved")), view{}},
		{"link-status-partial", with(renderLinkStatus, partialDoc()), view{}},
		{"link-describe-partial", with(renderLinkDescribe, partialDoc()), view{}},
		{"link-describe", with(renderLinkDescribe, awayDoc()), view{}},
		{"partitions", with(renderPartitions, partitionsDoc()), view{}},
		{"link-create", with(renderLinkPlan, linkPlanDoc(false)), view{}},
		{"link-create-dry-run", with(renderLinkPlan, linkPlanDoc(true)), view{}},
		{"failover-plan", with(renderFailoverPlan, failoverPlanDoc()), view{}},
		{"failover-plan-partial", with(renderFailoverPlan, partialPlanDoc()), view{}},
		{"receipt", receipt(api.OutcomeFailedOver), view{}},
		{"receipt-partial", receipt(api.OutcomePartial), view{}},
		{"receipt-stored", with(renderStored, storedReceiptDoc()), view{}},
		{"receipt-stored-short", with(renderStored, shortReceiptDoc()), view{}},
		{"verify", with(renderVerify, verifyDoc(api.Identical)), view{}},
		{"verify-different", with(renderVerify, verifyDoc(api.Different)), view{}},
		{"verify-nothing", with(renderVerify, verifyDoc(api.Nothing)), view{}},
		{"topic-list", with(renderTopicList, topicListDoc()), view{}},
		{"topic-list-wide", with(renderTopicList, topicListDoc()), wide},
		{"topic", with(renderTopic, topicDoc()), view{}},
		{"topic-partial", with(renderTopic, partialTopicDoc()), view{}},
	}
}

func TestGolden(t *testing.T) {
	for _, r := range renderings() {
		var b bytes.Buffer
		r.draw(&b, r.view)
		golden(t, r.name, b.String())
	}
}

// Colour carries nothing: without it the text is the same.
func TestColourIsOnlyColour(t *testing.T) {
	escapes := regexp.MustCompile("\x1b\\[[0-9]*m")
	for _, r := range renderings() {
		var plainText, painted bytes.Buffer
		v := r.view
		v.color = false
		r.draw(&plainText, v)
		v.color = true
		r.draw(&painted, v)
		if got := escapes.ReplaceAllString(painted.String(), ""); got != plainText.String() {
			t.Errorf("%s: with colour the text is\n%s", r.name, got)
		}
	}
}

func TestNoTrailingSpaces(t *testing.T) {
	for _, r := range renderings() {
		var b bytes.Buffer
		v := r.view
		v.color = false
		r.draw(&b, v)
		for _, line := range strings.Split(b.String(), "\n") {
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%s: %q ends in a space", r.name, line)
			}
		}
	}
}

// A lag that nobody measured must never look like no lag.
func TestUnknownIsNeverZero(t *testing.T) {
	l := linkDoc("fresh")
	l.TopicRows = []api.TopicRow{{Topic: "t", State: api.StateActive, Partitions: 1}}
	p := failoverPlanDoc()
	p.EstimatedLoss = api.Lag{}
	p.Topics = []api.FailoverTopic{{Topic: "t", State: api.StateActive, Partitions: 1}}
	for name, draw := range map[string]func(io.Writer, view){
		"status": with(renderLinkStatus, l), "list": with(renderLinkList, &api.LinkList{Links: []api.LinkSummary{l.LinkSummary}}),
		"plan": with(renderFailoverPlan, p),
	} {
		var b bytes.Buffer
		draw(&b, view{})
		if !strings.Contains(b.String(), unknown) || regexp.MustCompile(`\b0s\b|\b0 records,`).MatchString(b.String()) {
			t.Errorf("%s:\n%s", name, b.String())
		}
	}
}

func TestSeconds(t *testing.T) {
	for s, want := range map[float64]string{
		0: "0s", 0.0004: "<1ms", 0.001: "1ms", 0.012: "12ms", 0.0996: "100ms", 0.36: "0.4s", 0.8: "0.8s", 9.94: "9.9s", 9.96: "10s",
		59.4: "59s", 59.6: "1m00s", 94: "1m34s", 422: "7m02s", 3599.9: "1h00m", 7200: "2h00m", 11100: "3h05m", 90000: "1d01h", -1: unknown,
	} {
		if got := seconds(s); got != want {
			t.Errorf("seconds(%v) = %q, want %q", s, got, want)
		}
	}
}

func TestSeen(t *testing.T) {
	now := at("03:05:13")
	for want, s := range map[string]api.Source{
		"never":     {},
		"now":       {Reachable: true, LastSeen: at("03:05:12")},
		"1s ago":    {Reachable: false, LastSeen: at("03:05:12")},
		"3s ago":    {Reachable: true, LastSeen: at("03:05:10")},
		"0s ago":    {LastSeen: at("03:05:20")}, // a clock that is ahead
		"5m13s ago": {LastSeen: at("03:00:00")},
	} {
		if got := seen(s, now); got != want {
			t.Errorf("seen(%+v) = %q, want %q", s, got, want)
		}
	}
}

func TestProgressLines(t *testing.T) {
	op := &api.Operation{Steps: []api.Step{
		{Name: "fence", State: api.StepDone, Seconds: 0.02},
		{Name: "promote", State: api.StepRunning, Done: 17, Total: 41, Unit: "topics", Seconds: 0.3},
	}}
	var b bytes.Buffer
	p := newProgress(&b, false)
	p.show(op)
	p.show(op)
	op.Steps[1] = api.Step{Name: "promote", State: api.StepDone, Done: 41, Total: 41, Unit: "topics", Seconds: 0.31}
	op.Steps = append(op.Steps, api.Step{Name: "receipt", State: api.StepFailed, Detail: "disk full"})
	p.show(op)
	p.close()
	golden(t, "progress", b.String())

	b.Reset()
	p = newProgress(&b, true)
	op.Steps[1].State, op.Steps[1].Done = api.StepRunning, 17
	p.show(op)
	op.Steps[1].State, op.Steps[1].Done = api.StepDone, 41
	p.show(op)
	p.close()
	if got := b.String(); !strings.Contains(got, "17/41 topics   0.3s\r\x1b[K") && !strings.Contains(got, "\r\x1b[K promote") {
		t.Errorf("on a terminal the running step is not drawn over:\n%q", got)
	}
}

func TestReceiptFile(t *testing.T) {
	if got := receiptFile("a/b", at("03:05:13")); got != "failover-a_b-20261122T030513Z.json" {
		t.Errorf("got %s", got)
	}
}
