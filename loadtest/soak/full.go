package soak

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"umbra/admin/api"
	"umbra/loadtest/rawfetch"
	"umbra/loadtest/workload"
)

const (
	// catchUpLimit is how long a healed link may take to have everything.
	catchUpLimit = 2 * time.Minute
	// settleLimit is how long states and metadata may take to follow.
	settleLimit = 45 * time.Second
)

// A full comparison is what comes between two rounds: nobody writes, nothing is broken,
// and everything must become equal.
type full struct {
	o        Options
	source   *source
	shadow   *shadow
	src, dst *rawfetch.Reader // its own: a reader is for one goroutine
	topics   *registry
	load     *load
	book     *book

	kept    map[workload.TopicPartition]rawfetch.Bounds // of topics that the source has no more
	base    level                                       // the first one taken
	bytes   int64                                       // compared
	rounds  int
	elapsed time.Duration
}

// level is what must not creep.
type level struct{ goroutines, files, logs int }

func (f *full) run(ctx context.Context) error {
	begin := time.Now()
	defer func() { f.elapsed += time.Since(begin) }()
	f.rounds++
	if err := f.source.revive(ctx); err != nil {
		return err
	}
	quiet, cancel := context.WithTimeout(ctx, time.Minute)
	err := f.load.pause(quiet)
	cancel()
	defer f.load.resume()
	if err != nil {
		f.book.skipped("full", "all", err)
		return ctx.Err()
	}
	if !f.catchesUp(ctx) {
		return ctx.Err()
	}
	f.equal(ctx)
	f.verify(ctx)
	f.settled(ctx)
	f.creep(ctx)
	return ctx.Err()
}

// catchesUp waits until the shadow's bounds are the source's.
func (f *full) catchesUp(ctx context.Context) bool {
	begin := time.Now()
	within, cancel := context.WithTimeout(ctx, catchUpLimit)
	defer cancel()
	last := ""
	for {
		missing := f.behind(within)
		if within.Err() == nil || last == "" {
			last = missing // one that ran out of time says only that
		}
		if missing == "" {
			f.book.passed("catches up", "all", fmt.Sprintf("after %v", time.Since(begin).Round(time.Millisecond)))
			return true
		}
		if within.Err() != nil {
			if ctx.Err() == nil {
				f.book.violate("catches up", "all", "%v after everything was healed and nobody wrote any more: %s\n%s", catchUpLimit, last, f.excuses(ctx))
			}
			return false
		}
		wait(within, 100*time.Millisecond)
	}
}

// behind says what the shadow lacks of the living topics.
func (f *full) behind(ctx context.Context) string {
	for _, t := range f.topics.living() {
		for p := range t.partitions {
			truth, errS := f.src.Bounds(ctx, t.name, p)
			held, errD := f.dst.Bounds(ctx, t.name, p)
			if err := errors.Join(errS, errD); err != nil {
				return err.Error()
			}
			if f.startsAbove(t.name, p, truth, held) {
				held.Start = truth.Start
			}
			if truth != held {
				return fmt.Sprintf("%s/%d: source %+v, shadow %+v", t.name, p, truth, held)
			}
		}
	}
	return ""
}

// startsAbove says that the copy starts above its source, and may.
func (f *full) startsAbove(topic string, p int32, truth, held rawfetch.Bounds) bool {
	return held.Start > truth.Start && held.Start <= f.topics.mayStart(topic, p, f.o)
}

// excuses is what umbra says about partitions that are behind or in error.
func (f *full) excuses(ctx context.Context) string {
	rows, err := f.shadow.admin.Partitions(ctx, link, "", 0)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, r := range rows.Partitions {
		if r.Error != "" || r.Lag.Records > 0 || r.State != api.StateActive || r.Reason != nil {
			fmt.Fprintf(&b, "%s/%d: %s, %s, lag %+v, end %d, error %q\n", r.Topic, r.Partition, r.State, reasonText(r.Reason), r.Lag, r.EndOffset, r.Error)
		}
	}
	return b.String()
}

// equal compares every partition: bytes, bounds, leader epochs, times.
func (f *full) equal(ctx context.Context) {
	for _, t := range f.topics.living() {
		for p := range t.partitions {
			subject := fmt.Sprintf("%s/%d", t.name, p)
			if t.role == compacted {
				n, err := survivors(ctx, sideOf(f.src), sideOf(f.dst), t.name, p)
				f.book.judge("survivors", subject, fmt.Sprintf("%d records", n), err)
				continue
			}
			eq, err := f.exact(ctx, t.name, p)
			if err == nil {
				f.bytes += eq.Bytes
			}
			f.book.judge("equal", subject, eq.String(), err)
		}
	}
}

// exact compares a partition. The source's retention may still move its start: that is
// no difference yet.
func (f *full) exact(ctx context.Context, topic string, p int32) (eq rawfetch.Equal, err error) {
	within, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	for {
		eq, err = rawfetch.Compare(within, f.src, f.dst, topic, p, rawfetch.Exact)
		var d *rawfetch.Difference
		if err == nil || !errors.As(err, &d) || d.What != "log start" && d.What != "last stable offset" && d.What != "high watermark" {
			return eq, err
		}
		if d.What == "log start" {
			held, errD := f.dst.Bounds(within, topic, p)
			truth, errS := f.src.Bounds(within, topic, p)
			if errD == nil && errS == nil && f.startsAbove(topic, p, truth, held) {
				return rawfetch.CompareRange(within, f.src, f.dst, topic, p, held.Start, held.HighWatermark)
			}
		}
		if within.Err() != nil {
			return eq, err
		}
		wait(within, 200*time.Millisecond)
	}
}

