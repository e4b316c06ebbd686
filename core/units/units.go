package units

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// unit is a suffix and what it multiplies by.
type unit struct {
	name   string
	factor float64
}

func sizeUnits() []unit {
	return []unit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}}
}

func durationUnits() []unit {
	return []unit{{"d", float64(24 * time.Hour)}, {"h", float64(time.Hour)}, {"ms", float64(time.Millisecond)}, {"m", float64(time.Minute)},
		{"us", float64(time.Microsecond)}, {"µs", float64(time.Microsecond)}, {"ns", 1}, {"s", float64(time.Second)}}
}

// ParseSize reads a size in bytes such as "64MiB" or "1.5GB". The unit is
// required: a bare number could mean anything.
func ParseSize(s string) (int64, error) {
	v, rest, err := quantity(s, sizeUnits())
	if err != nil || rest != "" {
		return 0, fmt.Errorf("%q is not a size; write a number and a unit: B, KiB, MiB, GiB, TiB, kB, MB, GB or TB", s)
	}
	return whole(s, v)
}

// ParseRate reads bytes per second, such as "100MB/s".
func ParseRate(s string) (int64, error) {
	size, ok := strings.CutSuffix(s, "/s")
	if !ok {
		return 0, fmt.Errorf("%q is not a rate; write a size per second, such as 100MB/s", s)
	}
	n, err := ParseSize(size)
	if err != nil {
		return 0, fmt.Errorf("%q is not a rate; write a size per second, such as 100MB/s", s)
	}
	return n, nil
}

// ParseDuration reads "250ms", "7d", "1h30m". A unit is required, also for 0.
func ParseDuration(s string) (time.Duration, error) {
	total := 0.0
	for rest := s; ; {
		v, tail, err := quantity(rest, durationUnits())
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration; write a number and a unit: ns, us, ms, s, m, h or d", s)
		}
		total += v
		if rest = tail; rest == "" {
			break
		}
	}
	n, err := whole(s, total)
	return time.Duration(n), err
}

// quantity reads one number with its unit and returns what follows.
func quantity(s string, units []unit) (v float64, rest string, err error) {
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.') {
		end++
	}
	v, err = strconv.ParseFloat(s[:end], 64)
	if err != nil {
		return 0, "", err
	}
	for _, u := range units {
		if tail, ok := strings.CutPrefix(s[end:], u.name); ok {
			return v * u.factor, tail, nil
		}
	}
	return 0, "", strconv.ErrSyntax
}

func whole(s string, v float64) (int64, error) {
	if v >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is too large", s)
	}
	return int64(math.Round(v)), nil
}

// FormatSize writes the form ParseSize reads back to the same value.
func FormatSize(n int64) string {
	for _, u := range sizeUnits()[:4] {
		if f := int64(u.factor); n != 0 && n%f == 0 {
			return strconv.FormatInt(n/f, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// FormatRate writes the form ParseRate reads back to the same value.
func FormatRate(n int64) string { return FormatSize(n) + "/s" }

// FormatDuration writes the form ParseDuration reads back to the same value.
func FormatDuration(d time.Duration) string {
	us := durationUnits()
	slices.SortFunc(us, func(a, b unit) int { return int(b.factor/1 - a.factor/1) })
	for _, u := range us {
		if f := time.Duration(u.factor); u.name != "µs" && d != 0 && d%f == 0 {
			return strconv.FormatInt(int64(d/f), 10) + u.name
		}
	}
	return "0s"
}
