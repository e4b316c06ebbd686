package traffic

import (
	"fmt"
	"slices"

	"umbra/bench/report"
)

// charts draws cost, throughput and p99 as bars over the connections, and the latency of each
// number of connections as quantiles.
func (r *Report) charts() {
	what := map[Bench][2]string{
		Produce: {"Producing, acks=all", "due to acknowledged"},
		Consume: {"Consuming", "due at the producer to read at the end of the log"},
	}[r.Bench]
	for _, batch := range r.batches() {
		add := func(id, title, y string, of func(*Round) *Sample, value func(*Sample) float64) {
			r.Charts = append(r.Charts, report.Chart{ID: fmt.Sprintf("%s-b%d-%s", r.Bench, batch, id),
				Title: fmt.Sprintf("%s: %s, batches of %d", what[0], title, batch), Kind: report.Bars, Y: y, Series: r.bars(batch, of, value)})
		}
		add("cost", "CPU of the broker", "CPU-s/GiB", full, cost)
		add("throughput", "throughput", "GiB/s", full, gibps)
		add("p99", "p99, "+what[1], "ms", paced, p99)
		r.quantiles(batch, what)
	}
}

func (r *Report) batches() []int {
	var out []int
	for _, c := range r.Cells {
		if !slices.Contains(out, c.Batch) {
			out = append(out, c.Batch)
		}
	}
	return out
}

// bars has a series for each system and a label for each number of connections.
func (r *Report) bars(batch int, of func(*Round) *Sample, value func(*Sample) float64) []report.Series {
	var out []report.Series
	for _, c := range r.Cells {
		if c.Batch != batch || len(c.Rounds) == 0 {
			continue
		}
		i := slices.IndexFunc(out, func(s report.Series) bool { return s.Name == c.System })
		if i < 0 {
			i, out = len(out), append(out, report.Series{Name: c.System})
		}
		f, s := c.figure("", "", "", of, value), &out[i]
		s.Labels = append(s.Labels, plural(c.Conns, "connection"))
		s.Y, s.Low, s.High = append(s.Y, f.Value), append(s.Low, f.Low), append(s.High, f.High)
	}
	return out
}

func (r *Report) quantiles(batch int, what [2]string) {
	var conns []int
	for _, c := range r.Cells {
		if c.Batch == batch && !slices.Contains(conns, c.Conns) {
			conns = append(conns, c.Conns)
		}
	}
	for _, n := range conns {
		ch := report.Chart{ID: fmt.Sprintf("%s-b%d-%d-quantiles", r.Bench, batch, n), Kind: report.Quantiles, X: "quantile", Y: "ms", LogY: true,
			Title: fmt.Sprintf("%s: %s, batches of %d, %s", what[0], what[1], batch, plural(n, "connection"))}
		for _, c := range r.Cells {
			if h := c.histogram(); c.Conns == n && c.Batch == batch && h.Count() > 0 {
				x, y := h.Curve()
				ch.Series = append(ch.Series, report.Series{Name: c.System, X: x, Y: y})
			}
		}
		r.Charts = append(r.Charts, ch)
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
