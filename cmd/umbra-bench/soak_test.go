package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"umbra/bench/report"
	"umbra/loadtest/soak"
)

func TestRateFlag(t *testing.T) {
	var r rate
	for text, want := range map[string]rate{"5MB/s": 5e6, "1MiB": 1 << 20, "20kB/s": 20e3} {
		if err := r.Set(text); err != nil || r != want {
			t.Errorf("%q: %d, %v; want %d", text, r, err, want)
		}
	}
	if err := r.Set("5MB/h"); err == nil {
		t.Error("5MB/h was taken")
	}
}

// What cannot be run is told by another status than what was found.
func TestSoakThatCannotRun(t *testing.T) {
	root := newRoot()
	root.SetArgs([]string{"soak", "--brokers", "2", "--umbra", "/dev/null"})
	root.SetOut(io.Discard)
	err := root.ExecuteContext(context.Background())
	if err == nil || !strings.Contains(err.Error(), "--brokers is 2") || exitCode(err) != exitNotRun {
		t.Errorf("%v, status %d", err, exitCode(err))
	}
	if exitCode(errors.New("soak: 1 violations")) != 1 {
		t.Error("a violation has another status than 1")
	}
}

func TestSoakDocument(t *testing.T) {
	r := &soak.Result{Verdict: "PASS", Seed: 3, Events: map[soak.Kind]int{soak.KillUmbra: 2, soak.Trim: 1},
		Recoveries: []soak.Recovery{{Kind: soak.KillUmbra, Seconds: 4}, {Kind: soak.KillUmbra, Seconds: 1}, {Kind: soak.KillUmbra, Seconds: 2}, {Kind: soak.Trim, Seconds: 8}},
		Marks:      []soak.Mark{{Kind: soak.KillUmbra, Seconds: 10, Lasted: 2}, {Kind: soak.Trim, Seconds: 20}},
		Failover:   soak.Failover{Records: soak.Reckoning{Acked: 10, Present: 8, Lost: 2}, ToldLost: 2}}
	for i := range 3000 {
		r.Samples = append(r.Samples, soak.Sample{Seconds: float64(i), TrueLag: int64(i % 7), Resident: 1 << 20, Budget: 2 << 20})
	}
	d := soakDocument(r, 3, t.TempDir())
	figures := map[string]report.Figure{}
	for _, f := range d.Figures {
		figures[f.Name] = f
	}
	if f := figures["soak/recovery/kill-umbra"]; f.Value != 2 || f.Low != 1 || f.High != 4 || f.Samples != 3 {
		t.Errorf("recovery: %+v", f)
	}
	if f := figures["soak/recovery/all"]; f.Value != 3 || f.High != 8 || f.Samples != 4 {
		t.Errorf("all recoveries: %+v", f)
	}
	if figures["soak/lost/acknowledged"].Value != 2 || figures["soak/violations"].Value != 0 || d.Schema != soakSchema || d.Seed != 3 {
		t.Errorf("%+v", d)
	}
	lag := d.Charts[0]
	if len(lag.Series) != 4 || len(lag.Series[0].X) > pointsMax || lag.Series[0].Y[0] != 5 {
		t.Errorf("lag: %d series, %d points, worst of the first %v", len(lag.Series), len(lag.Series[0].X), lag.Series[0].Y[:2])
	}
	for _, c := range d.Charts {
		for _, s := range c.Series {
			if len(s.X) != len(s.Y) || len(s.X) == 0 {
				t.Errorf("%s, %s: %d points in X, %d in Y", c.ID, s.Name, len(s.X), len(s.Y))
			}
		}
	}
}
