package backend

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"umbra/admin/api"
	"umbra/core/link"
	"umbra/core/link/spec"
	"umbra/core/metadata"
)

func at(second int) time.Time { return time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC) }

// The option rpo_target decides what a link's status is held against.
func TestSummaryJudgesTheTarget(t *testing.T) {
	f := func(target time.Duration, healthy bool) {
		t.Helper()
		l := &spec.Link{Definition: spec.Definition{Name: "dr", Options: spec.Options{RPOTarget: target}}}
		s := summary(&link.Status{Link: l, Reachable: true, Lag: link.Lag{Seconds: 4, Bound: link.Exact}})
		if s.RPO.TargetSeconds != target.Seconds() || s.Healthy() != healthy || s.State != api.StateActive {
			t.Errorf("target %v: %+v, healthy %v", target, s, s.Healthy())
		}
	}
	f(0, true)
	f(5*time.Second, true)
	f(3*time.Second, false)
}

// A lag keeps what it is worth; what the core calls by no name is unknown.
func TestLagKeepsItsBound(t *testing.T) {
	for from, want := range map[link.Bound]api.Bound{link.Exact: api.Exact, link.AtLeast: api.AtLeast, link.Unknown: api.Unknown, "": api.Unknown, "new": api.Unknown} {
		l := link.Lag{Records: 1, Bytes: 2, Seconds: 3, Bound: from, AsOf: at(1)}
		if got := lagDoc(l); got != (api.Lag{Records: 1, Bytes: 2, Seconds: 3, Bound: want, AsOf: at(1)}) {
			t.Errorf("%q: %+v", from, got)
		}
		if got := rpoDoc(l, 5*time.Second); got != (api.RPO{Seconds: 3, Bound: want, AsOf: at(1), TargetSeconds: 5}) {
			t.Errorf("%q: %+v", from, got)
		}
	}
	if known(-1) != nil || *known(0) != 0 {
		t.Error("an offset that is not known is not 0")
	}
}

// A reason carries the table's words; none is no document.
func TestReasonsAndLedgers(t *testing.T) {
	if reasonDoc(spec.Reason{}) != nil {
		t.Error("no reason is a document")
	}
	for _, info := range spec.Codes() {
		got := reasonDoc(spec.Reason{Code: info.Code, Detail: "d", Since: at(2)})
		if *got != (api.Reason{Code: string(info.Code), Title: info.Title, Detail: "d", Next: info.Remedy, Since: at(2)}) {
			t.Errorf("%+v", got)
		}
	}
	if got := gapDoc(spec.GapRecord{Topic: "t", Partition: 3, From: 5, To: 9, Why: "W", At: at(3)}); got != (api.Gap{Topic: "t", Partition: 3, From: 5, To: 9, Cause: "W", At: at(3)}) {
		t.Errorf("%+v", got)
	}
	if got := cutDoc(spec.CutRecord{Topic: "t", Partition: 3, From: 5, To: 9, Bytes: 7, SHA256: "s", File: "f", At: at(3)}); got != (api.Cut{Topic: "t", Partition: 3, From: 5, To: 9, Bytes: 7, SHA256: "s", File: "f", At: at(3)}) {
		t.Errorf("%+v", got)
	}
	if got := each([]int(nil), func(int) string { return "" }); got == nil || len(got) != 0 {
		t.Errorf("an empty list is %#v", got)
	}
}

func topic(name string, s spec.TopicState, partitions int) link.TopicStatus {
	return link.TopicStatus{Topic: &metadata.Topic{Name: name}, State: s, Partitions: make([]link.PartitionStatus, partitions)}
}

// One word for a link: what an operator has to know first.
func TestLinkState(t *testing.T) {
	f := func(want string, paused, reachable bool, states ...spec.TopicState) {
		t.Helper()
		st := &link.Status{Link: &spec.Link{Paused: paused}, Reachable: reachable}
		for _, s := range states {
			st.Topics = append(st.Topics, topic("t", s, 1))
		}
		if got := summary(st).State; got != want {
			t.Errorf("paused %v, reachable %v, %v: %s, want %s", paused, reachable, states, got, want)
		}
	}
	f("ACTIVE", false, true)
	f("UNREACHABLE", false, false)
	f("ACTIVE", false, true, spec.Active, spec.Paused, spec.FailedOver)
	f("FAULTED", false, true, spec.Active, spec.Faulted)
	f("UNREACHABLE", false, false, spec.Active, spec.Faulted)
	f("PAUSED", true, false, spec.Paused, spec.Faulted)
	f("FAILED_OVER", true, false, spec.FailedOver, spec.FailedOver)
	f("FAILING_OVER", true, false, spec.FailedOver, spec.FailingOver)
}

func TestSummaryCounts(t *testing.T) {
	st := &link.Status{Link: &spec.Link{Definition: spec.Definition{Name: "dr", Bootstrap: []string{"a:1"}}, Reason: spec.Reason{Code: spec.SourceUnreachable}},
		LastSeen: at(1), Failure: errors.Join(errors.New("a: refused"), errors.New("b: refused")), Brokers: 3, ClusterID: "c",
		Topics: []link.TopicStatus{topic("x", spec.Active, 4), topic("y", spec.Active, 2), topic("z", spec.Faulted, 1)}, Rate: link.Rate{Records: 10, Bytes: 20}}
	s := summary(st)
	if s.Topics != 3 || s.Partitions != 7 || !reflect.DeepEqual(s.TopicsByState, map[string]int{"ACTIVE": 2, "FAULTED": 1}) || s.RecordsPerSec != 10 || s.BytesPerSecond != 20 {
		t.Errorf("%+v", s)
	}
	want := api.Source{Bootstrap: []string{"a:1"}, ClusterID: "c", Brokers: 3, LastSeen: at(1), Error: "a: refused; b: refused"}
	if !reflect.DeepEqual(s.Source, want) || s.Reason == nil || s.Reason.Code != "SOURCE_UNREACHABLE" {
		t.Errorf("source %+v, reason %+v", s.Source, s.Reason)
	}
}

func TestExcludedSaysWhy(t *testing.T) {
	d, err := definition(api.LinkDefinition{Name: "dr", Bootstrap: []string{"a:1"}, Topics: []string{"orders*"}, Exclude: []string{"*-exclu", "__x*"}})
	if err != nil {
		t.Fatal(err)
	}
	got := excludedDocs(&spec.Link{Definition: d}, []string{"orders-exclu", "exclu", "pay-exclu", "__consumer_offsets", "__y", "__x1"})
	want := []api.ExcludedTopic{
		{Topic: "orders-exclu", Reason: "excluded", Detail: `excluded by glob "*-exclu"`},
		{Topic: "exclu", Reason: "not_matched", Detail: "no include matches"},
		{Topic: "pay-exclu", Reason: "excluded", Detail: `excluded by glob "*-exclu"`},
		{Topic: "__consumer_offsets", Reason: "internal", Detail: "belongs to each cluster itself"},
		{Topic: "__y", Reason: "internal", Detail: "internal topic; only a literal include takes it"},
		{Topic: "__x1", Reason: "internal", Detail: `excluded by glob "__x*"`},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}
