package traffic

import (
	"fmt"

	"umbra/bench/report"
	"umbra/bench/traffic/load"
)

// openMessaging fills Document.OpenMessaging: of every cell a result for each kind of
// load, with a round as an interval. Rounds are left out as in figures.
//
// All latencies run from when a batch was due: that of publishing holds the delay of
// the generator, which stands beside it. A batch's latency is that of each of its
// records. No failure is counted, as a batch that is refused ends the run.
func (r *Report) openMessaging(o Options) {
	fixed, flat := load.Steady, load.Flat
	if o.Bench == Consume {
		fixed, flat = load.Tail, load.Read
	}
	for _, c := range r.Cells {
		if len(c.Rounds) > 0 {
			r.OpenMessaging = append(r.OpenMessaging, c.result(o, fixed, paced), c.result(o, flat, full))
		}
	}
}

func (c *Cell) result(o Options, kind load.Kind, of func(*Round) *Sample) *report.OpenMessaging {
	out := report.NewOpenMessaging(c.load(o, kind))
	var all [3]load.Histogram
	rounds, _ := clean(c.Rounds, of)
	for _, s := range rounds {
		i := report.Interval{Length: s.result.Wall, Published: s.result.Batches * int64(c.Batch), Consumed: s.result.Records}
		if kind == load.Tail { // it ends when all that was acknowledged was read, by one reader each
			i.Consumed = i.Published
		}
		each := latencies(kind, s.result)
		i.Publish, i.PublishDelay, i.EndToEnd = each[0].HDR(), each[1].HDR(), each[2].HDR()
		out.Add(i)
		for n := range all {
			all[n].Merge(each[n])
		}
	}
	out.Finish(all[0].HDR(), all[1].HDR(), all[2].HDR())
	return out
}

// load is what the cell asks of a system with one kind of load.
func (c *Cell) load(o Options, kind load.Kind) report.Load {
	l := report.Load{Driver: c.System, MessageSize: o.Record, Topics: 1, Partitions: o.Partitions}
	var what string
	switch kind {
	case load.Steady:
		what, l.Producers = fmt.Sprintf("produce %g batches/s", o.Rate), c.Conns
	case load.Flat:
		what, l.Producers = "produce as fast as it goes", c.Conns
	case load.Tail:
		what, l.Producers, l.Consumers = fmt.Sprintf("read the end of %g batches/s", o.Rate), c.Conns, c.Conns
		l.Partitions = o.tailPartitions(c.Conns)
	case load.Read:
		what, l.Consumers = "read from the start", c.Conns
	}
	l.Workload = fmt.Sprintf("%s, %s, batches of %d", what, plural(c.Conns, "connection"), c.Batch)
	return l
}

// latencies are those of publishing, of the generator behind its timetable, and from
// end to end, as far as a kind of load measures them. That of a closed loop is none: a
// slow broker is asked less.
func latencies(kind load.Kind, r load.Result) (out [3]load.Histogram) {
	switch kind {
	case load.Steady:
		out[0], out[1] = r.Latency, r.Late
	case load.Tail:
		out[0], out[1], out[2] = r.Acked, r.Late, r.Latency
	}
	return out
}
