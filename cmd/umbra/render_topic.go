package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"umbra/admin/api"
)

// renderTopicList shows all topics, worst first.
func renderTopicList(w io.Writer, l *api.TopicList, v view) {
	if len(l.Topics) == 0 {
		fmt.Fprintln(w, "No topics.")
		return
	}
	topics := slices.Clone(l.Topics)
	slices.SortStableFunc(topics, func(a, b api.TopicSummary) int {
		return cmp.Or(cmp.Compare(severity(a.State), severity(b.State)), cmp.Compare(a.Topic, b.Topic))
	})
	header := []string{"TOPIC", "STATE", "LINK", "WRITABLE", "PARTS", "SIZE", "REASON"}
	if v.wide {
		header = append(header, "TOPIC ID")
	}
	t := newTable(header...)
	for _, s := range topics {
		reason := ""
		if s.Reason != nil {
			reason = s.Reason.Code
			if s.Faulted < s.Partitions {
				reason = sentence(" ", reason, parens(stoppedText(s.Faulted, s.Partitions)))
			}
		}
		cells := []string{s.Topic, s.State, dash(s.Link), yesNo(s.Writable), fmt.Sprint(s.Partitions), bytesText(s.SizeBytes), reason}
		if v.wide {
			cells = append(cells[:6:6], dash(reason), s.TopicID)
		}
		t.row(cells...)
		t.color(1, stateColor(s.State))
	}
	t.write(w, v)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// renderTopic shows one topic.
func renderTopic(w io.Writer, d *api.TopicDescription, v view) {
	fmt.Fprintf(w, "%s   %s   id %s\n", d.Topic, v.state(d.State), d.TopicID)
	if d.Link != "" {
		source := sentence("   ", labelled("topic id", d.SourceTopicID), labelled("cluster", d.SourceClusterID))
		fmt.Fprintf(w, "Link      %s\n", sentence("   ", d.Link, parens(source)))
	}
	if d.Reason != nil {
		fmt.Fprintf(w, "Reason    %s\n", reasonText(d.Reason))
		fmt.Fprintf(w, "Next      %s\n", dash(d.Reason.Next))
	}
	if d.Lag != nil {
		fmt.Fprintf(w, "Lag       %s\n", sentence("   ", lagSentence(*d.Lag), othersText(d.Partial, d.TopicSummary.Partitions)))
	}
	fmt.Fprintf(w, "Writable  %s\n", yesNo(d.Writable))
	fmt.Fprintf(w, "Size      %s in %s\n", bytesText(d.SizeBytes), plural(d.TopicSummary.Partitions, "partition"))
	for i, key := range slices.Sorted(maps.Keys(d.Configs)) {
		label := ""
		if i == 0 {
			label = "Configs"
		}
		fmt.Fprintf(w, "%-9s %s=%s\n", label, key, d.Configs[key])
	}
	fmt.Fprintln(w)
	t := newTable("PARTITION", "STATE", "START", "HIGH WATERMARK", "STABLE", "END", "LAG", "SECONDS", "EPOCH", "SHARD", "SIZE", "REASON")
	for _, p := range d.PartitionRows {
		lag, lagTime, reason := "-", "-", ""
		if p.Lag != nil {
			lag, lagTime = lagRecords(*p.Lag), lagSeconds(*p.Lag)
		}
		if len(d.Stopped) > 0 { // else it is the topic's, and stands above
			reason = reasonText(p.Reason)
		}
		t.row(fmt.Sprint(p.Partition), p.State, count(p.StartOffset), count(p.HighWatermark), count(p.LastStableOffset), count(p.EndOffset),
			lag, lagTime, fmt.Sprint(p.LeaderEpoch), fmt.Sprint(p.Shard), bytesText(p.SizeBytes), reason)
		t.color(1, stateColor(p.State))
	}
	t.write(w, v)
}

func labelled(label, value string) string {
	if value == "" {
		return ""
	}
	return label + " " + value
}
