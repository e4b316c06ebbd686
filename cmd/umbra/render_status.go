package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"umbra/admin/api"
)

// renderStatus shows the daemon and all links, worst first.
func renderStatus(w io.Writer, s *api.Status, v view) {
	b := &s.Broker
	fmt.Fprintln(w, sentence("   ", labelled("umbra", b.Version), b.Advertise, "up "+age(b.StartedAt, s.Now), labelled("cluster", b.ClusterID)))
	fmt.Fprintf(w, "Broker    %s, %s   %s\n", plural(s.Topics, "topic"), plural(s.Partitions, "partition"),
		sentence(", ", sentence(" ", b.Engine, parens(b.EngineReason)), plural(b.Shards, "shard")))
	fmt.Fprintf(w, "Disk      %s\n", sentence("   ", diskText(s.Disk), b.DataDir))
	for _, p := range s.Problems {
		fmt.Fprintf(w, "%s   %s   Next: %s\n", v.paint(red, "PROBLEM"), sentence(": ", p.Code, p.Detail), dash(p.Next))
	}
	fmt.Fprintln(w)
	if len(s.Links) == 0 {
		fmt.Fprintln(w, "No links. Create one: umbra link create NAME --from HOST:PORT --topics 'PATTERN,..'")
		return
	}
	links := worstFirst(s.Links)
	linkTable(links, s.Now).write(w, v)
	sick := 0
	for i := range links {
		if !links[i].Healthy() {
			sick++
		}
	}
	switch {
	case sick > 0:
		fmt.Fprintf(w, "\n%s: %d of %s need attention. Next: umbra link status %s\n", v.paint(red, "UNHEALTHY"), sick, plural(len(links), "link"), links[0].Name)
	case s.Healthy:
		fmt.Fprintf(w, "\n%s\n", v.paint(green, "HEALTHY"))
	default:
		fmt.Fprintf(w, "\n%s: the links are, the broker is not.\n", v.paint(red, "UNHEALTHY"))
	}
}

func diskText(d api.Disk) string {
	if d.TotalBytes <= 0 {
		return unknown
	}
	return fmt.Sprintf("%s free of %s (%.0f%%)", bytesText(d.FreeBytes), bytesText(d.TotalBytes), 100*float64(d.FreeBytes)/float64(d.TotalBytes))
}

// renderLinkList shows all links, worst first.
func renderLinkList(w io.Writer, l *api.LinkList, v view) {
	if len(l.Links) == 0 {
		fmt.Fprintln(w, "No links. Create one: umbra link create NAME --from HOST:PORT --topics 'PATTERN,..'")
		return
	}
	linkTable(worstFirst(l.Links), l.Now).write(w, v)
}

// worstFirst sorts a copy: unhealthy before healthy, then by state, then by
// recovery point, a larger or unknown one first.
func worstFirst(links []api.LinkSummary) []api.LinkSummary {
	links = slices.Clone(links)
	slices.SortStableFunc(links, func(a, b api.LinkSummary) int {
		return cmp.Or(
			cmp.Compare(truth(a.Healthy()), truth(b.Healthy())),
			cmp.Compare(severity(a.State), severity(b.State)),
			cmp.Compare(rpoOrder(b.RPO), rpoOrder(a.RPO)),
			cmp.Compare(a.Name, b.Name))
	})
	return links
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func rpoOrder(r api.RPO) float64 {
	if !r.Known() {
		return math.Inf(1)
	}
	return r.Seconds
}

func linkTable(links []api.LinkSummary, now time.Time) *table {
	t := newTable("NAME", "STATE", "SOURCE", "TOPICS", "RPO", "TARGET", "LAG", "IN", "SEEN", "REASON")
	for i := range links {
		l := &links[i]
		source := unknown
		if len(l.Source.Bootstrap) > 0 {
			source = l.Source.Bootstrap[0]
		}
		t.row(l.Name, l.State, source, fmt.Sprintf("%d/%d", ready(l), l.Topics), rpoText(l.RPO), rpoTarget(l.RPO),
			lagRecords(l.Lag), rate(l.BytesPerSecond), seen(l.Source, now), linkReason(l))
		t.color(1, stateColor(l.State))
		if l.RPO.Breached() && l.State != api.StateFailedOver {
			t.color(4, red)
		}
	}
	return t
}

// ready counts the topics that are as they should be.
func ready(l *api.LinkSummary) int {
	return l.TopicsByState[api.StateActive] + l.TopicsByState[api.StateFailedOver]
}

// linkReason is the short why of a list: a code, or the source's error and what
// is stopped.
func linkReason(l *api.LinkSummary) string {
	switch {
	case l.Reason != nil:
		return l.Reason.Code
	case !l.Source.Reachable && l.Source.Error != "" && l.State != api.StateFailedOver:
		return sentence("; ", l.Source.Error, stoppedText(l.Faulted, l.Partitions))
	}
	return stoppedText(l.Faulted, l.Partitions)
}
