package api

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata/shapes.txt from the types")

func documents() []Document {
	return []Document{&Status{}, &LinkList{}, &LinkStatus{}, &PartitionList{}, &LinkPlan{}, &FailoverPlan{}, &Operation{},
		&Receipt{}, &VerifyReport{}, &TopicList{}, &TopicDescription{}, &EventList{}, &Config{}}
}

// The shapes are a promise to scripts: a field that changes its name or type
// shows up here as a diff.
func TestShapesAreStable(t *testing.T) {
	var got strings.Builder
	for _, d := range documents() {
		fmt.Fprintf(&got, "%s\n", d.kind())
		describe(&got, "  ", reflect.TypeOf(d).Elem())
	}
	const file = "testdata/shapes.txt"
	if *rewrite {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the JSON shapes differ from %s (go test ./admin/api -rewrite, then look at the diff); now:\n%s", file, got.String())
	}
}

func describe(out *strings.Builder, indent string, typ reflect.Type) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Anonymous {
			describe(out, indent, f.Type)
			continue
		}
		elem := f.Type
		for elem.Kind() == reflect.Slice || elem.Kind() == reflect.Pointer {
			elem = elem.Elem()
		}
		fmt.Fprintf(out, "%s%s %s\n", indent, f.Tag.Get("json"), f.Type)
		if elem.Kind() == reflect.Struct && elem != reflect.TypeFor[time.Time]() && len(indent) < 10 {
			describe(out, indent+"  ", elem)
		}
	}
}

func TestMarshalStampsAndHasNoNullLists(t *testing.T) {
	for _, d := range documents() {
		b, err := Marshal(d, true)
		if err != nil {
			t.Fatalf("%s: %v", d.kind(), err)
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("%s: %v", d.kind(), err)
		}
		if m["kind"] != d.kind() || m["apiVersion"] != APIVersion {
			t.Errorf("%s is stamped %v %v", d.kind(), m["kind"], m["apiVersion"])
		}
		for k, v := range m {
			if v == nil {
				t.Errorf("%s.%s is null", d.kind(), k)
			}
		}
	}
}

func TestUnknownNumbersAreNull(t *testing.T) {
	f := func(v any, want string) {
		t.Helper()
		b, err := json.Marshal(v)
		if err != nil || string(b) != want {
			t.Errorf("%#v: got %s %v, want %s", v, b, err, want)
		}
	}
	at := time.Date(2026, 11, 22, 2, 58, 11, 0, time.UTC)
	f(Lag{}, `{"records":null,"bytes":null,"seconds":null,"bound":"unknown"}`)
	f(Lag{Records: 7, Seconds: 1.5}, `{"records":null,"bytes":null,"seconds":null,"bound":"unknown"}`)
	f(Lag{Bound: Exact, AsOf: at}, `{"records":0,"bytes":0,"seconds":0,"bound":"exact","as_of":"2026-11-22T02:58:11Z"}`)
	f(Lag{Records: 7, Bytes: 8, Seconds: 1.5, Bound: AtLeast}, `{"records":7,"bytes":8,"seconds":1.5,"bound":"at_least"}`)
	f(RPO{TargetSeconds: 5}, `{"seconds":null,"bound":"unknown","target_seconds":5}`)
	f(RPO{Seconds: 94, Bound: AtLeast}, `{"seconds":94,"bound":"at_least"}`)
}

func TestLagRoundTrip(t *testing.T) {
	for _, l := range []Lag{{Bound: Unknown}, {Records: 3, Bytes: 4, Seconds: 0.25, Bound: AtLeast, AsOf: time.Unix(1e9, 0).UTC()}} {
		b, _ := json.Marshal(l)
		var got Lag
		if err := json.Unmarshal(b, &got); err != nil || got != l {
			t.Errorf("%s: got %+v %v, want %+v", b, got, err, l)
		}
	}
}

func TestHealthy(t *testing.T) {
	f := func(name string, change func(*LinkSummary), want bool) {
		t.Helper()
		l := LinkSummary{State: StateActive, Source: Source{Reachable: true},
			RPO: RPO{Seconds: 1, Bound: Exact, TargetSeconds: 5}, TopicsByState: map[string]int{StateActive: 3}}
		change(&l)
		if got := l.Healthy(); got != want {
			t.Errorf("%s: healthy is %v", name, got)
		}
	}
	f("active", func(*LinkSummary) {}, true)
	f("faulted topic", func(l *LinkSummary) { l.TopicsByState[StateFaulted] = 1 }, false)
	f("paused topic", func(l *LinkSummary) { l.TopicsByState[StatePaused] = 1 }, false)
	f("unreachable", func(l *LinkSummary) { l.Source.Reachable = false }, false)
	f("over target", func(l *LinkSummary) { l.RPO.Seconds = 5.1 }, false)
	f("unknown against a target", func(l *LinkSummary) { l.RPO.Bound = Unknown }, false)
	f("unknown without a target", func(l *LinkSummary) { l.RPO = RPO{} }, true)
	f("paused", func(l *LinkSummary) { l.State = StatePaused }, false)
	f("failing over", func(l *LinkSummary) { l.State = StateFailingOver }, false)
	f("failed over, source gone", func(l *LinkSummary) { l.State = StateFailedOver; l.Source.Reachable = false }, true)
}

func TestJudge(t *testing.T) {
	s := Status{Links: []LinkSummary{{State: StateFailedOver}}}
	if s.Judge(); !s.Healthy {
		t.Error("one link that did its work is not healthy")
	}
	s.Problems = []Reason{{Code: "disk_full"}}
	if s.Judge(); s.Healthy {
		t.Error("a full disk is healthy")
	}
	s = Status{Links: []LinkSummary{{State: StateFailedOver}, {State: StatePaused}}}
	if s.Judge(); s.Healthy {
		t.Error("a paused link is healthy")
	}
}
