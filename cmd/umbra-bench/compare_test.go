package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"umbra/bench/report"
)

// reportFile writes a report with one figure.
func reportFile(t *testing.T, schema string, value float64) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	doc := report.Document{Head: report.Head{Schema: schema, Umbra: "umbra 0.1.0"},
		Figures: []report.Figure{{Name: "link/ratio", Unit: "x", Better: report.Less, Value: value, Low: value, High: value, Samples: 3}}}
	if err := report.Write(file, doc); err != nil {
		t.Fatal(err)
	}
	return file
}

// umbraBench runs a command line of this program.
func umbraBench(t *testing.T, args ...string) (out string, status int, err error) {
	t.Helper()
	var b bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&b)
	if err = root.ExecuteContext(context.Background()); err != nil {
		status = exitCode(err)
	}
	return b.String(), status, err
}

func TestCompare(t *testing.T) {
	const link = "umbra-bench/link/1"
	two, three := reportFile(t, link, 2), reportFile(t, link, 3)
	if out, _, err := umbraBench(t, "compare", two, three); !errors.Is(err, gotWorse(1)) || exitCode(err) != 1 || !strings.Contains(out, "worse") || !strings.Contains(out, "+50.0%") {
		t.Errorf("3 after 2: %v\n%s", err, out)
	}
	if out, _, err := umbraBench(t, "compare", three, two); err != nil || !strings.Contains(out, "better") {
		t.Errorf("2 after 3: %v\n%s", err, out)
	}
	if _, _, err := umbraBench(t, "compare", two, three, "--noise", "60"); err != nil {
		t.Errorf("within a noise of 60%%: %v", err)
	}
	out, _, err := umbraBench(t, "compare", two, three, "-o", "json")
	var c report.Comparison
	if json.Unmarshal([]byte(out), &c) != nil || c.Worse != 1 || c.B.File != three || err == nil {
		t.Errorf("as JSON: %v\n%s", err, out)
	}
}

// What could not be compared is told apart from what got worse.
func TestCompareFaults(t *testing.T) {
	link, rpo := reportFile(t, "umbra-bench/link/1", 2), reportFile(t, "umbra-bench/rpo/1", 2)
	for want, args := range map[string][]string{
		"same bench":     {link, rpo},
		"no such file":   {link, "none.json"},
		`-o "yaml"`:      {link, link, "-o", "yaml"},
		"less than 100":  {link, link, "--noise", "100"},
		"umbra-bench/x/": {link, reportFile(t, "umbra-bench/x/9", 1)},
	} {
		if _, status, err := umbraBench(t, append([]string{"compare"}, args...)...); err == nil || status != 2 || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: status %d, %v; want 2 and %q", args, status, err, want)
		}
	}
}
