package soak

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/loadtest/rawfetch"
	"umbra/loadtest/workload"
)

// An ack is one acknowledged record, as it lies in a file: offset, digest of the record,
// digest of its key.
type ack struct {
	offset   int64
	sum, key [8]byte
}

const ackSize = 24

// sumOf identifies a record by its key, value and headers.
func sumOf(r *kgo.Record) (s [8]byte) {
	d := workload.DigestOf(r)
	copy(s[:], d[:])
	return s
}

// A ledger holds every acknowledged record of a run, in a file per partition: a run of
// hours has more of them than fit into memory. Any goroutine may use it.
type ledger struct {
	dir string

	mu    sync.Mutex
	files map[workload.TopicPartition]*ackFile
	n     int64
	err   error // the first that a file had
	last  time.Time
}

type ackFile struct {
	f *os.File
	w *bufio.Writer
	n int64
}

func newLedger(dir string) (*ledger, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return &ledger{dir: dir, files: map[workload.TopicPartition]*ackFile{}}, nil
}

// ack enters a record that the cluster has acknowledged.
func (l *ledger) ack(r *kgo.Record) {
	var b [ackSize]byte
	sum, key := sumOf(r), sumOf(&kgo.Record{Key: r.Key})
	binary.BigEndian.PutUint64(b[:], uint64(r.Offset))
	copy(b[8:], sum[:])
	copy(b[16:], key[:])
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := l.file(workload.TopicPartition{Topic: r.Topic, Partition: r.Partition})
	if err == nil {
		_, err = f.w.Write(b[:])
	}
	if err != nil {
		l.err = errors.Join(l.err, err)
		return
	}
	f.n++
	l.n++
	l.last = time.Now()
}

func (l *ledger) file(tp workload.TopicPartition) (*ackFile, error) {
	if f := l.files[tp]; f != nil {
		return f, nil
	}
	f, err := os.OpenFile(filepath.Join(l.dir, fmt.Sprintf("%s-%d", tp.Topic, tp.Partition)), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	l.files[tp] = &ackFile{f: f, w: bufio.NewWriterSize(f, 32<<10)}
	return l.files[tp], nil
}

// len is the number of acknowledged records.
func (l *ledger) len() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// partitions lists the logs with acknowledged records, sorted.
func (l *ledger) partitions() []workload.TopicPartition {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []workload.TopicPartition
	for tp := range l.files {
		out = append(out, tp)
	}
	slices.SortFunc(out, func(a, b workload.TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return out
}

// of reads back one log's acks, sorted by offset.
func (l *ledger) of(tp workload.TopicPartition) ([]ack, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.files[tp]
	if f == nil {
		return nil, nil
	}
	if err := errors.Join(l.err, f.w.Flush()); err != nil {
		return nil, fmt.Errorf("read ledger of %s/%d: %w", tp.Topic, tp.Partition, err)
	}
	raw, err := io.ReadAll(io.NewSectionReader(f.f, 0, f.n*ackSize))
	if err != nil {
		return nil, fmt.Errorf("read ledger of %s/%d: %w", tp.Topic, tp.Partition, err)
	}
	acks := make([]ack, 0, f.n)
	for ; len(raw) >= ackSize; raw = raw[ackSize:] {
		a := ack{offset: int64(binary.BigEndian.Uint64(raw))}
		copy(a.sum[:], raw[8:])
		copy(a.key[:], raw[16:])
		acks = append(acks, a)
	}
	slices.SortFunc(acks, func(a, b ack) int { return cmp.Compare(a.offset, b.offset) })
	return acks, nil
}

// close drops the files.
func (l *ledger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		f.f.Close()
	}
}

// A Reckoning is what became of acknowledged records.
type Reckoning struct {
	Acked     int64 `json:"acked"`
	Present   int64 `json:"present"`   // at their offset, with their content
	Trimmed   int64 `json:"trimmed"`   // below the log start
	Compacted int64 `json:"compacted"` // superseded by a later record of the same key, and gone
	Lost      int64 `json:"lost"`      // at or above the end of what was copied
	Unseen    int64 `json:"unseen"`    // in a topic or partition that came, and perhaps went, while umbra did not see
}

func (r *Reckoning) add(o Reckoning) {
	r.Acked += o.Acked
	r.Present += o.Present
	r.Trimmed += o.Trimmed
	r.Compacted += o.Compacted
	r.Lost += o.Lost
	r.Unseen += o.Unseen
}

// reckon holds one log's acks against a cluster: each at its offset with its content
// in the log as it is, but for what lies below its start, and at or above end: that is
// lost.
func (l *ledger) reckon(ctx context.Context, s side, tp workload.TopicPartition, log rawfetch.Bounds, end int64, compacted bool) (Reckoning, error) {
	acks, err := l.of(tp)
	if err != nil {
		return Reckoning{}, err
	}
	r := Reckoning{Acked: int64(len(acks))}
	newest := map[[8]byte]int64{}
	if compacted {
		for _, a := range acks {
			newest[a.key] = a.offset
		}
	}
	var todo []expectation
	for _, a := range acks {
		switch {
		case a.offset < log.Start:
			r.Trimmed++
		case a.offset >= end:
			r.Lost++
		default:
			todo = append(todo, expectation{offset: a.offset, sum: a.sum, optional: compacted && newest[a.key] != a.offset})
		}
	}
	present, err := holds(ctx, s, tp.Topic, tp.Partition, todo, min(end, log.HighWatermark))
	r.Present, r.Compacted = int64(present), int64(len(todo)-present)
	return r, err
}

// An expectation is a record that a log must show at an offset; an optional one may be
// gone, but must not be another.
type expectation struct {
	offset   int64
	sum      [8]byte
	optional bool
}

// holds checks that a log has what is expected of it, sorted by offset; all of it lies
// below end. It returns how many of the records were there.
func holds(ctx context.Context, s side, topic string, partition int32, todo []expectation, end int64) (present int, err error) {
	if len(todo) == 0 {
		return 0, nil
	}
	missing := func(e expectation) error {
		return wrongf("%s: %s/%d: the record at offset %d is missing", s.name, topic, partition, e.offset)
	}
	for r, err := range records(ctx, s, topic, partition, todo[0].offset, end) {
		if err != nil {
			return present, err
		}
		for len(todo) > 0 && todo[0].offset < r.Offset {
			if !todo[0].optional {
				return present, missing(todo[0])
			}
			todo = todo[1:]
		}
		if len(todo) == 0 {
			return present, nil
		}
		if todo[0].offset != r.Offset {
			continue // nobody expects it: it was not acknowledged, or is another's
		}
		if got := sumOf(r); got != todo[0].sum {
			return present, wrongf("%s: %s/%d: the record at offset %d is another one: digest %x, want %x", s.name, topic, partition, r.Offset, got, todo[0].sum)
		}
		present++
		todo = todo[1:]
	}
	for _, e := range todo {
		if !e.optional {
			return present, missing(e)
		}
	}
	return present, nil
}
