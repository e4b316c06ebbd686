package rpo

import (
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"

	"umbra/admin/api"
	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/report"
)

// Table writes the report for a person.
func (r *Report) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", r.Machine(), r.Umbra)
	r.delays(&b)
	r.lags(&b)
	r.each(&b)
	r.kills(&b)
	if len(r.Remarks) > 0 {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(r.Remarks, "\n"))
	}
	return report.WriteLines(w, b.String())
}

// cell is the median of a figure and its ends.
func (c *Case) cell(of func(*Round) float64) string {
	rounds, _ := c.take()
	return spreadOf(pluck(rounds, of)).String()
}

// cells are those of the percentiles of a side.
func (c *Case) cells(of func(*Round) delay.Summary) string {
	return strings.Join([]string{
		c.cell(func(r *Round) float64 { return of(r).P50 }), c.cell(func(r *Round) float64 { return of(r).P99 }),
		c.cell(func(r *Round) float64 { return of(r).P999 }), c.cell(func(r *Round) float64 { return of(r).Max }),
	}, "\t")
}

func (s spread) String() string {
	if s.n == 1 || s.low == s.high {
		return number(s.median)
	}
	return fmt.Sprintf("%s (%s-%s)", number(s.median), number(s.low), number(s.high))
}

// number has the digits that mean something.
func number(v float64) string {
	if v >= 100 || v <= -100 || v == 0 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func (r *Report) delays(b *strings.Builder) {
	if len(r.Cases) == 0 {
		return
	}
	fmt.Fprint(b, "\nFrom the source's acknowledgement to readable, in ms, both sides at the same time: median of the rounds (low-high)\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "SOURCE\tPACE\tREAD AT\tP50\tP99\tP99.9\tMAX\tACKS\tROUNDS\tSENT LATE P99\tUMBRA CORES\t")
	for _, c := range r.Cases {
		rounds, dirty := c.take()
		if len(rounds) == 0 {
			continue
		}
		count := int64(0)
		for _, round := range rounds {
			count += round.Shadow.Count
		}
		mark := ""
		if dirty {
			mark = " dirty"
		}
		fmt.Fprintf(t, "%s\t%s\tthe source\t%s\t%s\t%d of %d%s\t%s\t%s\t\n", c.Source, c.paceText(), c.cells(func(r *Round) delay.Summary { return r.Source }),
			humanize.Comma(count), len(rounds), len(c.Rounds), mark,
			c.cell(func(r *Round) float64 { return r.Late.P99 }), c.cell(func(r *Round) float64 { return r.Cores }))
		fmt.Fprintf(t, "\t\tthe shadow\t%s\t\t\t\t\t\n", c.cells(func(r *Round) delay.Summary { return r.Shadow }))
		fmt.Fprintf(t, "\t\tdifference\t%s\t\t\t\t\t\n", c.cells(func(r *Round) delay.Summary { return r.Difference }))
		fmt.Fprintf(t, "\t\trecord by record\t%s\t\t\t\t\t\n", c.cells(func(r *Round) delay.Summary { return r.Behind }))
	}
	t.Flush()
}

func (r *Report) lags(b *strings.Builder) {
	if len(r.Cases) == 0 {
		return
	}
	fmt.Fprint(b, "\nLag of the shadow's reader behind the source's, and by how much what umbra reported missed it when asked\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "SOURCE\tPACE\tMAX MS\tMAX RECORDS\tASKED\tOFF P50 MS\tOFF P99 MS\tOVER MAX MS\tUNDER MAX MS\tOFF P99 RECORDS\t")
	for _, c := range r.Cases {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", c.Source, c.paceText(),
			c.cell(func(r *Round) float64 { return r.Lag.MsMax }), c.cell(func(r *Round) float64 { return float64(r.Lag.RecordsMax) }),
			c.cell(func(r *Round) float64 { return float64(r.Lag.Asked) }),
			c.cell(func(r *Round) float64 { return r.Lag.OffMs.P50 }), c.cell(func(r *Round) float64 { return r.Lag.OffMs.P99 }),
			c.cell(func(r *Round) float64 { return r.Lag.OffMs.Over }), c.cell(func(r *Round) float64 { return r.Lag.OffMs.Under }),
			c.cell(func(r *Round) float64 { return r.Lag.OffRecords.P99 }))
	}
	t.Flush()
}

// each lists the kills one by one.
func (r *Report) each(b *strings.Builder) {
	if len(r.Kills) == 0 {
		return
	}
	fmt.Fprint(b, "\nThe source killed while producers write with acks=all, and failed over at once\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "KILL\tAFTER S\tACKED\tLOST\tLOST MS\tMISSING\tFAILOVER MS\tALL WRITABLE MS\tCOMMAND MS\tVERIFIED\tWRONG\tRECEIPT SAYS\t")
	for _, k := range r.Kills {
		mark := ""
		if !k.Window.Clean() {
			mark = " dirty"
		}
		fmt.Fprintf(t, "%d%s\t%.2f\t%s\t%d\t%s\t%d\t%s\t%s\t%s\t%s\t%d\t%s %d records, %s ms\t\n", k.Round, mark, k.AfterMs/1000, humanize.Comma(k.Acked), k.LostRecords, number(k.LostMs), k.Missing,
			number(k.FailoverMs), number(k.WritableMs), number(k.CommandMs), humanize.IBytes(uint64(k.VerifiedBytes)), len(k.Wrong)+len(k.Claim.Faults),
			strings.ReplaceAll(k.Claim.Bound, "_", " "), k.Claim.Records, number(k.Claim.Ms))
	}
	t.Flush()
}

// kills is their distribution.
func (r *Report) kills(b *strings.Builder) {
	if len(r.Kills) == 0 {
		return
	}
	mark := ""
	if r.killsDirty() {
		mark = ", dirty"
	}
	fmt.Fprintf(b, "\nAll %d kills (seed %d%s)\n\n", len(r.Kills), r.Seed, mark)
	t := report.Columns(b)
	fmt.Fprintln(t, "FIGURE\tUNIT\tMEDIAN\tLOW\tHIGH\t")
	for _, col := range killColumns() {
		s := spreadOf(pluck(r.Kills, col.of))
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t\n", strings.ReplaceAll(col.name, "_", " "), col.unit, number(s.median), number(s.low), number(s.high))
	}
	t.Flush()
}

// remark adds what a reader must know beside the figures.
func (r *Report) remark(say *report.Remarks) {
	var noise report.Disturbance
	for _, c := range r.Cases {
		_, dirty := c.take()
		for _, f := range c.figures() {
			if f.Target != nil {
				say.Say("%s: %s %s, target %s or less: %s", f.Name, number(f.Value), f.Unit, number(*f.Target), report.Verdict(f.Value <= *f.Target, dirty))
			}
		}
		noise.Look(c.Source+" "+c.Pace, windows(c.Rounds, func(r *Round) *measure.Window { return &r.Window })...)
	}
	if wakes := r.wakes(); len(wakes) > 0 {
		p50, p99 := spreadOf(pluck(wakes, func(s delay.Summary) float64 { return s.P50 })), spreadOf(pluck(wakes, func(s delay.Summary) float64 { return s.P99 }))
		say.Say("waking a sleeping thread up took %s ms at the median and %s ms at the 99th percentile before the rounds; a copy has one or two such hops more than its source", p50, p99)
	}
	if busy := r.idleAgainstBusy(); busy != "" {
		say.Say("%s", busy)
	}
	if n := r.mistaken(); n > 0 {
		say.Say("receipts: %d of %d call their loss exact where the source's log had more than that: they speak of when the source last answered", n, len(r.Kills))
	}
	noise.Look("kills", windows(r.Kills, func(k **Kill) *measure.Window { return &(*k).Window })...)
	for _, k := range r.Kills {
		for _, w := range append(k.Wrong, k.Claim.Faults...) {
			say.Say("kill %d: WRONG: %s", k.Round, w)
		}
	}
	if noise.Dirty() {
		say.Say("%s", noise.String())
	}
	say.Place(r.Env)
}

func windows[T any](from []T, of func(*T) *measure.Window) []*measure.Window {
	out := make([]*measure.Window, len(from))
	for i := range from {
		out[i] = of(&from[i])
	}
	return out
}

// mistaken counts the receipts that call a loss exact and too small.
func (r *Report) mistaken() int {
	n := 0
	for _, k := range r.Kills {
		if k.Claim.Bound == string(api.Exact) && k.Claim.OffRecords < 0 {
			n++
		}
	}
	return n
}

// wakes are what waking up cost before each round.
func (r *Report) wakes() []delay.Summary {
	var out []delay.Summary
	for _, c := range r.Cases {
		for i := range c.Rounds {
			out = append(out, c.Rounds[i].Wake)
		}
	}
	return out
}

// idleAgainstBusy holds a source's idle topic against its slowest rate.
func (r *Report) idleAgainstBusy() string {
	var out []string
	for _, source := range r.sources() {
		var idle, busy *Case
		for _, c := range r.Cases {
			switch {
			case c.Source != source || len(c.Rounds) == 0:
			case c.Pace == "idle":
				idle = c
			case busy == nil || c.Rate < busy.Rate:
				busy = c
			}
		}
		if idle != nil && busy != nil {
			median := func(c *Case) string { return c.cell(func(r *Round) float64 { return r.Shadow.P50 }) }
			out = append(out, fmt.Sprintf("%s: a single record of an idle topic is readable on the shadow after %s ms, one of a topic with %s/s after %s ms", source, median(idle), busy.Pace, median(busy)))
		}
	}
	return strings.Join(out, "\n")
}
