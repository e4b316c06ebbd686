package soak

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Result is the verdict and what it rests on.
type Result struct {
	Seed    uint64    `json:"-"`
	Started time.Time `json:"-"`
	Seconds float64   `json:"-"`
	Umbra   string    `json:"-"` // version

	Verdict    string           `json:"verdict"` // PASS or FAIL
	Command    string           `json:"command"` // that repeats the run
	Setup      Setup            `json:"setup"`
	Violations []Violation      `json:"violations"`
	Checks     map[string]Count `json:"checks"`
	Events     map[Kind]int     `json:"events"`
	Marks      []Mark           `json:"marks"`
	Recoveries []Recovery       `json:"recoveries"`
	// Interrupted recoveries are those that another event began in.
	Interrupted int      `json:"recoveries_interrupted"`
	Samples     []Sample `json:"-"`

	Rounds        int      `json:"full_comparisons"`
	CompareSecs   float64  `json:"full_comparison_seconds"`
	BytesCompared int64    `json:"bytes_compared"`
	Acked         int64    `json:"acked"`
	AckedBytes    int64    `json:"acked_bytes"`
	Failed        int64    `json:"not_acknowledged"`
	Committed     int64    `json:"transactions_committed"`
	AbortedTxns   int64    `json:"transactions_aborted"`
	Resets        int      `json:"resets"`
	LogLines      int64    `json:"log_lines"`
	LogErrors     int64    `json:"log_errors"` // expected ones; others are violations
	Failover      Failover `json:"failover"`

	Journal string `json:"journal"` // file
	Dir     string `json:"dir"`     // the run's folder, empty when it was removed
}

// Pass says whether nothing was found that cannot be.
func (r *Result) Pass() bool { return r.Verdict == "PASS" }

// Page writes the verdict for a person.
func (r *Result) Page(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s   seed %d, %v, %s\n\n", r.Verdict, r.Seed, (time.Duration(r.Seconds) * time.Second), r.Umbra)
	if r.Verdict == "NONE" && len(r.Violations) == 0 {
		fmt.Fprintf(&b, "It could not be run to its end, and proves nothing. Journal: %s\n", r.Journal)
		_, err := io.WriteString(w, b.String())
		return err
	}
	for i, v := range r.Violations {
		if i == 0 {
			fmt.Fprintf(&b, "First violation, %.1f s after the start (%s):\n  %s, %s: %s\n  The nemesis had just done:\n", v.Seconds, v.At.Format(time.RFC3339), v.Check, v.Subject, indent(v.Detail))
			for _, e := range v.Events {
				fmt.Fprintf(&b, "    %s\n", e)
			}
			fmt.Fprintf(&b, "  To run it again:\n    %s\n", r.Command)
			continue
		}
		if i == 6 {
			fmt.Fprintf(&b, "  and %d more in the journal\n", len(r.Violations)-i)
			break
		}
		fmt.Fprintf(&b, "  then, at %.1f s: %s, %s: %.300s\n", v.Seconds, v.Check, v.Subject, indent(v.Detail))
	}
	if len(r.Violations) > 0 {
		fmt.Fprintln(&b)
	}
	fmt.Fprintf(&b, "Load      %d records acknowledged (%s), %d not; %d transactions committed, %d aborted\n", r.Acked, bytesText(r.AckedBytes), r.Failed, r.Committed, r.AbortedTxns)
	fmt.Fprintf(&b, "Compared  %s byte for byte, while it ran and in %d full comparisons (%.1f s of nobody writing)\n", bytesText(r.BytesCompared), r.Rounds, r.CompareSecs)
	f := r.Failover
	fmt.Fprintf(&b, "Failover  the source died %s; %d topics in %.3f s%s; of %d acknowledged records %d are here, %d the source had trimmed or compacted, %d were lost, %d lie in topics umbra never saw\n",
		f.Ending, f.Topics, f.Seconds, map[bool]string{true: ", killed amid"}[f.Killed], f.Records.Acked, f.Records.Present, f.Records.Trimmed+f.Records.Compacted, f.Records.Lost, f.Records.Unseen)
	if f.Bound != "" {
		fmt.Fprintf(&b, "          the receipt says %s %d lost; the source, back again, had %d offsets beyond the cut\n", strings.ReplaceAll(f.Bound, "_", " "), f.ToldLost, f.TrueLost)
	}
	fmt.Fprintf(&b, "After it  %d records acknowledged by umbra; after kill -9 %d present, %d trimmed by its own retention\n", f.Later.Acked, f.Later.Present, f.Later.Trimmed)
	fmt.Fprintf(&b, "Log       %d lines, %d errors that the nemesis explains\n\n", r.LogLines, r.LogErrors)
	r.tables(&b)
	fmt.Fprintf(&b, "\nLedger of events and checks: %s\n", r.Journal)
	if r.Dir != "" {
		fmt.Fprintf(&b, "Data and logs are kept in %s\n", r.Dir)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func indent(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ") }

func bytesText(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

func (r *Result) tables(b *strings.Builder) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "EVENT\tTIMES\tRECOVERIES\tMEDIAN S\tMAX S\t")
	for _, k := range Kinds() {
		times := r.RecoveriesOf(k)
		if r.Events[k] == 0 {
			continue
		}
		if len(times) == 0 {
			fmt.Fprintf(t, "%s\t%d\t0\t-\t-\t\n", k, r.Events[k])
			continue
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%.1f\t%.1f\t\n", k, r.Events[k], len(times), times[len(times)/2], times[len(times)-1])
	}
	t.Flush()
	fmt.Fprintln(b)
	fmt.Fprintln(t, "CHECK\tDONE\tSKIPPED\tFAILED\t")
	for _, name := range slices.Sorted(maps.Keys(r.Checks)) {
		c := r.Checks[name]
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t\n", name, c.Done, c.Skipped, c.Failed)
	}
	t.Flush()
}

// RecoveriesOf is the seconds of one kind's recoveries, sorted; an empty kind is all.
func (r *Result) RecoveriesOf(k Kind) (out []float64) {
	for _, x := range r.Recoveries {
		if k == "" || x.Kind == k {
			out = append(out, x.Seconds)
		}
	}
	slices.Sort(out)
	return out
}