// verify has umbra compare by itself.
func (f *full) verify(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, catchUpLimit)
	defer cancel()
	var r api.VerifyReport
	if err := f.shadow.ask.JSON(within, &r, "verify", link); err != nil {
		f.book.violate("verify", link, "%v", err)
		return
	}
	if r.Result != api.Identical || r.DifferencesTotal > 0 {
		f.book.violate("verify", link, "%s, %d differences: %+v", r.Result, r.DifferencesTotal, r.Differences)
		return
	}
	f.book.passed("verify", link, fmt.Sprintf("%d partitions, %d bytes, %d ranges not compared, %.2f s", r.Partitions, r.Bytes, len(r.NotCompared), r.Seconds))
}

// settled waits until umbra's own picture is right: living topics ACTIVE without a
// reason, lag 0 and exact, vanished ones noted and their data kept.
func (f *full) settled(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	last := ""
	for {
		odd := f.odd(within)
		if within.Err() == nil || last == "" {
			last = odd // one that ran out of time says only that
		}
		if odd == "" {
			f.book.passed("settles", link, "")
			break
		}
		if within.Err() != nil {
			if ctx.Err() == nil {
				f.book.violate("settles", link, "%v after everything was equal: %s", settleLimit, last)
			}
			break
		}
		wait(within, 200*time.Millisecond)
	}
	f.keeps(ctx)
	f.gaps(ctx)
}

// odd says what is not right yet in the status.
func (f *full) odd(ctx context.Context) string {
	status, err := f.shadow.admin.Link(ctx, link)
	if err != nil {
		return err.Error()
	}
	rows := map[string]api.TopicRow{}
	for _, r := range status.TopicRows {
		rows[r.Topic] = r
	}
	for _, t := range f.topics.snapshot() {
		r, there := rows[t.name]
		code := ""
		if r.Reason != nil {
			code = r.Reason.Code
		}
		switch {
		case !there && t.fate == live:
			return t.name + " is not in the status"
		case t.fate == live && (r.State != api.StateActive || code != "" && code != "SOURCE_RETENTION_GAP"):
			return fmt.Sprintf("%s is %s, %s", t.name, r.State, reasonText(r.Reason))
		case t.fate == live && (r.Lag.Records != 0 || r.Lag.Bound != api.Exact || r.Partitions != int(t.partitions)):
			return fmt.Sprintf("%s has a lag of %+v in %d partitions of %d", t.name, r.Lag, r.Partitions, t.partitions)
		case there && t.fate == gone && code != "SOURCE_DELETED":
			return fmt.Sprintf("%s was deleted at the source and is %s, %s", t.name, r.State, reasonText(r.Reason))
		}
	}
	stopped := 0 // topics that are to be: their link is said to be in the state of the worst
	for _, t := range f.topics.snapshot() {
		if t.fate == recreated && rows[t.name].State == api.StateFaulted {
			stopped++
		}
	}
	if status.State != api.StateActive && (status.State != api.StateFaulted || stopped == 0) {
		return "the link is " + status.State + ", " + reasonText(status.Reason)
	}
	return ""
}

// keeps: what the source has deleted stays as it was when it was first missed.
func (f *full) keeps(ctx context.Context) {
	for _, t := range f.topics.snapshot() {
		if t.fate == live {
			continue
		}
		for _, tp := range logs([]topic{t}) {
			held, err := f.dst.Bounds(ctx, tp.Topic, tp.Partition)
			if err != nil {
				continue // it went before umbra had looked
			}
			was, there := f.kept[tp]
			if !there {
				f.kept[tp] = held
				continue
			}
			subject := fmt.Sprintf("%s/%d", tp.Topic, tp.Partition)
			if was != held {
				f.book.violate("keeps", subject, "the source has it no more; it was %+v, and is %+v", was, held)
				continue
			}
			f.book.passed("keeps", subject, "")
		}
	}
}

// gaps: what is said to have been gone at the source is gone.
func (f *full) gaps(ctx context.Context) {
	status, err := f.shadow.admin.Link(ctx, link)
	if err != nil {
		f.book.skipped("gaps", link, err)
		return
	}
	for _, g := range status.Gaps {
		t, known := f.topics.find(g.Topic)
		if !known || t.fate != live {
			continue
		}
		subject := fmt.Sprintf("%s/%d", g.Topic, g.Partition)
		truth, err := f.src.Bounds(ctx, g.Topic, g.Partition)
		if err == nil && max(truth.Start, f.topics.mayStart(g.Topic, g.Partition, f.o)) < g.To {
			err = wrongf("a gap from %d to %d is recorded; the source starts at %d", g.From, g.To, truth.Start)
		}
		f.book.judge("gaps", subject, fmt.Sprintf("%d to %d", g.From, g.To), err)
	}
}

// creep: with the same work at rest, umbra needs no more goroutines and descriptors than
// before, but for the logs that were added.
func (f *full) creep(ctx context.Context) {
	values, err := f.shadow.ask.MetricValues(ctx)
	files, errF := f.shadow.files()
	if err := errors.Join(err, errF); err != nil {
		f.book.skipped("creep", "umbra", err)
		return
	}
	segments, _ := filepath.Glob(filepath.Join(f.shadow.ask.DataDir(), "logs", "*", "*.log"))
	now := level{goroutines: int(values["go_goroutines"]), files: files, logs: len(segments)}
	if f.base == (level{}) {
		f.base = now
	}
	const margin = 40
	added := max(0, now.logs-f.base.logs)
	text := fmt.Sprintf("%+v, at first %+v", now, f.base)
	if now.goroutines > f.base.goroutines+margin || now.files > f.base.files+3*added+margin {
		f.book.violate("creep", "umbra", "%s", text)
		return
	}
	f.book.passed("creep", "umbra", text)
}
