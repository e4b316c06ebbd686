package report

import "testing"

// A verdict says when it cannot be relied on.
func TestJudged(t *testing.T) {
	one := 1.0
	for _, c := range []struct {
		f    Figure
		want string
	}{
		{Figure{Better: Less, Value: 0.5}, ""},
		{Figure{Better: Less, Value: 0.5, Dirty: true}, "dirty"},
		{Figure{Better: Less, Value: 0.5, Target: &one}, "met"},
		{Figure{Better: Less, Value: 0.5, Low: 0.4, High: 0.6, Target: &one}, "met"},
		{Figure{Better: Less, Value: 0.5, Low: 0.4, High: 1.6, Target: &one}, "undecided (met)"},
		{Figure{Better: Less, Value: 1.5, Low: 0.4, High: 1.6, Target: &one}, "undecided (missed)"},
		{Figure{Better: Less, Value: 1.5, Low: 1.4, High: 1.6, Target: &one}, "missed"},
		{Figure{Better: More, Value: 1.5, Low: 0.9, High: 1.6, Target: &one}, "undecided (met)"},
		{Figure{Better: More, Value: 0.5, Low: 0.4, High: 1.6, Target: &one, Dirty: true}, "dirty (missed)"},
		{Figure{Better: More, Value: 1, Low: 1, High: 1, Target: &one}, "met"},
		{Figure{Better: More, Value: 2, Low: 1, High: 3, Target: &one}, "met"},
		{Figure{Better: More, Value: 0.5, Low: 0.4, High: 1, Target: &one}, "undecided (missed)"},
		{Figure{Better: Less, Value: 0.5, Low: 0.4, High: 1, Target: &one}, "met"},
	} {
		if got := c.f.Judged(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
}
