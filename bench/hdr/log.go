package hdr

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Log writes an interval log: lines of a tag, a start, a length, the largest value
// and the whole histogram. One goroutine at a time may use it.
//
// The library has a writer too; it cannot say that a histogram counts anything but
// nanoseconds and drops the milliseconds of the start.
type Log struct {
	w     io.Writer
	start time.Time
	unit  time.Duration
}

// NewLog begins a log at start, the moment intervals are counted from. Its
// histograms count in unit. Each of about is a comment at its top.
func NewLog(w io.Writer, start time.Time, unit time.Duration, about ...string) (*Log, error) {
	if unit <= 0 {
		return nil, fmt.Errorf("begin a histogram log: the unit is %v; want a duration above 0", unit)
	}
	var head strings.Builder
	for _, line := range about {
		fmt.Fprintf(&head, "#[%s]\n", strings.NewReplacer("\n", " ", "\r", " ").Replace(line))
	}
	seconds := float64(start.UnixMilli()) / 1000
	fmt.Fprintf(&head, "#[Histogram log format version %s]\n", hdrhistogram.HISTOGRAM_LOG_FORMAT_VERSION)
	fmt.Fprintf(&head, "#[StartTime: %.3f (seconds since epoch), %s]\n", seconds, start.UTC().Format(time.RFC3339))
	fmt.Fprintf(&head, "#[BaseTime: %.3f (seconds since epoch)]\n", seconds)
	head.WriteString(`"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"` + "\n")
	if _, err := io.WriteString(w, head.String()); err != nil {
		return nil, fmt.Errorf("begin a histogram log: %w", err)
	}
	return &Log{w: w, start: start, unit: unit}, nil
}

// Add appends what was recorded from from to to. Tag tells series of one log apart
// and may be empty. It borrows h.
func (l *Log) Add(tag string, from, to time.Time, h *hdrhistogram.Histogram) error {
	prefix := ""
	if tag != "" {
		if strings.ContainsAny(tag, ", \t\r\n") {
			return fmt.Errorf("add to a histogram log: the tag is %q; want one without commas, blanks or line ends", tag)
		}
		prefix = "Tag=" + tag + ","
	}
	if from.Before(l.start) || to.Before(from) {
		return fmt.Errorf("add to a histogram log that begins at %v: an interval from %v to %v", l.start, from, to)
	}
	payload, err := h.EncodeV2()
	if err != nil {
		return fmt.Errorf("add to a histogram log: encode the histogram: %w", err)
	}
	largest := float64(h.Max()) * float64(l.unit) / float64(time.Millisecond)
	_, err = fmt.Fprintf(l.w, "%s%.3f,%.3f,%.3f,%s\n", prefix, from.Sub(l.start).Seconds(), to.Sub(from).Seconds(), largest, payload)
	if err != nil {
		return fmt.Errorf("add to a histogram log: %w", err)
	}
	return nil
}
