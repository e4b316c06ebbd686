package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"umbra/admin/api"
)

// topicRowsShown is how many healthy topics a status shows unless it is wide;
// the others are always shown.
const topicRowsShown = 10

// renderLinkStatus shows one link: what it is worth now, what is wrong with
// it, and the next step.
func renderLinkStatus(w io.Writer, l *api.LinkStatus, v view) {
	now := l.Now
	fmt.Fprintf(w, "%s   %s   %s\n", l.Name, v.state(l.State), sourceSeen(l))
	fmt.Fprintf(w, "Source    %s\n", sentence("   ", strings.Join(l.Source.Bootstrap, ","), clusterText(&l.Source), l.Source.Software))
	if l.Reason != nil {
		fmt.Fprintf(w, "Reason    %s\n", reasonText(l.Reason))
	}
	rpo := spoken(l.RPO.Bound, seconds(l.RPO.Seconds))
	if l.RPO.TargetSeconds > 0 {
		rpo += ", target " + seconds(l.RPO.TargetSeconds)
	}
	color := plain
	if l.RPO.Breached() && l.State != api.StateFailedOver {
		color = red
	}
	fmt.Fprintf(w, "RPO       %s   %s\n", v.paint(color, rpo), asOf(l.RPO.AsOf, now))
	fmt.Fprintf(w, "Lag       %s   %s\n", lagSentence(l.Lag), asOf(l.Lag.AsOf, now))
	fmt.Fprintf(w, "In        %s, %s records/s\n", rate(l.BytesPerSecond), count(int64(l.RecordsPerSec)))
	fmt.Fprintf(w, "Topics    %s   excluded: %d (umbra link describe %s)\n", topicCounts(&l.LinkSummary), excluded(l), l.Name)
	if n := len(l.Gaps) + len(l.Cuts); n > 0 {
		fmt.Fprintf(w, "Gaps      %s missing, %s cut off (umbra link describe %s)\n", plural(len(l.Gaps), "range"), plural(len(l.Cuts), "tail"), l.Name)
	}
	if l.RefusedAnswers > 0 {
		fmt.Fprintf(w, "Refused   %s answers of the source had wrong bytes and were dropped\n", count(l.RefusedAnswers))
	}
	if n := len(l.Events); n > 0 {
		e := &l.Events[n-1]
		fmt.Fprintf(w, "Latest    %s   %s   (umbra link describe %s)\n", clock(e.At, now), sentence("   ", e.Type, eventTopic(e), e.Message), l.Name)
	}
	topicRows(w, l, v)
	for i, next := range nextSteps(l) {
		label := "Next: "
		if i > 0 {
			label = "      "
		} else {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, label+next)
	}
}

func sourceSeen(l *api.LinkStatus) string {
	s := &l.Source
	switch {
	case s.LastSeen.IsZero():
		return sentence(" ", "source never seen", parens(s.Error))
	case s.Reachable:
		return "source reachable, " + plural(s.Brokers, "broker")
	}
	return sentence(" ", fmt.Sprintf("source last seen %s, %s", clock(s.LastSeen, l.Now), ago(s.LastSeen, l.Now)), parens(s.Error))
}

func parens(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

func clusterText(s *api.Source) string {
	if s.ClusterID == "" {
		return ""
	}
	return "cluster " + s.ClusterID
}

// topicCounts is "41 ready   1 faulted (1 of 96 partitions stopped)   0 failed over".
func topicCounts(l *api.LinkSummary) string {
	parts := []string{fmt.Sprintf("%d ready", l.TopicsByState[api.StateActive]), sentence(" ", fmt.Sprintf("%d faulted", l.TopicsByState[api.StateFaulted]), parens(stoppedText(l.Faulted, l.Partitions)))}
	if n := l.TopicsByState[api.StatePaused]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d paused", n))
	}
	if n := l.TopicsByState[api.StateFailingOver]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d failing over", n))
	}
	parts = append(parts, fmt.Sprintf("%d failed over", l.TopicsByState[api.StateFailedOver]))
	return strings.Join(parts, "   ")
}

// topicRows lists the topics, worst first.
func topicRows(w io.Writer, l *api.LinkStatus, v view) {
	rows := slices.Clone(l.TopicRows)
	slices.SortStableFunc(rows, func(a, b api.TopicRow) int {
		return cmp.Or(cmp.Compare(severity(a.State), severity(b.State)),
			cmp.Compare(lagOrder(b.Lag), lagOrder(a.Lag)), cmp.Compare(a.Topic, b.Topic))
	})
	if len(rows) == 0 {
		if l.Topics == 0 {
			fmt.Fprintln(w, "\nNo topic of the source matches yet.")
		}
		return
	}
	fmt.Fprintln(w)
	header := []string{"TOPIC", "STATE", "PARTS", "LAG", "SECONDS", "REASON"}
	if v.wide {
		header = append(header[:5:5], "BYTES", "TOPIC ID", "REASON")
	}
	t := newTable(header...)
	shown, quiet := 0, 0
	for _, r := range rows {
		if fine := r.State == api.StateActive || r.State == api.StateFailedOver; fine && !v.wide {
			if quiet++; quiet > topicRowsShown {
				continue
			}
		}
		shown++
		cells := []string{r.Topic, r.State, fmt.Sprint(r.Partitions), lagRecords(r.Lag), lagSeconds(r.Lag)}
		if v.wide {
			cells = append(cells, bounded(r.Lag.Bound, bytesText(r.Lag.Bytes)), dash(r.TopicID))
		}
		t.row(append(cells, sentence("; ", reasonText(r.Reason), othersText(r.Partial, r.Partitions)))...)
		t.color(1, stateColor(r.State))
	}
	t.write(w, v)
	if rest := len(rows) - shown; rest > 0 {
		fmt.Fprintf(w, "... %d more (-o wide)\n", rest)
	}
}

func lagOrder(l api.Lag) float64 {
	return rpoOrder(api.RPO{Seconds: l.Seconds, Bound: l.Bound})
}

func reasonText(r *api.Reason) string {
	if r == nil {
		return ""
	}
	return sentence(": ", r.Code, r.Title, r.Detail)
}

// excluded counts the topics left out, of which only the first are listed.
func excluded(l *api.LinkStatus) int { return max(l.ExcludedTotal, len(l.Excluded)) }

// nextSteps is what a person does now, the most urgent first; none when there
// is nothing to do.
func nextSteps(l *api.LinkStatus) (steps []string) {
	switch l.State {
	case api.StateUnreachable:
		steps = append(steps, fmt.Sprintf("umbra failover %s --dry-run   (shows what a failover now would lose)", l.Name))
	case api.StatePaused:
		steps = append(steps, "umbra link resume "+l.Name)
	case api.StateFailingOver:
		steps = append(steps, fmt.Sprintf("umbra link status %s --watch", l.Name))
	case api.StateFailedOver:
		steps = append(steps, "point clients here, if they are not yet")
	}
	if l.Reason != nil && l.Reason.Next != "" {
		steps = append(steps, l.Reason.Next)
	}
	for _, r := range l.TopicRows {
		if r.State == api.StateFaulted && r.Reason != nil && r.Reason.Next != "" {
			return append(steps, fmt.Sprintf("topic %s: %s", r.Topic, r.Reason.Next))
		}
	}
	return steps
}
