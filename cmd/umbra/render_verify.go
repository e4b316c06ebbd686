package main

import (
	"fmt"
	"io"
	"strings"

	"umbra/admin/api"
)

// differencesShown is how many differences are printed; the JSON form has more.
const differencesShown = 20

// renderVerify shows what was compared, what differs, and what was not
// compared. Topics that differ come first.
func renderVerify(w io.Writer, r *api.VerifyReport, v view) {
	t := newTable("TOPIC", "PARTS", "RANGE COMPARED", "BATCHES", "BYTES", "RESULT")
	for _, result := range []api.VerifyResult{api.Different, api.Nothing, api.Identical} {
		for _, topic := range r.Topics {
			if topic.Result != result {
				continue
			}
			compared := "nothing"
			if topic.To > topic.From {
				compared = fmt.Sprintf("%s..%s", count(topic.From), count(topic.To-1))
			}
			t.row(topic.Topic, fmt.Sprint(topic.Partitions), compared, count(topic.Batches), bytesText(topic.Bytes), resultText(topic.Result))
			t.color(5, resultColor(topic.Result))
		}
	}
	t.write(w, v)
	if len(r.Differences) > 0 {
		fmt.Fprintln(w)
		t := newTable("DIFFERENCE", "PARTITION", "OFFSET", "WHAT", "SOURCE", "SHADOW")
		for _, d := range r.Differences[:min(len(r.Differences), differencesShown)] {
			t.row(d.Topic, fmt.Sprint(d.Partition), count(d.Offset), d.What, dash(d.Source), dash(d.Shadow))
		}
		t.write(w, v)
		if rest := r.DifferencesTotal - int64(min(len(r.Differences), differencesShown)); rest > 0 {
			fmt.Fprintf(w, "... %s more\n", count(rest))
		}
	}
	uncomparedTable(w, r.NotCompared, v)
	fmt.Fprintf(w, "\n%s: %s, %s, %s in %s: %s.\n", v.paint(resultColor(r.Result), strings.ToUpper(resultText(r.Result))),
		plural(len(r.Topics), "topic"), plural(r.Partitions, "partition"), bytesText(r.Bytes), seconds(r.Seconds),
		plural(int(r.DifferencesTotal), "difference"))
}

// uncomparedTable lists what was left out; most of it is the end of busy
// partitions, so it is cut short unless the view is wide.
func uncomparedTable(w io.Writer, ranges []api.Uncompared, v view) {
	if len(ranges) == 0 {
		return
	}
	shown := len(ranges)
	if !v.wide {
		shown = min(shown, differencesShown)
	}
	fmt.Fprintln(w)
	t := newTable("NOT COMPARED", "PARTITION", "RANGE", "WHY")
	for _, u := range ranges[:shown] {
		partition, offsets := "all", "all"
		if u.Partition >= 0 {
			partition = fmt.Sprint(u.Partition)
		}
		if u.To > u.From {
			offsets = fmt.Sprintf("%s..%s", count(u.From), count(u.To-1))
		}
		t.row(u.Topic, partition, offsets, u.Why)
	}
	t.write(w, v)
	if rest := len(ranges) - shown; rest > 0 {
		fmt.Fprintf(w, "... %d more (-o wide)\n", rest)
	}
}

func resultText(r api.VerifyResult) string { return strings.ReplaceAll(string(r), "_", " ") }

func resultColor(r api.VerifyResult) string {
	switch r {
	case api.Identical:
		return green
	case api.Nothing:
		return yellow
	}
	return red
}
