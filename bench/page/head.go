package page

import (
	"fmt"
	"slices"
	"strings"
)

// machine is where it was measured: one value where all reports agree, else each.
func machine(sources []Source) []pair {
	var out []pair
	add := func(name string, of func(Source) string) {
		var seen []string
		for _, s := range sources {
			if v := of(s); v != "" && !slices.Contains(seen, v) {
				seen = append(seen, v)
			}
		}
		if len(seen) > 0 {
			out = append(out, pair{name, strings.Join(seen, "; ")})
		}
	}
	add("processor", func(s Source) string { return fmt.Sprintf("%s, %s", s.Env.CPU, count(s.Env.Cores, "core")) })
	add("memory", func(s Source) string { return fmt.Sprintf("%d GiB", s.Env.MemoryGiB) })
	add("kernel", func(s Source) string { return "Linux " + s.Env.Kernel })
	add("data on", func(s Source) string { return s.Env.FileSystem })
	add("Go", func(s Source) string { return s.Env.Go })
	add("Kafka", func(s Source) string { return s.Env.Kafka })
	add("Java", func(s Source) string { return s.Env.Java })
	add("commit", func(s Source) string {
		if s.Env.Modified {
			return s.Env.Commit + " with changes"
		}
		return s.Env.Commit
	})
	return out
}

// tally counts the verdicts.
func tally(sources []Source) []pill {
	n := map[string]int{}
	other := 0 // dirty, without a target
	for _, s := range sources {
		for i := range s.Figures {
			f := &s.Figures[i]
			if _, ok := f.Met(); ok {
				n[class(f)]++
			} else if f.Dirty {
				other++
			}
		}
	}
	var out []pill
	for _, p := range []struct{ class, text string }{{"met", "met"}, {"missed", "missed"}, {"undecided", "undecided"}, {"dirty", "dirty"}} {
		if n[p.class] > 0 {
			out = append(out, pill{p.class, count(n[p.class], "target") + " " + p.text})
		}
	}
	if other > 0 {
		out = append(out, pill{"dirty", count(other, "other figure") + " dirty"})
	}
	return out
}

// rule says when a window is dirty; empty where the reports do not agree.
func rule(sources []Source) string {
	r := sources[0].Rule
	for _, s := range sources {
		if s.Rule != r {
			return ""
		}
	}
	return fmt.Sprintf("other processes used more than %s cores, or the hypervisor took more than %s%% of the machine", round(r.OtherCores), round(100*r.StealRatio))
}

func benches(sources []Source) string {
	var seen []string
	for _, s := range sources {
		if c := s.Command(); !slices.Contains(seen, c) {
			seen = append(seen, c)
		}
	}
	return count(len(seen), "bench") + " (" + strings.Join(seen, ", ") + ")"
}

// days is the first and the last day of the reports.
func days(sources []Source) string {
	first, last := sources[0].Started, sources[0].Started
	for _, s := range sources {
		if s.Started.Before(first) {
			first = s.Started
		}
		if s.Started.After(last) {
			last = s.Started
		}
	}
	const day = "2 January 2006"
	a, b := first.UTC().Format(day), last.UTC().Format(day)
	if a == b {
		return "on " + a
	}
	return "from " + a + " to " + b
}

func count(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "ch"):
		return fmt.Sprintf("%d %ses", n, what)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func sortedKeys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
