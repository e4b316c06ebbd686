package report

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// Median is the median of values, which it borrows, and their ends; all 0 of none.
func Median(values []float64) (median, low, high float64) {
	n := len(values)
	if n == 0 {
		return 0, 0, 0
	}
	s := slices.Sorted(slices.Values(values))
	return (s[(n-1)/2] + s[n/2]) / 2, s[0], s[n-1]
}

// Number is v for a person: three digits that count, never an exponent, thousands
// set apart by commas; a whole number is shown as one.
func Number(v float64) string {
	a := math.Abs(v)
	switch {
	case !finite(v):
		return "-"
	case a >= 100 || v == math.Trunc(v):
		return humanize.Commaf(math.Round(v))
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	places := 3
	if a < 0.1 {
		places = min(12, 2-int(math.Floor(math.Log10(a))))
	}
	text := strconv.FormatFloat(v, 'f', places, 64)
	if strings.Trim(text, "-0.") == "" {
		return "0"
	}
	return text
}

// Span is from the least of values to the greatest, for a title: "0.5 to 2", or one
// number where both read alike.
func Span(values []float64) string {
	_, low, high := Median(values)
	a, b := Number(low), Number(high)
	if a == b {
		return a
	}
	return a + " to " + b
}

// FileName is a name as a part of a file's or a chart's: small letters and digits stay,
// the rest becomes a dash.
func FileName(name string) string {
	return strings.Map(func(r rune) rune {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return '-'
		}
		return r
	}, name)
}

// Range is the spread of a figure for a person, low to high; empty where there is
// none, or it is not known.
func (f *Figure) Range() string {
	if f.Low == f.High {
		return ""
	}
	return Number(f.Low) + "-" + Number(f.High)
}
