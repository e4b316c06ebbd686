package page

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"umbra/bench/report"
)

// The widths charts are laid out for; the page shows the one that fits.
const (
	wideWidth   = 600.0
	narrowWidth = 320.0
)

//go:embed page.html.tmpl
var pageTemplate string

//go:embed page.css
var pageStyle string

// Source is one report and the name of its file.
type Source struct {
	File string
	*report.Document
	several bool // of the same bench
}

// name is the heading of a source.
func (s *Source) name() string {
	if s.several {
		return fmt.Sprintf("umbra-bench %s, %s", s.Command(), filepath.Base(s.File))
	}
	return "umbra-bench " + s.Command()
}

// tellApart marks sources of the same bench, in a copy.
func tellApart(sources []Source) []Source {
	n := map[string]int{}
	for _, s := range sources {
		n[s.Command()]++
	}
	out := slices.Clone(sources)
	for i := range out {
		out[i].several = n[out[i].Command()] > 1
	}
	return out
}

// view is what the template shows.
type view struct {
	Title, Lead string
	Style       template.CSS // our own
	Tally       []pill
	Machine     []pair
	Targets     []figure
	Sections    []section
	Rule        string
	Files       []string
}

type pair struct{ Name, Value string }

type pill struct{ Class, Text string }

// section is one report.
type section struct {
	ID, Name, When string
	Remarks        []string
	charts         []chart
	Columns        [][]chart // the same, beside each other where there is room
	Figures        []figure
	Run            []pair
}

type chart struct {
	name         string // in the report
	ID, Title    string
	Order        int // in the report
	Wide, Narrow Scene
}

// Write writes the page of the reports, in their order. Where only names charts, by
// their IDs, the page is these and the machine. It borrows the reports.
func Write(w io.Writer, sources []Source, only ...string) error {
	if len(sources) == 0 {
		return errors.New("make a page: want at least one report")
	}
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		panic("BUG: the page's template: " + err.Error())
	}
	v := look(sources)
	if len(only) > 0 {
		if v.pick(only); len(v.Sections) == 0 {
			return fmt.Errorf("make a page: none of these reports has one of the charts %s", strings.Join(only, ", "))
		}
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("make a page: %w", err)
	}
	return nil
}

// look gathers what the page shows.
func look(sources []Source) *view {
	v := &view{Title: "umbra, measured", Style: template.CSS(pageStyle)}
	p := &palette{}
	ids := names{}
	figures := 0
	sources = tellApart(sources)
	for _, s := range sources {
		v.Files = append(v.Files, s.File)
		v.Sections = append(v.Sections, sectionOf(s, p, ids))
		figures += len(s.Figures)
		for i := range s.Figures {
			if s.Figures[i].Target != nil {
				v.Targets = append(v.Targets, figureOf(&s.Figures[i]))
			}
		}
	}
	v.Machine = machine(sources)
	v.Tally = tally(sources)
	v.Rule = rule(sources)
	v.Lead = fmt.Sprintf("%s from %s, taken %s.", count(figures, "figure"), benches(sources), days(sources))
	return v
}

// pick leaves the charts that are asked for, in that order.
func (v *view) pick(only []string) {
	var charts []chart
	for _, name := range only {
		for _, s := range v.Sections {
			for _, c := range s.charts {
				if c.name == name {
					c.Order = len(charts)
					charts = append(charts, c)
				}
			}
		}
	}
	v.Targets, v.Sections = nil, nil
	if len(charts) > 0 {
		v.Sections = []section{{ID: "charts", Columns: columns(charts)}}
	}
}

func sectionOf(s Source, p *palette, ids names) section {
	out := section{Name: s.name(), Remarks: s.Remarks}
	out.ID = ids.fresh(s.Command())
	out.When = fmt.Sprintf("%s, %s long, seed %d. %s", s.Started.UTC().Format("2 Jan 2006 15:04 UTC"), duration(s.Seconds), s.Seed, s.Umbra)
	for i := range s.Charts {
		c := &s.Charts[i]
		if !drawable(c) {
			continue
		}
		colors := p.chart()
		out.charts = append(out.charts, chart{name: c.ID, ID: ids.fresh(s.Command() + "-" + strings.TrimPrefix(c.ID, s.Command()+"-")), Title: c.Title, Order: i,
			Wide: layOut(c, wideWidth, colors), Narrow: layOut(c, narrowWidth, colors)})
	}
	out.Columns = columns(out.charts)
	for i := range s.Figures {
		out.Figures = append(out.Figures, figureOf(&s.Figures[i]))
	}
	out.Run = append(out.Run, pair{"file", s.File}, pair{"schema", s.Schema})
	for _, name := range sortedKeys(s.Flags) {
		if s.Flags[name] != "" {
			out.Run = append(out.Run, pair{"--" + name, s.Flags[name]})
		}
	}
	return out
}

// columns puts each chart under the shorter of two columns.
func columns(charts []chart) [][]chart {
	if len(charts) == 0 {
		return nil
	}
	const around = 60 // title and edges of a chart
	out := make([][]chart, 2)
	var heights [2]float64
	for _, c := range charts {
		n := 0
		if heights[1] < heights[0] {
			n = 1
		}
		out[n] = append(out[n], c)
		heights[n] += float64(c.Wide.Height) + around
	}
	return out
}

// drawable says whether a chart has anything on it.
func drawable(c *report.Chart) bool {
	return slices.ContainsFunc(c.Series, func(s report.Series) bool { return len(s.Y) > 0 })
}

// names makes names within a page that are there once.
type names map[string]int

func (n names) fresh(name string) string {
	id := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, name)
	n[id]++
	if n[id] > 1 {
		return fmt.Sprintf("%s-%d", id, n[id])
	}
	return id
}

func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
