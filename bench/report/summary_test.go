package report

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"umbra/bench/golden"
)

func runs() []Run {
	a, b := before(), before()
	for _, d := range []*Document{&a, &b} {
		d.Env.FileSystem, d.Env.Go, d.Env.MemoryGiB = "ext4", "go1.26.0", 24
	}
	a.Figures[0].Target = ptr(2.5)
	a.Figures[1].Target, a.Figures[1].Dirty = ptr(1.5), true
	a.Figures[2].Target = ptr(2)
	a.Figures[5].Dirty = true
	b.Schema, b.Env.Kernel, b.Env.Modified = "umbra-bench/rpo/1", "6.2.0", true
	b.Figures = []Figure{{Name: "rpo/a|b_c", Unit: "ms", Better: Less, Value: 1234.5, Low: -2, High: 2000, Samples: 3, Target: ptr(10_000)},
		{Name: "rpo/kafka/idle/difference_p50", Unit: "ms", Better: Less, Value: 0.3, Samples: 1, Target: ptr(0.5)},
		{Name: "rpo/kafka/idle/difference_p99", Unit: "ms", Better: Less, Value: 2.5, Samples: 1, Target: ptr(2), Dirty: true},
		{Name: "peers/1024/follower_over_umbra", Unit: "x", Better: More, Value: 3, Samples: 1, Target: ptr(2.5)}}
	c := b
	c.Figures = nil
	return []Run{{"bench/results/link.json", &a}, {"bench/results/rpo.json", &b}, {"bench/results/soak.json", &c}}
}

func TestSummaryGolden(t *testing.T) {
	var b strings.Builder
	if err := Summary(&b, runs(), true); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "summary.txt", b.String())
}

func TestMarkdownGolden(t *testing.T) {
	golden.Check(t, "summary.md", Markdown(runs(), false))
}

func TestFill(t *testing.T) {
	const readme = "# x\n\n" + MarkBegin + "\nold\n" + MarkEnd + "\n\nrest\n"
	got, err := Fill(readme, "new\n")
	if want := strings.Replace(readme, "old", "new", 1); err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if again, err := Fill(got, "new\n"); err != nil || again != got {
		t.Errorf("again: %q, %v", again, err)
	}
	for _, bad := range []string{"", MarkBegin, MarkEnd + MarkBegin} {
		if _, err := Fill(bad, "x"); !errors.Is(err, ErrNoMarks) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// The table in README.md is what the committed reports give: run
// `umbra-bench report --readme README.md bench/results/*.json` after a change.
func TestREADMEHoldsTheCommittedFigures(t *testing.T) {
	root := filepath.Join("..", "..")
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _, err := Between(string(readme))
	if err != nil {
		t.Fatalf("README.md has no table of figures: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(root, "bench", "results", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("README.md has a table of figures and there are no reports: %v", err)
	}
	// In the order of their rows; below them files are named by machine.
	inTable := func(f string) int {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		if row := strings.Index(table, "| "+name+"/"); row >= 0 {
			return row
		}
		return strings.Index(table, filepath.Base(f))
	}
	slices.SortFunc(files, func(a, b string) int { return inTable(a) - inTable(b) })
	var all []Run
	for _, f := range files {
		doc, _, err := Read(f)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Run{filepath.ToSlash(name), doc})
	}
	if want := "\n" + Markdown(all, false); table != want {
		t.Errorf("README.md differs from bench/results; run umbra-bench report --readme README.md bench/results/*.json. It has:\n%s\nwant:\n%s", table, want)
	}
}
