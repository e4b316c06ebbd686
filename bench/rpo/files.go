package rpo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"umbra/bench/hdr"
	"umbra/bench/report"
)

// writeHDR writes an interval log with every round of both sides, and a percentile
// distribution of each case and side.
func (r *run) writeHDR() (err error) {
	if err := os.MkdirAll(r.HDR, 0o755); err != nil {
		return fmt.Errorf("write histograms: %w", err)
	}
	f, err := os.Create(filepath.Join(r.HDR, "rpo.hlog"))
	if err != nil {
		return fmt.Errorf("write histograms: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	log, err := hdr.NewLog(f, r.out.Started, time.Microsecond, "umbra-bench rpo", r.out.Umbra, "from the source's acknowledgement to readable; tags are SOURCE/PACE/SIDE")
	if err != nil {
		return err
	}
	for _, c := range r.out.Cases {
		for side, of := range map[string]func(*Round) *hdrhistogram.Histogram{"source": ofSource, "shadow": ofShadow} {
			for i := range c.Rounds {
				round := &c.Rounds[i]
				if err := log.Add(c.Source+"/"+c.Pace+"/"+side, round.from, round.to, of(round)); err != nil {
					return err
				}
			}
			name := fmt.Sprintf("rpo-%s-%s-%s.hgrm", report.FileName(c.Source), c.Pace, side)
			if err := writePercentiles(filepath.Join(r.HDR, name), c.merged(of)); err != nil {
				return err
			}
		}
	}
	return nil
}

func writePercentiles(path string, h *hdrhistogram.Histogram) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write histograms: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return hdr.WritePercentiles(f, h, 1000)
}
