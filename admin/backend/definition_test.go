package backend

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"umbra/admin/api"
	"umbra/core/link/spec"
)

func asked() api.LinkDefinition {
	return api.LinkDefinition{Name: "dr", Bootstrap: []string{"a:1", "b:2"}, Topics: []string{"orders*", "prefix:pay"}, Exclude: []string{"*-tmp"}, Start: "latest",
		RPOTargetSeconds: 1.5, Options: map[string]string{"fetch_max_bytes": "8MiB", "client_id": "x"}}
}

func TestDefinitionIsWhatWasAsked(t *testing.T) {
	got, err := definition(asked())
	want := spec.Definition{Name: "dr", Bootstrap: []string{"a:1", "b:2"},
		Filter: spec.Filter{Include: []spec.Pattern{{Kind: spec.Glob, Text: "orders*"}, {Kind: spec.Prefix, Text: "pay"}}, Exclude: []spec.Pattern{{Kind: spec.Glob, Text: "*-tmp"}}},
		Start:  spec.Start{Kind: spec.StartLatest}, Options: spec.Options{FetchMaxBytes: 8 << 20, ClientID: "x", RPOTarget: 1500 * time.Millisecond}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if got, err = definition(api.LinkDefinition{Name: "dr", Bootstrap: []string{"a:1"}, Topics: []string{"x"}}); err != nil || !got.WithDefaults().Start.At.IsZero() || got.Options != (spec.Options{}) {
		t.Errorf("the least there is: %+v, %v", got, err)
	}
}

// What the API shows can be asked for again, and is the same then.
func TestDefinitionRoundTrip(t *testing.T) {
	first, err := definition(asked())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	doc := definitionDoc(first.WithDefaults(), at)
	if doc.CreatedAt != at || doc.RPOTargetSeconds != 1.5 || doc.Options["rpo_target"] != "1500ms" || len(doc.Options) != len(spec.OptionTable()) {
		t.Errorf("doc %+v", doc)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var back api.LinkDefinition
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if again, err := definition(back); err != nil || !reflect.DeepEqual(again, first.WithDefaults()) {
		t.Errorf("%s is read back as %+v, %v", text, again, err)
	}
}

// A target that has no exact form as a number of seconds is no second target.
func TestTargetInSeconds(t *testing.T) {
	for ms := range 3000 {
		target := time.Duration(ms) * time.Millisecond
		d := api.LinkDefinition{Name: "dr", Bootstrap: []string{"a:1"}, Topics: []string{"x"}, RPOTargetSeconds: target.Seconds(),
			Options: map[string]string{"rpo_target": target.String()}}
		if got, err := definition(d); err != nil || got.Options.RPOTarget != target {
			t.Fatalf("%v becomes %v, %v", target, got.Options.RPOTarget, err)
		}
	}
}

func TestDefinitionTellsEveryFault(t *testing.T) {
	d := api.LinkDefinition{Name: "-x", Bootstrap: []string{"a"}, Topics: []string{"ok", "regex:a", "prefix:"}, Exclude: []string{"ä"}, Start: "soon",
		RPOTargetSeconds: -1, Options: map[string]string{"fetch_maxbytes": "1MiB", "backoff_min": "5", "backoff_max": "3h"}}
	_, err := definition(d)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"must begin with", `"a": want host:port`, `unknown kind "regex"`, "pattern is empty", `'Ã' cannot be part`, `"soon" is neither`,
		"did you mean fetch_max_bytes?", `backoff_min: "5" is not a duration`, `backoff_max: "3h" is outside backoff_min to 1h`, `rpo_target: "-1s"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 10 {
		t.Errorf("%d faults are told, want 10:\n%v", n, err)
	}
}

// The target has two spellings; they may be the same and must not differ.
func TestTargetGivenTwice(t *testing.T) {
	d := asked()
	d.Options["rpo_target"] = "1500ms"
	if got, err := definition(d); err != nil || got.Options.RPOTarget != 1500*time.Millisecond {
		t.Errorf("the same twice: %+v, %v", got.Options, err)
	}
	d.Options["rpo_target"] = "2s"
	if _, err := definition(d); err == nil || !strings.Contains(err.Error(), `given twice, as "2s" and as 1.5 seconds`) {
		t.Errorf("two targets: %v", err)
	}
}
