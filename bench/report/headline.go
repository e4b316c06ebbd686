package report

import (
	"fmt"
	"slices"
	"strings"
)

// headline is a row of README's table: figures of one kind in words for people. The
// figures' own names, spreads and rounds stand in the full table.
type headline struct {
	words   string
	figures []string
	spread  bool // each is shown with its lowest and highest sample
}

// headlines are the rows, in order. A row of which no report has any figure is left out.
func headlines() []headline {
	one := func(words string, figures ...string) headline { return headline{words: words, figures: figures} }
	ranges := func(words, figure string) headline { return headline{words, []string{figure}, true} }
	delay := func(words, source, p string) headline {
		h := headline{words: words}
		for _, rate := range []string{"1MB", "20MB", "50MB"} {
			h.figures = append(h.figures, fmt.Sprintf("rpo/%s/%s/%s", source, rate, p))
		}
		return h
	}
	local := func(words, bench, duel, batch, what string) headline {
		h := headline{words: words}
		for _, conns := range []int{1, 16, 256} {
			h.figures = append(h.figures, fmt.Sprintf("%s/%s/%d/%s/%s", bench, duel, conns, batch, what))
		}
		return h
	}
	rivals := func(words, p string) headline {
		const at = "peers/delay/20MBps/"
		return one(words, at+"umbra/"+p, at+"mm2_default/"+p, at+"mm2_tuned/"+p, at+"umbra/source_"+p)
	}
	const kept, flushed, interval = "umbra-to-kafka", "umbra-to-kafka-flush", "umbra-interval-to-kafka"
	return []headline{
		one("CPU per GiB copied, times a client that discards the same bytes: from Kafka; from memory", "link/kafka/io_uring/base/ratio", "link/synthetic/io_uring/base/ratio"),
		one("the same, times what its parts take, each alone: discarding, CRC-32C, writing past the page cache", "link/kafka/io_uring/base/cost_over_parts", "link/synthetic/io_uring/base/cost_over_parts"),
		one("CPU per GiB copied, times the discarding client's, with the pwrite engine", "link/kafka/pwrite/base/ratio", "link/synthetic/pwrite/base/ratio"),
		one("CPU of batches of 5 KiB, times those of 1 MiB: from Kafka; from memory", "link/kafka/io_uring/batch-5KiB/cost_over_batch-1MiB", "link/synthetic/io_uring/batch-5KiB/cost_over_batch-1MiB"),
		one("CPU of 5,000 live partitions, times 10 at the same rate: on this disk's file system; on an ext4 with a journal", "link/synthetic/io_uring/live-5000/cost_over_live-10", "link/synthetic/io_uring/live-journal-5000/cost_over_live-journal-10"),
		one("one hot partition: rate; rate that a core of CPU would reach (1 / CPU per GiB); what the disk alone takes", "link/synthetic/io_uring/hot/gib_per_s", "link/synthetic/io_uring/hot/gib_per_core_s", "link/ceiling/disk/gib_per_s"),
		one("share of 1 Gbit/s over 85 ms that one partition fills: from Kafka; from memory", "link/kafka/io_uring/rtt-85ms/line_filled", "link/synthetic/io_uring/rtt-85ms/line_filled"),
		one("MirrorMaker 2, tuned, with its target: CPU per GiB, times umbra's, at records of 1 KiB; 100 B", "peers/1024/mm2_tuned_over_umbra", "peers/100/mm2_tuned_over_umbra"),
		one("Kafka's follower fetch: the same", "peers/1024/follower_over_umbra", "peers/100/follower_over_umbra"),
		rivals("delay at 20 MB/s: umbra; MirrorMaker 2 as it comes; tuned; the source itself: median", "p50"),
		rivals("the same, 99th percentile", "p99"),
		delay("delay beyond Kafka's own at 1; 20; 50 MB/s: median", "kafka", "difference_p50"),
		delay("the same, 99th percentile", "kafka", "difference_p99"),
		one("99th percentile of all of it at 1; 20; 50 MB/s; Kafka's own at each", "rpo/kafka/1MB/delay_p99", "rpo/kafka/20MB/delay_p99", "rpo/kafka/50MB/delay_p99", "rpo/kafka/1MB/source_p99", "rpo/kafka/20MB/source_p99", "rpo/kafka/50MB/source_p99"),
		delay("delay from a source in memory, all of it, at 1; 20; 50 MB/s: median", "synthetic", "delay_p50"),
		delay("the same, 99th percentile", "synthetic", "delay_p99"),
		one("delay of a record that comes alone: beyond Kafka's own, median; longest of ten; all of it from memory, median; longest", "rpo/kafka/idle/difference_p50", "rpo/kafka/idle/difference_p99", "rpo/synthetic/idle/delay_p50", "rpo/synthetic/idle/delay_p99"),
		one("waking one sleeping thread up, before those rounds; a copy has one or two such hops more than its source: median; 99th percentile", "rpo/kafka/1MB/wake_p50", "rpo/kafka/1MB/wake_p99"),
		ranges("source killed in full flow at 20 MB/s, some times: acknowledged records that the shadow did not have", "rpo/kills/lost_records"),
		ranges("the same: the time in which they were acknowledged", "rpo/kills/lost_ms"),
		ranges("the same: from the command to topics that take writes", "rpo/kills/writable_ms"),
		one("failover, the source dead: 1,000 partitions; 10,000", "failover/100x10/seconds", "failover/1000x10/seconds"),
		ranges("catching up with some GiB after an outage, clients producing and consuming here", "catchup/rate_gib_per_s"),
		one("99th percentile of those producers: before; while it catches up; after", "catchup/local_produce_p99_before", "catchup/local_produce_p99_during", "catchup/local_produce_p99_after"),
		local("producing, acks=all, umbra fsyncs and Kafka does not: CPU, times Kafka's, at 1; 16; 256 connections", "produce", kept, "b1", "cpu_ratio"),
		local("the same: 99th percentile", "produce", kept, "b1", "p99_ratio"),
		local("producing when both fsync: CPU, times Kafka's", "produce", flushed, "b1", "cpu_ratio"),
		local("the same: 99th percentile", "produce", flushed, "b1", "p99_ratio"),
		local("producing when neither does (storage.fsync = interval, every 30 s): CPU, times Kafka's", "produce", interval, "b1", "cpu_ratio"),
		local("the same: 99th percentile", "produce", interval, "b1", "p99_ratio"),
		local("consuming: CPU, times Kafka's, at 1; 16; 256 connections", "consume", kept, "b16", "cpu_ratio"),
		local("reading the end while umbra fsyncs and Kafka does not: 99th percentile", "consume", kept, "b16", "p99_ratio"),
		local("the same when neither does", "consume", interval, "b16", "p99_ratio"),
	}
}

