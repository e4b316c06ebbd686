package ceiling

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"umbra/bench/measure"
	"umbra/bench/progress"
	"umbra/bench/report"
)

// The things that are done, in the order of a report.
const (
	Memcpy = "memcpy" // from memory to memory, both beyond any cache
	CRC    = "crc32c" // over 1 MiB that lies in a cache, as a batch that has just arrived
	Disk   = "disk"   // O_DIRECT, one new file from front to back, 1 MiB blocks, 4 under way
)

// Options say how long to measure.
type Options struct {
	Rounds    int           // samples of each
	Each      time.Duration // of a sample of memory and processor
	DiskBytes int64         // of a sample of the disk
	Dir       string        // on the disk to be measured
}

// DefaultOptions take about three seconds.
func DefaultOptions(dir string) Options {
	return Options{Rounds: 3, Each: 200 * time.Millisecond, DiskBytes: 1 << 30, Dir: dir}
}

// Ceiling is what was found.
type Ceiling struct {
	Things []Thing `json:"things"`
}

// Thing is one of them.
type Thing struct {
	Name    string   `json:"name"`
	Skipped string   `json:"skipped,omitempty"` // why it was not measured
	Samples []Sample `json:"samples,omitempty"`
}

// Sample is one stretch.
type Sample struct {
	Bytes  int64          `json:"bytes"`
	GiBps  float64        `json:"gib_per_second"`
	Cost   float64        `json:"cpu_s_per_gib"` // of this process, user and system
	Window measure.Window `json:"window"`
}

// work does one sample and says how many bytes that was.
type work func() (int64, error)

// Measure takes the things in turns, Rounds times.
func Measure(ctx context.Context, o Options, p progress.Line) (*Ceiling, error) {
	disk, closeDisk, err := newDisk(o.Dir, o.DiskBytes)
	if err != nil && !errors.Is(err, errBuffered) {
		return nil, err
	}
	memory, unmap, merr := newMemory(o.Each)
	if merr != nil {
		return nil, errors.Join(merr, closeDisk())
	}
	out := &Ceiling{Things: []Thing{{Name: Memcpy}, {Name: CRC}, {Name: Disk}}}
	works := []work{memory.copy, memory.crc, disk}
	if err != nil {
		out.Things[2].Skipped = err.Error()
		works = works[:2]
	}
	err = nil
	for range o.Rounds {
		for i, w := range works {
			p.Say("what this machine can do: %s", out.Things[i].Name)
			var s Sample
			if s, err = sample(w); err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return out, errors.Join(fmt.Errorf("measure %s: %w", out.Things[i].Name, err), closeDisk(), unmap())
			}
			out.Things[i].Samples = append(out.Things[i].Samples, s)
		}
	}
	return out, errors.Join(closeDisk(), unmap())
}

func sample(w work) (Sample, error) {
	watch, err := measure.Begin(map[string]int{"bench": os.Getpid()})
	if err != nil {
		return Sample{}, err
	}
	n, err := w()
	if err != nil {
		return Sample{}, err
	}
	win, err := watch.End(measure.DefaultRule())
	gib := float64(n) / (1 << 30)
	return Sample{Bytes: n, GiBps: gib / win.Wall.Seconds(), Cost: win.CPU["bench"].Seconds() / gib, Window: win}, err
}

// Thing finds one by name; nil when it was not measured.
func (c *Ceiling) Thing(name string) *Thing {
	for i := range c.Things {
		if c.Things[i].Name == name && len(c.Things[i].Samples) > 0 {
			return &c.Things[i]
		}
	}
	return nil
}

// GiBps is a thing's median rate; 0 when it was not measured.
func (c *Ceiling) GiBps(name string) float64 {
	if t := c.Thing(name); t != nil {
		return t.figure("", "", "", func(s *Sample) float64 { return s.GiBps }).Value
	}
	return 0
}

// Cost is a thing's median cost in CPU-seconds per GiB; 0 when it was not measured.
func (c *Ceiling) Cost(name string) float64 {
	if t := c.Thing(name); t != nil {
		return t.figure("", "", "", func(s *Sample) float64 { return s.Cost }).Value
	}
	return 0
}

// Figures are two for each thing, below a path: PATH/memcpy/gib_per_s and
// PATH/memcpy/cpu_s_per_gib.
func (c *Ceiling) Figures(path string) []report.Figure {
	var out []report.Figure
	for i := range c.Things {
		t := &c.Things[i]
		if len(t.Samples) == 0 {
			continue
		}
		at := path + "/" + t.Name + "/"
		out = append(out,
			t.figure(at+"gib_per_s", "GiB/s", report.More, func(s *Sample) float64 { return s.GiBps }),
			t.figure(at+"cpu_s_per_gib", "CPU-s/GiB", report.Less, func(s *Sample) float64 { return s.Cost }))
	}
	return out
}

func (t *Thing) figure(name, unit, better string, of func(*Sample) float64) report.Figure {
	f := report.Figure{Name: name, Unit: unit, Better: better, Samples: len(t.Samples)}
	var v []float64
	for i := range t.Samples {
		v = append(v, of(&t.Samples[i]))
		f.Dirty = f.Dirty || !t.Samples[i].Window.Clean()
	}
	f.Value, f.Low, f.High = report.Median(v)
	return f
}
