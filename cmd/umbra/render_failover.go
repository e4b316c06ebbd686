package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"umbra/admin/api"
)

// renderFailoverPlan shows what a failover now would do and what it would
// lose.
func renderFailoverPlan(w io.Writer, p *api.FailoverPlan, v view) {
	fmt.Fprintf(w, "%s  make %s (%s) of link %s writable at their current end\n",
		v.paint(bold, "PLAN"), plural(len(p.Topics), "topic"), plural(p.Partitions, "partition"), p.Link)
	fmt.Fprintf(w, "      estimated loss: %s   %s\n", lagSentence(p.EstimatedLoss), asOf(p.EstimatedLoss.AsOf, p.Now))
	if !p.Source.Reachable {
		when := "ever"
		if !p.Source.LastSeen.IsZero() {
			when = "after " + clock(p.Source.LastSeen, p.Now)
		}
		fmt.Fprintf(w, "      writes to the source %s cannot be known\n", when)
	}
	for _, c := range p.Checks {
		fmt.Fprintf(w, "      %s %s: %s\n", checkMark(c.Level, v), c.Name, c.Detail)
	}
	for _, s := range p.Skipped {
		fmt.Fprintf(w, "      left alone: %s, %s\n", s.Topic, s.Why)
	}
	fmt.Fprintf(w, "      it cannot be undone: a topic that is failed over no longer follows its source\n")
	if len(p.Topics) == 0 {
		return
	}
	fmt.Fprintln(w)
	topics := slices.Clone(p.Topics)
	slices.SortStableFunc(topics, func(a, b api.FailoverTopic) int {
		return cmp.Or(cmp.Compare(severity(a.State), severity(b.State)), cmp.Compare(lagOrder(b.Loss), lagOrder(a.Loss)), cmp.Compare(a.Topic, b.Topic))
	})
	t := newTable("TOPIC", "STATE", "PARTS", "LOSS", "SECONDS", "REASON")
	quiet := 0
	for _, topic := range topics {
		if topic.State == api.StateActive && noKnownLoss(topic.Loss) && !v.wide {
			if quiet++; quiet > topicRowsShown {
				continue
			}
		}
		t.row(topic.Topic, topic.State, fmt.Sprint(topic.Partitions), lagRecords(topic.Loss), lagSeconds(topic.Loss),
			sentence("; ", reasonText(topic.Reason), othersText(topic.Partial, topic.Partitions)))
		t.color(1, stateColor(topic.State))
	}
	t.write(w, v)
	moreRows(w, quiet, "without known loss (-o wide)")
}

func noKnownLoss(l api.Lag) bool { return l.Known() && l.Records == 0 }

// moreRows says how many of the quiet rows were left out.
func moreRows(w io.Writer, quiet int, why string) {
	if quiet > topicRowsShown {
		fmt.Fprintf(w, "... %d more %s\n", quiet-topicRowsShown, why)
	}
}

func checkMark(level api.CheckLevel, v view) string {
	switch level {
	case api.CheckOK:
		return v.paint(green, "[ok]")
	case api.CheckWarn:
		return v.paint(yellow, "[!!]")
	}
	return v.paint(red, "[no]")
}

// renderReceipt shows what a failover did. file is where the receipt was
// written, "" for nowhere.
func renderReceipt(w io.Writer, r *api.Receipt, file string, v view) {
	fmt.Fprintf(w, "%s   link %s: %s in %s\n", v.paint(outcomeColor(r.Outcome), r.Outcome), r.Link, receiptCounts(r), seconds(r.Seconds))
	loss := lagSentence(r.EstimatedLoss)
	fmt.Fprintf(w, "Loss      %s   %s\n", loss, asOf(r.EstimatedLoss.AsOf, r.FinishedAt))
	cut := plural(aborted(r), "open transaction") + " aborted"
	if r.PartitionsLeftOut {
		cut = "open transactions aborted"
	}
	fmt.Fprintf(w, "Cut       %s, producer ids from %s\n", cut, count(r.ProducerIDFloor))
	for _, t := range r.Topics {
		if t.State != api.StateFailedOver {
			fmt.Fprintf(w, "Not done  %s is %s: %s\n", t.Topic, v.state(t.State), reasonText(t.Reason))
		}
	}
	stoppedBefore(w, r, v)
	gaps, cuts := leftovers(r)
	if gaps+cuts > 0 {
		fmt.Fprintf(w, "Before    %s of source offsets missing, %s cut off (in the receipt)\n", plural(gaps, "range"), plural(cuts, "tail"))
	}
	fmt.Fprintln(w)
	t := newTable("TOPIC", "STATE", "PARTS", "RECORDS HELD", "LOSS", "SECONDS")
	quiet := 0
	for _, topic := range r.Topics {
		if topic.State == api.StateFailedOver && noKnownLoss(topic.Loss) && !v.wide {
			if quiet++; quiet > topicRowsShown {
				continue
			}
		}
		parts, held := "-", "-"
		if !r.PartitionsLeftOut {
			parts, held = fmt.Sprint(len(topic.Partitions)), count(recordsHeld(topic.Partitions))
		}
		t.row(topic.Topic, topic.State, parts, held, lagRecords(topic.Loss), lagSeconds(topic.Loss))
		t.color(1, stateColor(topic.State))
	}
	t.write(w, v)
	moreRows(w, quiet, "without known loss (-o wide)")
	fmt.Fprintln(w)
	if file != "" {
		fmt.Fprintf(w, "Receipt: %s (sha256 %s)\n", file, r.SHA256)
	}
	if len(r.Bootstrap) > 0 {
		fmt.Fprintf(w, "Point clients to: %s\n", strings.Join(r.Bootstrap, ","))
	}
}

func outcomeColor(outcome string) string {
	if outcome == api.OutcomeFailedOver {
		return green
	}
	return red
}

// receiptCounts is "41 topics, 336 partitions", or how many of how many.
func receiptCounts(r *api.Receipt) string {
	done, partitions := 0, 0
	for _, t := range r.Topics {
		if t.State == api.StateFailedOver {
			done++
			partitions += len(t.Partitions)
		}
	}
	counts := plural(done, "topic")
	if done < len(r.Topics) {
		counts = fmt.Sprintf("%d of %s", done, plural(len(r.Topics), "topic"))
	}
	if !r.PartitionsLeftOut {
		counts += ", " + plural(partitions, "partition")
	}
	return counts + " writable"
}

func recordsHeld(partitions []api.ReceiptPartition) (n int64) {
	for _, p := range partitions {
		n += p.FinalOffset - p.StartOffset
	}
	return n
}

func aborted(r *api.Receipt) (n int) {
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			n += int(p.EndOffset - p.FinalOffset) // a marker each; which they were is not known after a crash
		}
	}
	return n
}

func leftovers(r *api.Receipt) (gaps, cuts int) {
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			gaps += len(p.Gaps)
			cuts += len(p.Cuts)
		}
	}
	return gaps, cuts
}

// receiptFile names a receipt so that it sorts by time and is never reused.
func receiptFile(link string, at time.Time) string {
	safe := strings.Map(func(r rune) rune {
		if r == '/' || r == 0 {
			return '_'
		}
		return r
	}, link)
	return fmt.Sprintf("failover-%s-%s.json", safe, at.UTC().Format("20060102T150405Z"))
}
