package ceiling

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"umbra/bench/measure"
	"umbra/bench/progress"
	"umbra/bench/report"
)

func small(dir string) Options {
	return Options{Rounds: 2, Each: 5 * time.Millisecond, DiskBytes: 6 << 20, Dir: dir}
}

func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	c, err := Measure(context.Background(), small(dir), progress.Line{})
	if err != nil {
		t.Fatal(err)
	}
	for _, thing := range c.Things {
		if thing.Skipped != "" {
			t.Logf("%s: %s", thing.Name, thing.Skipped)
			continue
		}
		if len(thing.Samples) != 2 {
			t.Errorf("%s: %d samples of 2", thing.Name, len(thing.Samples))
		}
		for _, s := range thing.Samples {
			if s.Bytes < 1<<20 || s.GiBps <= 0 || s.Cost <= 0 || s.Window.Wall <= 0 {
				t.Errorf("%s: %+v", thing.Name, s)
			}
		}
	}
	if d := c.Thing(Disk); d != nil && d.Samples[0].Bytes != 6<<20 {
		t.Errorf("wrote %d bytes of 6 MiB", d.Samples[0].Bytes)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	doc := report.Document{Figures: c.Figures("link/ceiling")}
	if err := doc.Check(); err != nil {
		t.Error(err)
	}
	if c.GiBps(CRC) <= 0 || c.GiBps("nothing") != 0 {
		t.Errorf("crc %v, nothing %v", c.GiBps(CRC), c.GiBps("nothing"))
	}
}

func TestMeasureNowhere(t *testing.T) {
	if _, err := Measure(context.Background(), small("/nowhere/at/all"), progress.Line{}); err == nil || !strings.Contains(err.Error(), "/nowhere/at/all") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := t.TempDir()
	if _, err := Measure(ctx, small(dir), progress.Line{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWakes(t *testing.T) {
	got, err := Wakes(context.Background(), 3, time.Millisecond)
	if err != nil || len(got) != 3 || slices.Min(got) <= 0 {
		t.Errorf("got %v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if got, err := Wakes(ctx, 3, 0); !errors.Is(err, context.Canceled) || len(got) != 1 {
		t.Errorf("cancelled: %v, %v", got, err)
	}
}

func TestFigures(t *testing.T) {
	noisy := measure.Window{Noise: []string{"noise"}}
	c := Ceiling{Things: []Thing{
		{Name: CRC, Samples: []Sample{{GiBps: 9, Cost: 0.11}, {GiBps: 13, Cost: 0.07, Window: noisy}, {GiBps: 12, Cost: 0.08}}},
		{Name: Disk, Skipped: "it is not there"},
	}}
	got := c.Figures("x")
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	want := report.Figure{Name: "x/crc32c/gib_per_s", Unit: "GiB/s", Better: report.More, Value: 12, Low: 9, High: 13, Samples: 3, Dirty: true}
	if got[0] != want {
		t.Errorf("got %+v, want %+v", got[0], want)
	}
	if got[1].Name != "x/crc32c/cpu_s_per_gib" || got[1].Value != 0.08 || got[1].Better != report.Less {
		t.Errorf("got %+v", got[1])
	}
}
