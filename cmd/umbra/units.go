package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"umbra/admin/api"
)

// unknown stands wherever a number is not known. It is never 0 and never
// empty, because both would be read as "nothing lost".
const unknown = "unknown"

// seconds writes a length of time with two significant parts at most.
func seconds(s float64) string {
	switch {
	case s < 0 || math.IsNaN(s):
		return unknown
	case s == 0:
		return "0s"
	case s < 0.001:
		return "<1ms"
	case s < 0.1:
		return fmt.Sprintf("%.0fms", s*1000)
	case s < 9.95:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", s), ".0") + "s"
	}
	return wholeSeconds(int64(math.Round(s)))
}

// wholeSeconds is seconds for ages, which have no fractions.
func wholeSeconds(n int64) string {
	const day = 24 * 60 * 60
	switch {
	case n < 60:
		return fmt.Sprintf("%ds", n)
	case n < 60*60:
		return fmt.Sprintf("%dm%02ds", n/60, n%60)
	case n < day:
		return fmt.Sprintf("%dh%02dm", n/3600, n%3600/60)
	}
	return fmt.Sprintf("%dd%02dh", n/day, n%day/3600)
}

func bytesText(n int64) string {
	if n < 0 {
		return unknown
	}
	return humanize.IBytes(uint64(n))
}

func rate(perSecond float64) string { return humanize.IBytes(uint64(max(perSecond, 0))) + "/s" }

func count(n int64) string { return humanize.Comma(n) }

// plural is "1 topic" or "3 topics".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(int64(n)) + " " + noun + "s"
}

// bounded puts what a number is worth in front of it: ">= " in tables.
func bounded(b api.Bound, text string) string {
	switch b {
	case api.Exact:
		return text
	case api.AtLeast:
		return ">= " + text
	}
	return unknown
}

// spoken is bounded for sentences.
func spoken(b api.Bound, text string) string {
	if b == api.AtLeast {
		return "at least " + text
	}
	return bounded(b, text)
}

func lagRecords(l api.Lag) string { return bounded(l.Bound, count(l.Records)) }
func lagSeconds(l api.Lag) string { return bounded(l.Bound, seconds(l.Seconds)) }
func rpoText(r api.RPO) string    { return bounded(r.Bound, seconds(r.Seconds)) }

func rpoTarget(r api.RPO) string {
	if r.TargetSeconds == 0 {
		return "-"
	}
	return seconds(r.TargetSeconds)
}

// lagSentence is "at least 1,310 records, 1.1 MiB, 0.9s".
func lagSentence(l api.Lag) string {
	if !l.Known() {
		return unknown
	}
	return spoken(l.Bound, fmt.Sprintf("%s, %s, %s", plural(int(l.Records), "record"), bytesText(l.Bytes), seconds(l.Seconds)))
}

// clock is the time of day, with the date when it is not today's.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04:05Z")
	}
	return t.Format(time.RFC3339)
}

// ago is the age of t.
func ago(t, now time.Time) string { return age(t, now) + " ago" }

// age is the time between the two; a clock that is ahead makes it 0.
func age(t, now time.Time) string { return wholeSeconds(int64(max(0, now.Sub(t)).Seconds())) }

// asOf is "as of 02:58:11Z (7m02s ago)"; a number without a time says so.
func asOf(t, now time.Time) string {
	if t.IsZero() {
		return "as of never: the source was not seen yet"
	}
	return fmt.Sprintf("as of %s (%s)", clock(t, now), ago(t, now))
}

// seen is a short "now", "7m02s ago" or "never".
func seen(s api.Source, now time.Time) string {
	switch {
	case s.LastSeen.IsZero():
		return "never"
	case s.Reachable && now.Sub(s.LastSeen) < 2*time.Second:
		return "now"
	}
	return ago(s.LastSeen, now)
}

// offset is a log offset that may be unknown.
func offset(o api.Offset) string {
	if o == nil {
		return unknown
	}
	return count(*o)
}

// dash is a hyphen for an empty text in a table.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// sentence joins the parts that are not empty.
func sentence(sep string, parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, sep)
}
