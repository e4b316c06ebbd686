package main

import (
	"fmt"
	"io"
	"strings"

	"umbra/admin/api"
)

// renderLinkDescribe shows what a link was asked to do, what it leaves out and
// what is missing or was cut, then its latest events.
func renderLinkDescribe(w io.Writer, l *api.LinkStatus, v view) {
	d := &l.Definition
	fmt.Fprintf(w, "%s   %s   created %s\n", l.Name, v.state(l.State), dateText(l))
	fmt.Fprintf(w, "Source    %s\n", sentence("   ", strings.Join(d.Bootstrap, ","), clusterText(&l.Source), l.Source.Software))
	fmt.Fprintf(w, "Topics    %s\n", strings.Join(d.Topics, ", "))
	if len(d.Exclude) > 0 {
		fmt.Fprintf(w, "Exclude   %s\n", strings.Join(d.Exclude, ", "))
	}
	start := d.Start
	if start == "" {
		start = "earliest"
	}
	fmt.Fprintf(w, "Start     %s\n", start)
	renderOptions(w, l.Name, d.Options)
	fmt.Fprintf(w, "Copied    %s, %s\n", plural(l.Topics, "topic"), plural(l.Partitions, "partition"))

	fmt.Fprintf(w, "\nNot copied: %s\n", plural(excluded(l), "topic"))
	if len(l.Excluded) > 0 {
		t := newTable("TOPIC", "WHY", "DETAIL")
		for _, e := range l.Excluded {
			t.row(e.Topic, e.Reason, e.Detail)
		}
		t.write(w, v)
		if rest := excluded(l) - len(l.Excluded); rest > 0 {
			fmt.Fprintf(w, "... %d more\n", rest)
		}
	}
	stoppedTable(w, l, v)
	gapTable(w, l.Gaps, v)
	cutTable(w, l.Cuts, v)
	if len(l.Events) > 0 {
		fmt.Fprintln(w, "\nLatest events")
		t := newTable("TIME", "LEVEL", "EVENT", "TOPIC", "MESSAGE")
		for _, e := range l.Events {
			t.row(clock(e.At, l.Now), e.Level, e.Type, dash(eventTopic(&e)), e.Message)
		}
		t.write(w, v)
	}
}

// eventTopic is where an event happened; "" where the whole link is meant.
func eventTopic(e *api.Event) string {
	if e.Partition != nil {
		return fmt.Sprintf("%s[%d]", e.Topic, *e.Partition)
	}
	return e.Topic
}

func dateText(l *api.LinkStatus) string {
	if l.Definition.CreatedAt.IsZero() {
		return unknown
	}
	return fmt.Sprintf("%s (%s)", clock(l.Definition.CreatedAt, l.Now), ago(l.Definition.CreatedAt, l.Now))
}

// gapTable lists source offsets that were gone before they could be copied.
func gapTable(w io.Writer, gaps []api.Gap, v view) {
	if len(gaps) == 0 {
		return
	}
	fmt.Fprintln(w, "\nMissing: offsets that the source no longer had")
	t := newTable("TOPIC", "PARTITION", "FROM", "TO", "OFFSETS", "CAUSE")
	for _, g := range gaps {
		t.row(g.Topic, fmt.Sprint(g.Partition), count(g.From), count(g.To), count(g.To-g.From), g.Cause)
	}
	t.write(w, v)
}

// cutTable lists tails that the source had changed.
func cutTable(w io.Writer, cuts []api.Cut, v view) {
	if len(cuts) == 0 {
		return
	}
	fmt.Fprintln(w, "\nCut off: tails that the source had changed, kept in files")
	t := newTable("TOPIC", "PARTITION", "FROM", "TO", "SIZE", "FILE")
	for _, c := range cuts {
		t.row(c.Topic, fmt.Sprint(c.Partition), count(c.From), count(c.To), bytesText(c.Bytes), c.File)
	}
	t.write(w, v)
}

// renderPartitions lists partitions of a link in the order given.
func renderPartitions(w io.Writer, l *api.PartitionList, v view) {
	t := newTable("TOPIC", "PARTITION", "STATE", "START", "END", "SOURCE END", "LAG", "SECONDS", "EPOCH", "LEADER", "SHARD", "REASON")
	for _, p := range l.Partitions {
		leader := unknown
		if p.SourceLeaderID >= 0 {
			leader = fmt.Sprint(p.SourceLeaderID)
		}
		reason := reasonText(p.Reason)
		if reason == "" {
			reason = p.Error
		}
		t.row(p.Topic, fmt.Sprint(p.Partition), p.State, count(p.StartOffset), count(p.EndOffset), offset(p.SourceEndOffset),
			lagRecords(p.Lag), lagSeconds(p.Lag), fmt.Sprint(p.LeaderEpoch), leader, fmt.Sprint(p.Shard), reason)
		t.color(2, stateColor(p.State))
	}
	t.write(w, v)
	if rest := l.Total - len(l.Partitions); rest > 0 {
		fmt.Fprintf(w, "... %s more\n", count(int64(rest)))
	}
}

// renderLinkPlan shows what creating a link does, or did.
func renderLinkPlan(w io.Writer, p *api.LinkPlan, v view) {
	fmt.Fprintf(w, "Checked %s: %s, %s match; %s left out\n",
		sentence(" ", strings.Join(p.Link.Bootstrap, ","), parens(sentence(", ", p.Source.Software, plural(p.Source.Brokers, "broker")))),
		plural(len(p.Topics), "topic"), plural(p.Partitions, "partition"), plural(len(p.Excluded), "topic"))
	for _, warning := range p.Warnings {
		fmt.Fprintf(w, "%s   %s\n", v.paint(yellow, "warning"), warning)
	}
	if !p.DryRun {
		fmt.Fprintf(w, "Link %s created. Catching up.   Follow: umbra link status %s --watch\n", p.Link.Name, p.Link.Name)
		return
	}
	if len(p.Topics) > 0 {
		fmt.Fprintln(w)
		t := newTable("TOPIC", "PARTS", "RECORDS", "TOPIC ID")
		for _, topic := range p.Topics {
			t.row(topic.Topic, fmt.Sprint(topic.Partitions), offset(topic.Records), dash(topic.TopicID))
		}
		t.write(w, v)
	}
	if len(p.Excluded) > 0 {
		fmt.Fprintln(w)
		t := newTable("LEFT OUT", "WHY", "DETAIL")
		for _, e := range p.Excluded {
			t.row(e.Topic, e.Reason, e.Detail)
		}
		t.write(w, v)
	}
	fmt.Fprintf(w, "\nDry run: nothing was created.\n")
}
