package report

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Check reports every figure and chart that cannot be compared or drawn: an
// unknown direction or kind, a name twice, numbers that are none.
func (d *Document) Check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	names := map[string]bool{}
	for _, f := range d.Figures {
		switch {
		case f.Name == "" || strings.ContainsAny(f.Name, " \t\n"):
			wrong("figure %q: want a path without blanks as its name", f.Name)
		case names[f.Name]:
			wrong("figure %q is there twice", f.Name)
		case !slices.Contains([]string{"", Less, More}, f.Better):
			wrong("figure %q: better is %q; want %q, %q or nothing", f.Name, f.Better, Less, More)
		case !finite(f.Value) || !finite(f.Low) || !finite(f.High):
			wrong("figure %q is %v, from %v to %v", f.Name, f.Value, f.Low, f.High)
		case f.Spread() && (f.Low > f.Value || f.Value > f.High):
			wrong("figure %q: %v is not between its low %v and high %v", f.Name, f.Value, f.Low, f.High)
		}
		names[f.Name] = true
	}
	ids := map[string]bool{}
	for _, c := range d.Charts {
		if ids[c.ID] {
			wrong("chart %q is there twice", c.ID)
		}
		ids[c.ID] = true
		if err := c.check(); err != nil {
			wrong("chart %q: %w", c.ID, err)
		}
	}
	return errors.Join(errs...)
}

func (c *Chart) check() error {
	if !slices.Contains([]string{Bars, Lines, Quantiles}, c.Kind) {
		return fmt.Errorf("kind is %q; want %q, %q or %q", c.Kind, Bars, Lines, Quantiles)
	}
	for _, s := range c.Series {
		along, what := len(s.X), "x"
		if c.Kind == Bars {
			along, what = len(s.Labels), "labels"
		}
		switch {
		case along != len(s.Y):
			return fmt.Errorf("series %q has %d %s for %d y", s.Name, along, what, len(s.Y))
		case len(s.Low) != len(s.High) || len(s.Low) != 0 && len(s.Low) != len(s.Y):
			return fmt.Errorf("series %q has %d low and %d high for %d y", s.Name, len(s.Low), len(s.High), len(s.Y))
		}
		for _, v := range slices.Concat(s.X, s.Y, s.Low, s.High) {
			if !finite(v) {
				return fmt.Errorf("series %q holds %v", s.Name, v)
			}
		}
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
