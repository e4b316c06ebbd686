package page

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"umbra/bench/golden"
	"umbra/bench/report"
)

func render(t *testing.T, sources []Source) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, sources); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// drawings are the SVG elements of a page.
func drawings(page string) []string {
	return regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1)
}

// outline is the page without its style, and of each drawing what is in it.
func outline(page string) string {
	page = regexp.MustCompile(`(?s)<style>.*?</style>`).ReplaceAllString(page, "<style/>")
	page = regexp.MustCompile(`(?s)<svg.*?</svg>`).ReplaceAllStringFunc(page, func(svg string) string {
		head, _, _ := strings.Cut(svg, ">")
		texts := regexp.MustCompile(`<text[^>]*>([^<]*)</text>`).FindAllStringSubmatch(svg, -1)
		var words []string
		for _, t := range texts {
			words = append(words, t[1])
		}
		return fmt.Sprintf("%s> %d rects, %d paths: %s", head, strings.Count(svg, "<rect"), strings.Count(svg, "<path"), strings.Join(words, " | "))
	})
	var out []string
	for line := range strings.Lines(page) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n") + "\n"
}

func TestPageGolden(t *testing.T) {
	golden.Check(t, "outline.txt", outline(render(t, sample())))
}

// The page needs nothing but itself: no script, and no reference that leaves it.
func TestPageStandsAlone(t *testing.T) {
	page := render(t, sample())
	for _, bad := range []string{"<script", "<link", "<img", "<iframe", "src=", "http:", "https:", "@import", "url(", "onload", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("there is %q in it", bad)
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("id %q is there twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "#") || !ids[m[1][1:]] {
			t.Errorf("it refers to %q", m[1])
		}
	}
}

// Every class a drawing uses has a style, in light and in dark.
func TestClassesHaveStyles(t *testing.T) {
	for _, svg := range drawings(render(t, sample())) {
		for _, m := range regexp.MustCompile(`class="([^"]*)"`).FindAllStringSubmatch(svg, -1) {
			words := strings.Fields(m[1])
			class := words[0]
			if strings.HasPrefix(words[0], "s-") {
				class = "." + words[0] + "." + words[1] + " {"
				color := "--" + words[0][2:] + "-" + words[1][1:] + ":"
				if strings.Count(pageStyle, color) != 2 {
					t.Errorf("%q stands %d times in the style, want once for light and once for dark", color, strings.Count(pageStyle, color))
				}
			}
			if !strings.Contains(pageStyle, class) && class != "name" {
				t.Errorf("no style for %q", class)
			}
		}
	}
}

func TestDrawingsAreWellFormed(t *testing.T) {
	svgs := drawings(render(t, sample()))
	if len(svgs) < 2*7 {
		t.Fatalf("%d drawings, want two for each of 7 charts", len(svgs))
	}
	for _, svg := range svgs {
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%v in %.300s", err, svg)
				break
			}
		}
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("a place that is none in %.300s", svg)
		}
	}
}

// Text of a report is text, wherever it is shown.
func TestEverythingIsEscaped(t *testing.T) {
	const evil = `"><script>alert(1)</script>`
	d := peers()
	d.Umbra, d.Env.CPU, d.Env.Kernel, d.Env.Commit = evil, evil, evil, evil
	d.Remarks, d.Flags = []string{evil}, map[string]string{evil: evil}
	d.Figures[1].Name, d.Figures[1].Unit = evil, evil
	for i := range d.Charts {
		c := &d.Charts[i]
		c.ID, c.Title, c.Y = evil+fmt.Sprint(i), evil, evil
		for n := range c.Series {
			c.Series[n].Name, c.Series[n].Labels[0] = evil, evil
		}
	}
	l := rpo()
	l.Charts[0].X, l.Charts[0].Series[0].Name = evil, evil
	page := render(t, []Source{{File: evil, Document: d}, {File: evil, Document: l}})
	if strings.Contains(page, "<script") || strings.Contains(page, `"">`) {
		i := strings.Index(page, "<script")
		t.Errorf("markup came through: %.200s", page[max(0, i-100):])
	}
	if n := strings.Count(page, "&lt;script&gt;"); n < 20 {
		t.Errorf("it is shown %d times: the test is broken", n)
	}
}

func TestWriteWithoutReports(t *testing.T) {
	if err := Write(io.Discard, nil); err == nil {
		t.Error("a page of nothing was made")
	}
}

// A report without figures and charts is a page all the same.
func TestPageOfAnEmptyReport(t *testing.T) {
	page := render(t, []Source{{File: "x.json", Document: &report.Document{Head: head("link", 0)}}})
	if !strings.Contains(page, "0 figures from 1 bench (link)") || strings.Contains(page, `id="targets"`) {
		t.Errorf("got %s", outline(page))
	}
}

// Two runs of one bench are told apart by their files.
func TestSectionsOfOneBench(t *testing.T) {
	page := render(t, []Source{{File: "a/link.json", Document: peers()}, {File: "a/grid.json", Document: peers()}, {File: "rpo.json", Document: rpo()}})
	for _, want := range []string{"umbra-bench peers, link.json<", "umbra-bench peers, grid.json<", ">umbra-bench rpo<", `id="peers-cost-2"`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
}

// A page of some charts is these and the machine.
func TestPageOfSomeCharts(t *testing.T) {
	var b strings.Builder
	if err := Write(&b, sample(), "lag", "cost", "gone"); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if n := len(drawings(got)); n != 2*2 {
		t.Errorf("%d drawings, want two of each chart", n)
	}
	for _, want := range []string{`id="rpo-lag" style="order: 0"`, `id="peers-cost" style="order: 1"`, "Example 9000"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, bad := range []string{"umbra-bench peers", "<h2", "<nav", "<table", "<details"} {
		if strings.Contains(got, bad) {
			t.Errorf("there is %q", bad)
		}
	}
	if err := Write(io.Discard, sample(), "gone"); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("no chart: %v", err)
	}
}

// The reports are borrowed.
func TestWriteLeavesReportsAlone(t *testing.T) {
	sources := sample()
	first := render(t, sources)
	if second := render(t, sources); first != second {
		t.Error("the second page differs from the first")
	}
	if sources[0].several {
		t.Error("a source was changed")
	}
}
