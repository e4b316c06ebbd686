package spec

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func valid() Definition {
	return Definition{Name: "dr", Bootstrap: []string{"a:9092"}, Filter: Filter{Include: []Pattern{{Glob, "*"}}}}.WithDefaults()
}

func TestDefinitionDefaultsAreValid(t *testing.T) {
	d := valid()
	if err := d.Validate(); err != nil {
		t.Fatal(err)
	}
	if d.Start.Kind != StartEarliest || d.Options.ClientID != "umbra-link-dr" || d.Options.PartitionMaxBytes != 64<<20 {
		t.Fatalf("defaults: %+v", d)
	}
	d.Options.FetchMaxBytes, d.Options.PartitionMaxBytes = 1<<20, 0
	if d = d.WithDefaults(); d.Options.PartitionMaxBytes != 1<<20 {
		t.Fatalf("partition default %d must not exceed the fetch bound", d.Options.PartitionMaxBytes)
	}
}

func TestDefinitionReportsEveryFault(t *testing.T) {
	d := Definition{Name: "-x", Bootstrap: []string{"a", "b:0", "c:1", "c:1"},
		Filter: Filter{Include: []Pattern{{Literal, "__consumer_offsets"}, {Prefix, "a*"}}},
		Start:  Start{Kind: StartTimestamp}, Options: Options{FetchMaxBytes: 1, RPOTarget: -1}}
	err := d.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"must begin with", `"a": want host:port`, `port "0"`, "listed twice", "belongs to each cluster",
		"only allowed in a glob", "timestamp needs a time", `fetch_max_bytes: "1B" is outside 64KiB to 1GiB`, `rpo_target: "-1ns" is outside 0s to 30d`, "metadata_refresh"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
}

func TestNameRules(t *testing.T) {
	f := func(name string, ok bool) {
		t.Helper()
		if err := ValidateName(name); (err == nil) != ok {
			t.Errorf("ValidateName(%q) = %v", name, err)
		}
	}
	f("dr-east_1.x", true)
	f("9", true)
	f("", false)
	f(".x", false)
	f("a b", false)
	f("a/b", false)
	f("ä", false)
	f(strings.Repeat("a", NameLengthMax), true)
	f(strings.Repeat("a", NameLengthMax+1), false)
}

func TestStartRoundTrip(t *testing.T) {
	for _, s := range []string{"earliest", "latest", "2026-01-31T08:00:00Z"} {
		got, err := ParseStart(s)
		if err != nil || got.String() != s || got.Validate() != nil {
			t.Errorf("ParseStart(%q) = %v, %v", s, got, err)
		}
	}
	if _, err := ParseStart("yesterday"); err == nil {
		t.Error("accepted yesterday")
	}
}

func TestPatternForms(t *testing.T) {
	f := func(in string, want Pattern, text string) {
		t.Helper()
		p, err := ParsePattern(in)
		if err != nil || p != want || p.String() != text {
			t.Errorf("ParsePattern(%q) = %+v %q, %v", in, p, p, err)
		}
		if back, err := ParsePattern(p.String()); err != nil || back != p {
			t.Errorf("%q does not round-trip: %+v %v", p, back, err)
		}
	}
	f("orders", Pattern{Literal, "orders"}, "orders")
	f("literal:orders", Pattern{Literal, "orders"}, "orders")
	f("orders*", Pattern{Glob, "orders*"}, "orders*")
	f("o?", Pattern{Glob, "o?"}, "o?")
	f("glob:orders", Pattern{Glob, "orders"}, "glob:orders")
	f("prefix:or", Pattern{Prefix, "or"}, "prefix:or")
	for _, bad := range []string{"", "prefix:", "regex:a", "a b", "prefix:a*", "literal:a?", "ä", strings.Repeat("x", 250)} {
		if p, err := ParsePattern(bad); err == nil {
			t.Errorf("ParsePattern(%q) accepted as %+v", bad, p)
		}
	}
	ps, err := ParsePatterns("orders*, pay")
	if err != nil || len(ps) != 2 || ps[1].Text != "pay" {
		t.Errorf("ParsePatterns: %v %v", ps, err)
	}
	if _, err := ParsePatterns("a,,b"); err == nil {
		t.Error("empty item accepted")
	}
}

func TestGlobAgreesWithRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*?]{1,10}`).Draw(t, "pattern")
		s := rapid.StringMatching(`[ab]{0,14}`).Draw(t, "s")
		re := "^" + strings.NewReplacer("*", ".*", "?", ".").Replace(pattern) + "$"
		if got, want := globMatch(pattern, s), regexp.MustCompile(re).MatchString(s); got != want {
			t.Fatalf("globMatch(%q, %q) = %v, regexp says %v", pattern, s, got, want)
		}
	})
}

func TestFilterMatches(t *testing.T) {
	parse := func(list string) []Pattern {
		if list == "" {
			return nil
		}
		ps, err := ParsePatterns(list)
		if err != nil {
			t.Fatal(err)
		}
		return ps
	}
	f := func(include, exclude, topic string, want bool, why string) {
		t.Helper()
		got, w := Filter{parse(include), parse(exclude)}.Matches(topic)
		if got != want || !strings.Contains(w, why) {
			t.Errorf("include %q exclude %q topic %q: %v, %q", include, exclude, topic, got, w)
		}
	}
	f("orders*", "", "orders", true, `glob "orders*"`)
	f("orders*", "", "my-orders", false, "no include")
	f("orders*", "*-tmp", "orders-tmp", false, `excluded by glob "*-tmp"`)
	f("orders-tmp", "*-tmp", "orders-tmp", false, "excluded")
	f("*", "", "__internal", false, "internal")
	f("prefix:__i", "", "__internal", false, "internal")
	f("__internal", "", "__internal", true, "literal")
	f("__internal", "__*", "__internal", false, "excluded")
	f("__consumer_offsets", "", "__consumer_offsets", false, "each cluster")
	f("*", "", "_schemas", true, "glob")
	f("p?y", "", "pay", true, "glob")
	f("p?y", "", "py", false, "no include")
}

func TestTransitionTable(t *testing.T) {
	// Rows are states, columns events in the order of their constants.
	want := map[TopicState][6]TopicState{
		Active:      {Paused, Active, Faulted, FailingOver, 0, 0},
		Paused:      {Paused, Active, Faulted, FailingOver, 0, 0},
		Faulted:     {Paused, Active, Faulted, FailingOver, 0, 0},
		FailingOver: {0, 0, 0, FailingOver, FailedOver, 0},
		FailedOver:  {0, 0, 0, FailedOver, FailedOver, Active},
	}
	for _, s := range States() {
		for e := EventPause; e <= EventResync; e++ {
			got, err := Next(s, e)
			w := want[s][e-1]
			if w == 0 {
				if !errors.Is(err, ErrTransition) || got != s {
					t.Errorf("%v in %v: %v, %v; want refusal", e, s, got, err)
				}
			} else if err != nil || got != w {
				t.Errorf("%v in %v: %v, %v; want %v", e, s, got, err, w)
			}
		}
		if s.Writable() != (s == FailedOver) {
			t.Errorf("%v.Writable() = %v", s, s.Writable())
		}
	}
}

func TestEveryStateCanFailOver(t *testing.T) {
	for _, s := range States() {
		if _, err := Next(s, EventFailover); err != nil {
			t.Errorf("%v: %v", s, err)
		}
	}
}

func TestFailoverAdvancesOneByOne(t *testing.T) {
	p := FailoverProgress{Step: FailoverDecided}
	for _, s := range FailoverSteps()[1:] {
		if _, err := p.Advance(s + 1); err == nil {
			t.Fatalf("skipped %v", s)
		}
		next, err := p.Advance(s)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := next.Advance(s); err != nil || again.Step != s {
			t.Fatalf("repeat of %v: %v", s, err)
		}
		if _, err := next.Advance(p.Step); err == nil {
			t.Fatalf("went back from %v", s)
		}
		if n, ok := p.Step.Next(); !ok || n != s {
			t.Fatalf("%v.Next() = %v", p.Step, n)
		}
		p = next
	}
	if _, ok := p.Step.Next(); ok {
		t.Fatal("a step after the last")
	}
}

func TestReasonTableIsComplete(t *testing.T) {
	seen := map[Code]bool{}
	for _, i := range Codes() {
		if seen[i.Code] || i.Title == "" || !strings.HasSuffix(i.Remedy, ".") {
			t.Errorf("bad entry %+v", i)
		}
		if i.LinkWide && i.Faulting {
			t.Errorf("%s cannot be both link-wide and faulting a topic", i.Code)
		}
		seen[i.Code] = true
	}
	if got := Code("NEWER").Info(); !got.Faulting || got.Title == "" {
		t.Errorf("unknown code: %+v", got)
	}
	r := Reason{Code: OldMessageFormat, Detail: "partition 3 offset 7"}
	if !strings.Contains(r.String(), "partition 3") || (Reason{}).String() != "" {
		t.Errorf("String: %q", r)
	}
}

func TestLinkJSONRoundTrip(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := Link{Definition: valid(), ID: "x", Created: at, Reason: Reason{Code: SourceUnreachable, Since: at}}
	l.Filter.Exclude = []Pattern{{Prefix, "tmp"}}
	b, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var back Link
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	b2, _ := json.Marshal(back)
	if string(b) != string(b2) || back.Filter.Exclude[0].Kind != Prefix || back.Reason != l.Reason {
		t.Fatalf("%s\n%s", b, b2)
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"a", "a*", "prefix:a", "glob:a", "literal:x", "?", "a:b"} {
		f.Add(s, "abc")
	}
	f.Fuzz(func(t *testing.T, s, topic string) {
		p, err := ParsePattern(s)
		if err != nil {
			return
		}
		back, err := ParsePattern(p.String())
		if err != nil || back.Match(topic) != p.Match(topic) || back.String() != p.String() {
			t.Fatalf("%q -> %+v -> %+v, %v", s, p, back, err)
		}
	})
}
