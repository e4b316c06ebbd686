package rpo

import (
	"context"
	"math"
	"slices"
	"time"

	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/shadow"
)

// asking asks umbra for the lag of a link again and again.
type asking struct {
	cancel  context.CancelFunc
	ended   chan struct{}
	reports []delay.Report // valid after ended, and so is the rest
	unknown int
	err     error
}

// askLag begins half a step from now: a timetable of whole steps that begins now, as an
// idle topic has, would have every record meet a question at umbra, on two cores.
func askLag(ctx context.Context, c *shadow.Copy, every time.Duration) *asking {
	ctx, cancel := context.WithCancel(ctx)
	a := &asking{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(a.ended)
		if !delay.SleepUntil(ctx, measure.Now()+int64(every/2)) {
			return
		}
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			from := measure.Now()
			st, err := c.Admin.Link(ctx, c.Link)
			to := measure.Now()
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				a.err = err
				return
			case !st.Lag.Known():
				a.unknown++
			default:
				a.reports = append(a.reports, delay.Report{From: from, To: to, Lag: delay.Lag{Records: st.Lag.Records, For: time.Duration(st.Lag.Seconds * float64(time.Second))}})
			}
		}
	}()
	return a
}

func (a *asking) stop() (reports []delay.Report, unknown int, err error) {
	a.cancel()
	<-a.ended
	return a.reports, a.unknown, a.err
}

// stretches is into how many a round is cut for its chart, and stretchMin the
// shortest of them.
const (
	stretches  = 200
	stretchMin = 20 * time.Millisecond
)

// lag puts into the round how far shadow was behind source from begin to end, and by
// how much what umbra reported meanwhile missed it.
func (r *Round) lag(shadow, source delay.Timeline, reports []delay.Report, begin, end int64) {
	step := max(int64(stretchMin), (end-begin)/stretches)
	for at := begin; at < end; at += step {
		_, most := shadow.Range(source, at, min(end, at+step))
		r.series = append(r.series, point(at+step/2-begin, most))
		r.Lag.RecordsMax = max(r.Lag.RecordsMax, most.Records)
		r.Lag.MsMax = max(r.Lag.MsMax, ms(most.For))
	}
	r.Lag.RecordsP50 = quantile(pluck(r.series, func(p lagPoint) float64 { return p.records }), 0.5)
	r.Lag.MsP50 = quantile(pluck(r.series, func(p lagPoint) float64 { return p.ms }), 0.5)
	var records, times []float64
	for _, said := range reports {
		off := shadow.Off(source, said)
		records, times = append(records, float64(off.Records)), append(times, ms(off.For))
		r.reported = append(r.reported, point((said.From+said.To)/2-begin, said.Lag))
		r.Lag.ReportedMax = max(r.Lag.ReportedMax, ms(said.Lag.For))
	}
	r.Lag.Asked = len(reports) + r.Lag.Unknown
	r.Lag.OffRecords, r.Lag.OffMs = offOf(records), offOf(times)
}

func point(after int64, l delay.Lag) lagPoint {
	return lagPoint{time.Duration(after).Seconds(), float64(l.Records), ms(l.For)}
}

func offOf(signed []float64) Off {
	var out Off
	sizes := make([]float64, len(signed))
	for i, v := range signed {
		out.Over, out.Under = max(out.Over, v), max(out.Under, -v)
		sizes[i] = math.Abs(v)
	}
	out.P50, out.P99 = quantile(sizes, 0.5), quantile(sizes, 0.99)
	return out
}

// ms is a duration in milliseconds, to the microsecond.
func ms(d time.Duration) float64 { return math.Round(float64(d)/1e3) / 1e3 }

// quantile is the smallest value that this part of all does not exceed; 0 of nothing.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return s[max(0, int(math.Ceil(q*float64(len(s))))-1)]
}

func pluck[T any](from []T, f func(T) float64) []float64 {
	out := make([]float64, len(from))
	for i, v := range from {
		out[i] = f(v)
	}
	return out
}
