package main

import (
	"fmt"
	"io"

	"umbra/admin/api"
)

// stoppedText is "1 of 12 partitions stopped"; "" when none is.
func stoppedText(stopped, partitions int) string {
	if stopped == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %s stopped", stopped, plural(partitions, "partition"))
}

// othersText is what the partitions of a topic do that go on while others are
// stopped; "" when there are none.
func othersText(p api.Partial, partitions int) string {
	if p.OthersLag == nil {
		return ""
	}
	return fmt.Sprintf("%d go on, lag %s, %s", partitions-len(p.Stopped), lagRecords(*p.OthersLag), lagSeconds(*p.OthersLag))
}

// stoppedTable lists the partitions that are stopped while others of their
// topics go on.
func stoppedTable(w io.Writer, l *api.LinkStatus, v view) {
	t := newTable("TOPIC", "PARTITION", "SINCE", "OTHERS", "THEIR LAG", "SECONDS", "REASON")
	for _, r := range l.TopicRows {
		for _, s := range r.Stopped {
			since, lag, lagTime := unknown, "-", "-"
			if !s.Since.IsZero() {
				since = clock(s.Since, l.Now)
			}
			if r.OthersLag != nil {
				lag, lagTime = lagRecords(*r.OthersLag), lagSeconds(*r.OthersLag)
			}
			t.row(r.Topic, fmt.Sprint(s.Partition), since, fmt.Sprint(r.Partitions-len(r.Stopped)), lag, lagTime, reasonText(&s.Reason))
		}
	}
	if len(t.rows) > 0 {
		fmt.Fprintln(w, "\nStopped partitions: the others of their topics go on, with the lag shown")
		t.write(w, v)
	}
}

// stoppedShown is how many partitions a receipt spells out unless it is wide.
const stoppedShown = 10

// stoppedBefore says which partitions had stopped alone before a failover.
func stoppedBefore(w io.Writer, r *api.Receipt, v view) {
	n := 0
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			if p.Stopped == nil {
				continue
			}
			if n++; n <= stoppedShown || v.wide {
				fmt.Fprintf(w, "Stopped   %s[%d] was copied to %s only: %s\n", t.Topic, p.Partition, count(p.FinalOffset), reasonText(p.Stopped))
			}
		}
	}
	if rest := n - stoppedShown; rest > 0 && !v.wide {
		fmt.Fprintf(w, "          ... %d more (in the receipt)\n", rest)
	}
}