// headlineRows are the rows of which the reports have a figure; what is missing in one is
// shown as such.
func headlineRows(all []*Figure) string {
	byName := map[string]*Figure{}
	for _, f := range all {
		byName[f.Name] = f
	}
	var b strings.Builder
	for _, h := range headlines() {
		row := make([]*Figure, len(h.figures))
		measured := false
		for i, name := range h.figures {
			row[i] = byName[name]
			measured = measured || row[i] != nil
		}
		if measured {
			b.WriteString(h.row(row))
		}
	}
	return b.String()
}

// row is one row; a nil figure was not measured.
func (h *headline) row(figures []*Figure) string {
	var values, judged, goals []string
	unit := ""
	for _, f := range figures {
		if f == nil {
			values, judged = append(values, "-"), append(judged, "not measured")
			continue
		}
		if unit == "" {
			unit = f.Unit
		}
		value := Number(f.Value)
		if low, high := Number(f.Low), Number(f.High); h.spread && low != high {
			value += " (" + low + " to " + high + ")"
		}
		values = append(values, value)
		if f.Target == nil { // is there for comparison
			judged = append(judged, "-")
			continue
		}
		judged = append(judged, f.Judged())
		if goal := f.Goal(); !slices.Contains(goals, goal) {
			goals = append(goals, goal)
		}
	}
	verdict := judged[0]
	if len(slices.Compact(slices.Clone(judged))) > 1 {
		verdict = strings.Join(judged, "; ")
	}
	return fmt.Sprintf("| %s | **%s** %s | %s | %s |\n", cell(h.words), strings.Join(values, "; "), cell(unit), strings.Join(goals, "; "), verdict)
}
