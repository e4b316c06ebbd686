package soak

import (
	"context"
	"fmt"
	"strings"
	"time"

	"umbra/admin/api"
	"umbra/loadtest/workload"
)

// A Sample is one look at umbra and its source.
type Sample struct {
	Seconds  float64 `json:"seconds"` // since the run began
	Up       bool    `json:"up"`      // umbra answered
	TrueLag  int64   `json:"true_lag"`
	ToldLag  int64   `json:"told_lag"` // what umbra says
	Exact    bool    `json:"exact"`    // that it says it is exact
	Resident int64   `json:"resident_bytes"`
	Budget   int64   `json:"budget_bytes"`
	Threads  int     `json:"goroutines"`
	Files    int     `json:"files"`
}

const (
	lookEvery = 500 * time.Millisecond
	// silenceMax is how long an umbra that is left alone may answer nothing.
	silenceMax = 30 * time.Second
)

// A watch looks at umbra and at the source, over and over.
type watch struct {
	source     *source
	shadow     *shadow
	topics     *registry
	book       *book
	history    *history
	recoveries *recoveries
	log        *logScan

	samples  []Sample
	answered time.Time // the last answer
}

// followSource takes down where the source's logs end.
func (w *watch) followSource(ctx context.Context) {
	for ctx.Err() == nil {
		once, cancel := context.WithTimeout(ctx, 4*time.Second)
		if e, err := w.source.ends(once, w.topics.living()); err == nil {
			w.history.add(e)
		}
		cancel()
		wait(ctx, lookEvery)
	}
}

// followShadow asks umbra how it is.
func (w *watch) followShadow(ctx context.Context) {
	w.answered = time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		w.look(ctx, n)
		wait(ctx, lookEvery)
	}
}

func (w *watch) look(ctx context.Context, n int) {
	if w.shadow.died() {
		w.book.violate("alive", "umbra", "the process ended and nobody had ended it; its log ends:\n%s", w.shadow.ask.LogTail(30))
		return
	}
	w.log.scan(w.book, w.topics)
	age, up := w.shadow.up()
	if !up {
		w.answered = time.Now()
		return
	}
	once, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := w.ask(once)
	if ctx.Err() != nil {
		return
	}
	if _, still := w.shadow.up(); err != nil && still {
		if silent := min(age, time.Since(w.answered)); silent > silenceMax {
			w.book.violate("answers", "umbra", "no answer for %.0f s though it runs: %v", silent.Seconds(), err)
		}
		return
	}
	if err == nil {
		w.answered = time.Now()
		w.book.passed("answers", "umbra", "")
		if n%2 == 0 {
			w.samples = append(w.samples, s)
		}
		if n%20 == 0 {
			w.book.mu.Lock()
			w.book.write("figures", "sample", "", "", s)
			w.book.mu.Unlock()
		}
	}
}

// ask takes one sample and checks what it says.
func (w *watch) ask(ctx context.Context) (Sample, error) {
	s := Sample{Seconds: w.book.since(), Up: true}
	status, err := w.shadow.admin.Link(ctx, link)
	if err != nil {
		return s, err
	}
	rows, err := w.shadow.admin.Partitions(ctx, link, "", 0)
	if err != nil {
		return s, err
	}
	now := time.Now()
	values, err := w.shadow.ask.MetricValues(ctx)
	if err != nil {
		return s, err
	}
	w.checkStates(status)
	w.checkLags(rows.Partitions, now, &s)
	w.checkMemory(values, &s)
	s.Threads = int(values["go_goroutines"])
	s.Files, err = w.shadow.files()
	return s, err
}

// checkStates: no topic is stopped, and nothing was refused or cut, that the nemesis has
// not brought about.
func (w *watch) checkStates(status *api.LinkStatus) {
	for _, row := range status.TopicRows {
		t, known := w.topics.find(row.Topic)
		if row.State != api.StateFaulted {
			continue
		}
		if known && t.fate == recreated && row.Reason != nil && row.Reason.Code == "SOURCE_RECREATED" {
			continue
		}
		w.book.violate("states", row.Topic, "FAULTED, reason %s; the nemesis made no cause for it", reasonText(row.Reason))
	}
	if status.RefusedAnswers > 0 {
		w.book.violate("refused", link, "%d answers of the source were refused as wrong; it sends no wrong ones", status.RefusedAnswers)
	}
	for _, c := range status.Cuts {
		w.book.violate("cuts", fmt.Sprintf("%s/%d", c.Topic, c.Partition), "offsets %d to %d were cut; the source has taken nothing back", c.From, c.To)
	}
	w.book.passed("states", link, "")
}

func reasonText(r *api.Reason) string {
	if r == nil {
		return "none"
	}
	return strings.TrimSpace(r.Code + " " + r.Detail)
}

// checkLags: no lag is smaller than what was known to be missing.
func (w *watch) checkLags(rows []api.PartitionRow, now time.Time, s *Sample) {
	latest, _ := w.history.latest()
	held := map[workload.TopicPartition]int64{}
	s.Exact = true
	for _, row := range rows {
		t, known := w.topics.find(row.Topic)
		if !known || t.fate != live {
			continue
		}
		tp := workload.TopicPartition{Topic: row.Topic, Partition: row.Partition}
		held[tp] = row.EndOffset
		s.ToldLag += row.Lag.Records
		s.Exact = s.Exact && row.Lag.Bound == api.Exact
		s.TrueLag += max(0, latest.of[tp]-row.EndOffset)
		if lie := lagLie(row, w.history, now); lie != "" {
			w.book.violate("lag", fmt.Sprintf("%s/%d", row.Topic, row.Partition), "%s", lie)
			continue
		}
		w.book.passed("lag", "", "")
	}
	w.recoveries.look(w.history, held, now)
}

// checkMemory: the process is not larger than the sum that it says it may come to.
// Unpacking is for producers' batches, which nobody sends to a shadow, and goes with the
// garbage it may leave.
func (w *watch) checkMemory(values map[string]float64, s *Sample) {
	for name, v := range values {
		if strings.HasPrefix(name, "umbra_memory_budget_bytes{") {
			s.Budget += int64(v)
		}
	}
	s.Budget -= int64(values[`umbra_memory_budget_bytes{holder="unpacking"}`]) * 5 / 4
	s.Resident = int64(values["process_resident_memory_bytes"])
	if s.Budget <= 0 || s.Resident == 0 {
		w.book.violate("memory", "umbra", "the metrics do not tell: budget %d, resident %d bytes", s.Budget, s.Resident)
		return
	}
	if s.Resident > s.Budget {
		w.book.violate("memory", "umbra", "%d MiB resident, the budget is %d MiB", s.Resident>>20, s.Budget>>20)
		return
	}
	w.book.passed("memory", "", "")
}
