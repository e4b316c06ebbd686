package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// SchemaCompare is the schema of a Comparison.
const SchemaCompare = "umbra-bench/compare/1"

// DefaultNoise is the least change that counts, as a part of the larger value: what
// two runs of the same code differ by on a quiet machine.
const DefaultNoise = 0.05

// Comparison is two runs of the same bench, figure by figure. A is the older, what B
// is held against.
type Comparison struct {
	Schema      string       `json:"schema"`
	A           Side         `json:"a"`
	B           Side         `json:"b"`
	Noise       float64      `json:"noise"` // the least change that counts, as a part of the larger value
	Differences []Difference `json:"differences,omitempty"`
	Changes     []Change     `json:"changes"` // the worst first
	Worse       int          `json:"worse"`   // how many of them
}

// Side is one of the two reports.
type Side struct {
	File    string    `json:"file"`
	Started time.Time `json:"started"`
	Umbra   string    `json:"umbra"`
}

// Difference is something about how the two were taken that is not alike.
type Difference struct {
	What string `json:"what"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// Change is one figure of both reports.
type Change struct {
	Name    string  `json:"name"`
	Verdict Outcome `json:"verdict"`
	Unit    string  `json:"unit"`
	A       *Figure `json:"a,omitempty"` // nil where only B has it
	B       *Figure `json:"b,omitempty"`
	Change  float64 `json:"change"` // B less A, as a part of A; of B where A is 0
	Band    float64 `json:"band"`   // what the change has to exceed, as a part of the same
}

// Outcome is what became of a figure.
type Outcome string

// The outcomes, in the order in which they are shown.
const (
	Worse     Outcome = "worse"
	Dirty     Outcome = "dirty"      // one of the two was disturbed: the change says nothing
	OtherUnit Outcome = "other unit" // the same name means something else
	Differs   Outcome = "differs"    // and neither direction is better
	OnlyA     Outcome = "only in A"
	Same      Outcome = "same" // within the noise
	Better    Outcome = "better"
	OnlyB     Outcome = "only in B"
)

// outcomeOrder is theirs in a table.
func outcomeOrder() []Outcome {
	return []Outcome{Worse, Dirty, OtherUnit, Differs, OnlyA, Same, Better, OnlyB}
}

// Compare holds b against a. A change counts when the two ranges of samples do not
// overlap and the medians differ by more than noise.
func Compare(a, b *Document, noise float64) (*Comparison, error) {
	if noise < 0 || noise >= 1 || math.IsNaN(noise) {
		return nil, fmt.Errorf("compare: a noise of %v %%: want 0 or more, and less than 100", 100*noise)
	}
	if a.Command() != b.Command() {
		return nil, fmt.Errorf("compare: A is of umbra-bench %s and B of umbra-bench %s: want two runs of the same bench", a.Command(), b.Command())
	}
	c := &Comparison{Schema: SchemaCompare, A: Side{Started: a.Started, Umbra: a.Umbra}, B: Side{Started: b.Started, Umbra: b.Umbra},
		Noise: noise, Differences: differences(&a.Head, &b.Head), Changes: []Change{}}
	other := map[string]*Figure{}
	for i := range b.Figures {
		other[b.Figures[i].Name] = &b.Figures[i]
	}
	for i := range a.Figures {
		f := &a.Figures[i]
		c.Changes = append(c.Changes, change(f, other[f.Name], noise))
		delete(other, f.Name)
	}
	for i := range b.Figures {
		if f := &b.Figures[i]; other[f.Name] != nil {
			c.Changes = append(c.Changes, Change{Name: f.Name, Verdict: OnlyB, Unit: f.Unit, B: f})
		}
	}
	for _, one := range c.Changes {
		if one.Verdict == Worse {
			c.Worse++
		}
	}
	order := outcomeOrder()
	slices.SortStableFunc(c.Changes, func(x, y Change) int {
		return cmp.Or(cmp.Compare(slices.Index(order, x.Verdict), slices.Index(order, y.Verdict)), cmp.Compare(y.loss(), x.loss()))
	})
	return c, nil
}

// change judges a figure of A beside the same one of B, nil where B has none.
func change(a, b *Figure, noise float64) Change {
	c := Change{Name: a.Name, Unit: a.Unit, A: a, B: b}
	if b == nil {
		c.Verdict = OnlyA
		return c
	}
	if a.Unit != b.Unit || a.Better != b.Better {
		c.Verdict = OtherUnit
		return c
	}
	by := b.Value - a.Value
	base := math.Abs(a.Value)
	if base == 0 {
		base = math.Abs(b.Value)
	}
	if base == 0 {
		c.Verdict = Same
	} else {
		c.Change, c.Band = by/base, band(a, b, noise)/base
		c.Verdict = judge(a.Better, c.Change, c.Band)
	}
	if a.Dirty || b.Dirty {
		c.Verdict = Dirty
	}
	return c
}

// band is how far the medians of two figures have to be apart: by more than noise,
// and by more than the parts of their ranges that lie between them.
func band(a, b *Figure, noise float64) float64 {
	between := 0.0
	for _, f := range []struct {
		*Figure
		up bool // the other one is above
	}{{a, b.Value > a.Value}, {b, a.Value > b.Value}} {
		switch {
		case !f.Spread():
		case f.up:
			between += f.High - f.Value
		default:
			between += f.Value - f.Low
		}
	}
	return max(noise*max(math.Abs(a.Value), math.Abs(b.Value)), between)
}

func judge(better string, change, band float64) Outcome {
	switch {
	case math.Abs(change) <= band:
		return Same
	case better == "":
		return Differs
	case (better == More) == (change > 0):
		return Better
	}
	return Worse
}

// loss is by how much the figure got worse, below 0 where it got better.
func (c *Change) loss() float64 {
	switch {
	case c.A == nil || c.B == nil:
		return 0
	case c.A.Better == More:
		return -c.Change
	case c.A.Better == Less:
		return c.Change
	}
	return math.Abs(c.Change)
}

// beside are flags that say where a report went and not what was measured.
func beside() []string { return []string{"json", "output", "umbra", "dir", "html", "png", "hlog"} }

// differences names what the two runs do not have in common, the machine first.
func differences(a, b *Head) []Difference {
	var out []Difference
	look := func(what string, x, y any) {
		if p, q := fmt.Sprint(x), fmt.Sprint(y); p != q {
			out = append(out, Difference{what, p, q})
		}
	}
	commit := func(h *Head) string {
		if h.Env.Modified {
			return h.Env.Commit + " with changes"
		}
		return h.Env.Commit
	}
	look("schema", a.Schema, b.Schema)
	look("CPU", a.Env.CPU, b.Env.CPU)
	look("cores", a.Env.Cores, b.Env.Cores)
	look("memory, GiB", a.Env.MemoryGiB, b.Env.MemoryGiB)
	look("kernel", a.Env.Kernel, b.Env.Kernel)
	look("file system", a.Env.FileSystem, b.Env.FileSystem)
	look("Go", a.Env.Go, b.Env.Go)
	look("Kafka", a.Env.Kafka, b.Env.Kafka)
	look("Java", a.Env.Java, b.Env.Java)
	look("commit", commit(a), commit(b))
	look("umbra", a.Umbra, b.Umbra)
	look("seed", a.Seed, b.Seed)
	look("dirty above", fmt.Sprintf("%.2f cores, %.0f%% stolen", a.Rule.OtherCores, 100*a.Rule.StealRatio), fmt.Sprintf("%.2f cores, %.0f%% stolen", b.Rule.OtherCores, 100*b.Rule.StealRatio))
	for _, name := range flagNames(a.Flags, b.Flags) {
		if !slices.Contains(beside(), name) && name != "seed" {
			look("--"+name, a.Flags[name], b.Flags[name])
		}
	}
	return out
}

// flagNames are those of all sets, sorted.
func flagNames(sets ...map[string]string) []string {
	var out []string
	for _, set := range sets {
		for name := range set {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
