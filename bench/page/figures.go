package page

import (
	"fmt"
	"strings"

	"umbra/bench/report"
)

// figure is a row of a table of figures.
type figure struct {
	Path           []string // the name, cut where a line may end
	Value, Unit    string
	Spread, Target string
	Verdict, Class string
	Bullet         *Scene
}

func figureOf(f *report.Figure) figure {
	out := figure{Path: strings.SplitAfter(f.Name, "/"), Value: report.Number(f.Value), Unit: f.Unit}
	out.Spread = fmt.Sprintf("n %d", f.Samples)
	if f.Low != f.High {
		out.Spread = report.Number(f.Low) + "–" + report.Number(f.High) + ", " + out.Spread
	}
	if f.Target != nil {
		out.Target, out.Bullet = f.Goal(), bullet(f)
	}
	out.Verdict, out.Class = f.Judged(), class(f)
	return out
}

// class is the class of a figure's verdict: met, missed, undecided, dirty or none.
func class(f *report.Figure) string {
	word, _, _ := strings.Cut(f.Judged(), " ")
	return word
}

// bullet is the value as a bar and its target as a mark.
func bullet(f *report.Figure) *Scene {
	const width, height = 150.0, 12.0
	if f.Value < 0 || *f.Target < 0 {
		return nil
	}
	s := &Scene{Name: fmt.Sprintf("%s of %s", report.Number(f.Value), round(*f.Target)), Width: px(width), Height: px(height)}
	end := 1.1 * max(f.Value, *f.Target, f.High)
	if end == 0 {
		end = 1
	}
	s.rect("track", 0, 0, width, height, "")
	s.rect("s-umbra v0 bar", 0, 2, width*f.Value/end, height-4, "")
	x := width * *f.Target / end
	s.line("target", x, -1, x, height+1)
	return s
}
