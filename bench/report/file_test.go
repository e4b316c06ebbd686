package report

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"umbra/bench/measure"
)

func ptr(v float64) *float64 { return &v }

// whole is a report of a command with fields of its own.
type whole struct {
	Document
	Cases []string `json:"cases"`
}

func document() Document {
	return Document{
		Head:    Head{Schema: "umbra-bench/link/1", Started: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Umbra: "umbra 0.1.0", Rule: measure.DefaultRule(), Flags: map[string]string{"seed": "1"}},
		Figures: []Figure{{Name: "link/ratio", Unit: "x", Better: Less, Value: 2, Low: 1.9, High: 2.2, Samples: 5, Target: ptr(2.5)}},
		Charts: []Chart{{ID: "cost", Title: "CPU per GiB", Kind: Bars, Y: "CPU-s/GiB", Limit: ptr(0.25),
			Series: []Series{{Name: "umbra", Labels: []string{"1 KiB"}, Y: []float64{0.5}, Low: []float64{0.4}, High: []float64{0.6}}}}},
		Remarks: []string{"a remark"},
	}
}

func TestWriteAndRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "link.json")
	want := whole{document(), []string{"one"}}
	if err := Write(file, want); err != nil {
		t.Fatal(err)
	}
	doc, raw, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*doc, want.Document) {
		t.Errorf("got %+v\nwant %+v", *doc, want.Document)
	}
	if doc.Command() != "link" || !strings.Contains(string(raw), `"cases"`) {
		t.Errorf("command %q, raw %s", doc.Command(), raw)
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
		t.Errorf("left beside it: %v, %v", left, err)
	}
}

func TestReadRefuses(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "x.json")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, err := Read(file)
		if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	f(`not json`, "invalid character")
	f(`{}`, `no "schema"`)
	f(`{"schema": "other/link/1"}`, `"other/link/1"; want umbra-bench/COMMAND/N`)
	f(`{"schema": "umbra-bench/link"}`, "COMMAND/N")
	f(`{"schema": "umbra-bench//1"}`, "COMMAND/N")
	f(`{"schema": "umbra-bench/link/0"}`, "COMMAND/N")
	f(`{"schema": "umbra-bench/link/x"}`, "COMMAND/N")
	f(`{"schema": "umbra-bench/link/3"}`, "use a newer umbra-bench")
	if _, _, err := Read(filepath.Join(t.TempDir(), "none.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestWriteKeepsTheOldFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.json")
	if err := WriteFile(file, []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, math.NaN()); err == nil {
		t.Error("NaN was written")
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "old" {
		t.Errorf("afterwards: %q, %v", text, err)
	}
	if err := Write(filepath.Join(file, "y.json"), 1); err == nil {
		t.Error("a file below a file was written")
	}
}

func TestCheck(t *testing.T) {
	good := document()
	if err := good.Check(); err != nil {
		t.Errorf("a good one: %v", err)
	}
	f := func(want string, spoil func(*Document)) {
		t.Helper()
		d := document()
		spoil(&d)
		if err := d.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	figure := func(change func(*Figure)) func(*Document) { return func(d *Document) { change(&d.Figures[0]) } }
	series := func(change func(*Series)) func(*Document) {
		return func(d *Document) { change(&d.Charts[0].Series[0]) }
	}
	f("without blanks", figure(func(f *Figure) { f.Name = "a b" }))
	f(`"link/ratio" is there twice`, func(d *Document) { d.Figures = append(d.Figures, d.Figures[0]) })
	f(`better is "lower"`, figure(func(f *Figure) { f.Better = "lower" }))
	f("not between its low 3 and high 4", figure(func(f *Figure) { f.Low, f.High = 3, 4 }))
	f("NaN", figure(func(f *Figure) { f.Value = math.NaN() }))
	f(`"cost" is there twice`, func(d *Document) { d.Charts = append(d.Charts, d.Charts[0]) })
	f(`kind is "pie"`, func(d *Document) { d.Charts[0].Kind = "pie" })
	f("2 labels for 1 y", series(func(s *Series) { s.Labels = []string{"a", "b"} }))
	f("1 low and 0 high", series(func(s *Series) { s.High = nil }))
	f("holds +Inf", series(func(s *Series) { s.Y[0] = math.Inf(1) }))
	f("0 x for 1 y", func(d *Document) { d.Charts[0].Kind = Lines })
}

func TestMet(t *testing.T) {
	f := func(better string, value float64, target *float64, met, ok bool) {
		t.Helper()
		g := Figure{Better: better, Value: value, Target: target}
		if m, o := g.Met(); m != met || o != ok {
			t.Errorf("%s %v against %v: %v, %v", better, value, target, m, o)
		}
	}
	f(Less, 2, ptr(2), true, true)
	f(Less, 2.01, ptr(2), false, true)
	f(More, 2, ptr(2), true, true)
	f(More, 1.99, ptr(2), false, true)
	f(Less, 2, nil, false, false)
	f("", 2, ptr(2), false, false)
}

func TestRemarksAndDisturbance(t *testing.T) {
	var r Remarks
	r.Say("a %d", 1)
	r.Say("b")
	r.Say("a %d", 1)
	r.Place(measure.Env{FileSystem: "ext4"})
	if got := r.Lines(); !reflect.DeepEqual(got, []string{"a 1", "b"}) {
		t.Errorf("lines: %q", got)
	}
	var b strings.Builder
	(&Remarks{}).Write(&b)
	if b.Len() > 0 {
		t.Errorf("no remarks: %q", b.String())
	}
	if r.Write(&b); b.String() != "\na 1\nb\n" {
		t.Errorf("written: %q", b.String())
	}

	var d Disturbance
	d.Look("round 1", &measure.Window{Wall: time.Second})
	if d.Dirty() || d.String() != "" {
		t.Errorf("a clean window: %v", &d)
	}
	d.Look("round 2", &measure.Window{Wall: time.Second, Other: 500 * time.Millisecond, Noise: []string{"x"}}, &measure.Window{Wall: time.Second, Noise: []string{"y"}})
	d.Look("delay", &measure.Window{Wall: time.Second, Cores: 2, Steal: time.Second, Noise: []string{"z"}})
	if got, want := d.String(), "dirty are round 2, delay: others used up to 0.50 cores, the hypervisor up to 50%"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTextHelpers(t *testing.T) {
	var b strings.Builder
	w := Columns(&b)
	for _, line := range []string{"NAME\tVALUE\t\n", "a\t1\t\n"} {
		if _, err := w.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := WriteLines(&out, b.String()); err != nil {
		t.Fatal(err)
	}
	if want := "NAME  VALUE\na     1\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if got := Verdict(false, true); got != "missed, but the machine was disturbed" {
		t.Errorf("verdict %q", got)
	}
}
