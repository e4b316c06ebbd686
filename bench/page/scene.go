package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Scene is a drawing in its own units, which are pixels where it is shown at full
// width. Items are drawn in order.
type Scene struct {
	Name          string // for who cannot see it
	Width, Height px
	Items         []Item
}

// Item is a rectangle, a path or a text; which is told by the field that is filled.
// Colours come from classes, so that the page's style decides them.
type Item struct {
	Class       string
	X, Y, Width px
	Height      px     // of a rectangle; above 0 makes it one
	Path        string // SVG path data
	Text        string
	Anchor      string // of a text: start, middle, end
	Tip         string // shown where a pointer rests
}

// px is a length; a tenth is as exact as a screen is.
type px float64

func (p px) String() string {
	return strconv.FormatFloat(math.Round(float64(p)*10)/10, 'f', -1, 64)
}

func (s *Scene) rect(class string, x, y, w, h float64, tip string) {
	s.Items = append(s.Items, Item{Class: class, X: px(x), Y: px(y), Width: px(max(w, 0.5)), Height: px(h), Tip: tip})
}

func (s *Scene) text(class, anchor string, x, y float64, text string) {
	s.Items = append(s.Items, Item{Class: class, Anchor: anchor, X: px(x), Y: px(y), Text: text})
}

func (s *Scene) line(class string, x1, y1, x2, y2 float64) {
	s.path(class, fmt.Sprintf("M%v %vL%v %v", px(x1), px(y1), px(x2), px(y2)), "")
}

func (s *Scene) path(class, data, tip string) {
	s.Items = append(s.Items, Item{Class: class, Path: data, Tip: tip})
}

// textsLast draws texts over all else.
func (s *Scene) textsLast() {
	slices.SortStableFunc(s.Items, func(a, b Item) int {
		return cmp.Compare(min(1, len(a.Text)), min(1, len(b.Text)))
	})
}

// polyline is the path through points.
func polyline(xs, ys []float64) string {
	var b strings.Builder
	for i := range xs {
		op := "L"
		if i == 0 {
			op = "M"
		}
		fmt.Fprintf(&b, "%s%v %v", op, px(xs[i]), px(ys[i]))
	}
	return b.String()
}

// letter is how wide a letter of the small type is, about: fonts differ.
const letter = 6.9

// widthOf is how wide a text of the small type is, about.
func widthOf(text string) float64 { return letter * float64(utf8.RuneCountInString(text)) }

// legend draws a swatch and a name for each entry from y on, in as many rows as it
// takes, and returns where it ends.
func (s *Scene) legend(entries []entry, x, y float64) float64 {
	if len(entries) == 0 {
		return y
	}
	at := x
	for _, e := range entries {
		need := 18 + widthOf(e.name) + 14
		if at > x && at+need > float64(s.Width) {
			at, y = x, y+18
		}
		if e.line {
			s.line(e.class, at, y+6, at+13, y+6)
		} else {
			s.rect(e.class, at, y+1, 11, 11, "")
		}
		s.text("name", "start", at+18, y+10.5, e.name)
		at += need
	}
	return y + 24
}

// entry is a line of a legend.
type entry struct {
	class, name string
	line        bool // drawn as a stroke
}
