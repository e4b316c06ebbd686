package peers

import (
	"fmt"
	"io"
	"strings"

	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/report"
)

// Table writes the report for a person.
func (r *Report) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\nApache Kafka and MirrorMaker 2 %s\n", r.Machine(), r.Umbra, r.Kafka)
	for _, c := range r.Cases {
		c.table(&b)
	}
	r.delays(&b)
	if len(r.Remarks) > 0 {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(r.Remarks, "\n"))
	}
	return report.WriteLines(w, b.String())
}

func (c *Case) table(b *strings.Builder) {
	fmt.Fprintf(b, "\nRecords of %d bytes: %.2f GiB, %.1f million records in a transfer; medians of rounds, CPU user and system\n\n",
		c.Record, float64(c.Bytes)/(1<<30), float64(c.Records)/1e6)
	t := report.Columns(b)
	fmt.Fprintln(t, "SYSTEM\tGIB/S\tCPU-S/GIB\tLOW-HIGH\tMIRROR ALONE\tSOURCE BROKER\tIN UMBRAS\tLOW-HIGH\tPEAK MIB\tROUNDS\t")
	for _, l := range c.Systems {
		if len(l.Rounds) == 0 {
			continue
		}
		cost := l.cost()
		times, spread := "-", "-"
		if f, ok := c.over("", l.System, Umbra); ok && l.System != Umbra {
			times, spread = fmt.Sprintf("%.2f", f.Value), fmt.Sprintf("%.2f-%.2f", f.Low, f.High)
		}
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%.3f-%.3f\t%.3f\t%.3f\t%s\t%s\t%.0f\t%s\t\n", title(l.System), l.rate().Value, cost.Value, cost.Low, cost.High,
			l.mirror().Value, l.source().Value, times, spread, l.memory().Value, rounds(l, cost.Dirty))
	}
	t.Flush()
}

func rounds(l *Lane, dirty bool) string {
	clean := 0
	for i := range l.Rounds {
		if l.Rounds[i].Window.Clean() {
			clean++
		}
	}
	mark := ""
	if dirty {
		mark = ", dirty"
	}
	return fmt.Sprintf("%d of %d clean%s", clean, len(l.Rounds), mark)
}

func (r *Report) delays(b *strings.Builder) {
	if len(r.Delays) == 0 {
		return
	}
	fmt.Fprint(b, "\nDelay from the source's acknowledgement to readable, in ms, both sides at the same time\n\n")
	t := report.Columns(b)
	fmt.Fprintln(t, "MB/S\tSYSTEM\tREAD AT\tP50\tP99\tP99.9\tMAX\tSAMPLES\t\t")
	for _, d := range r.Delays {
		if d.Failed != "" {
			fmt.Fprintf(t, "%.0f\t%s\tthe copy\t-\t-\t-\t-\t0\tdid not keep up\t\n", d.Rate/1e6, title(d.System))
			continue
		}
		row := func(rate, system, at string, s delay.Summary, mark string) {
			fmt.Fprintf(t, "%s\t%s\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%s\t\n", rate, system, at, s.P50, s.P99, s.P999, s.Max, s.Count, mark)
		}
		mark := ""
		if !d.Window.Clean() {
			mark = "dirty"
		}
		row(fmt.Sprintf("%.0f", d.Rate/1e6), title(d.System), "the copy", d.Copy, mark)
		row("", "", "the source", d.Source, "")
	}
	t.Flush()
}

// remark says how the figures came about and how they stand to the targets.
func (r *Report) remark(say *report.Remarks, o Options) {
	for _, c := range r.Cases {
		for _, f := range c.ratios() {
			if f.Target != nil {
				met, _ := f.Met()
				say.Say("records of %d bytes: %s is %.1f, target %.1f or more: %s", c.Record, strings.TrimPrefix(f.Name, "peers/"), f.Value, *f.Target, report.Verdict(met, f.Dirty))
			}
		}
	}
	if len(r.Cases) > 0 {
		r.remarkCosts(say, o)
	}
	if len(r.Delays) > 0 {
		say.Say("records are matched by offset: every topic of a delay begins empty at both sides, and both ended at the same offsets, so each record was copied once")
		say.Say("the source itself is read by a second client while the copy is read; its delay is part of every copy's")
	}
	r.disturbed(say)
	say.Place(r.Env)
}

// remarkCosts are the terms of the comparison.
func (r *Report) remarkCosts(say *report.Remarks, o Options) {
	say.Say("cost of MirrorMaker 2 and of plain Go is the mirror and the target's broker together, because umbra and a follower are both in one process; the mirror alone stands beside it")
	if o.WarmUps > 0 {
		say.Say("JVMs are warm: before the first round of a record size each system copied the whole topic %s, uncounted; all processes stay for the whole run", times(o.WarmUps))
	} else {
		say.Say("no warm-up was asked for: the first round pays for the JVMs' compilers")
	}
	say.Say("JVMs run with the flags of Kafka's own start scripts (G1) and 1 GiB of heap; brokers have Kafka's defaults but for the largest batch, 8 MiB")
	if o.has(MM2Default, MM2Tuned) {
		say.Say("MirrorMaker 2 is its source connector in a Connect worker, without heartbeats and checkpoints; it is measured from the first record readable at the target, so its start, a second or more, costs it nothing")
		say.Say("MirrorMaker 2 default has one task; replication factors are 1, for there is one target broker; it renames nothing, as umbra, and the topic is made anew for each transfer")
	}
	if o.has(MM2Tuned) {
		say.Say("MirrorMaker 2 tuned: 2 tasks; consumer fetch.max.bytes 50 MiB, max.partition.fetch.bytes 8 MiB, max.poll.records 20000, receive buffer 1 MiB; producer batch.size 1 MiB, max.request.size 8 MiB, linger 20 ms, buffer.memory 256 MiB, send buffer 1 MiB")
	}
	say.Say("Kafka leaves writing to the disk to the kernel, umbra has it synced as it goes; kernel threads' time is in nobody's cost (kernel_ns in the JSON); the disk was synced before each transfer")
	say.Say("a GiB is of record batches as they lie at the source; topics have %d partitions, batches of about %d bytes, no compression, one broker each side, no acknowledgement by more than one", o.Partitions, o.Batch)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// disturbed names the systems with dirty windows; the table has how many of each.
func (r *Report) disturbed(say *report.Remarks) {
	for _, c := range r.Cases {
		var d report.Disturbance
		for _, l := range c.Systems {
			var windows []*measure.Window
			for i := range l.Rounds {
				windows = append(windows, &l.Rounds[i].Window)
			}
			d.Look(title(l.System), windows...)
		}
		if d.Dirty() {
			say.Say("records of %d bytes, rounds: %s", c.Record, &d)
		}
	}
	var d report.Disturbance
	for _, x := range r.Delays {
		if x.Failed != "" {
			say.Say("%s did not keep up with %.0f MB/s: %s", title(x.System), x.Rate/1e6, x.Failed)
			continue
		}
		d.Look(fmt.Sprintf("%s at %.0f MB/s", title(x.System), x.Rate/1e6), &x.Window)
	}
	if d.Dirty() {
		say.Say("delays: %s", &d)
	}
}
