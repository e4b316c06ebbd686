package segment

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"umbra/kafkaproto/batch"
)

// model is the log as it must be: the batches in a list.
type model struct {
	batches []made
	start   int64
	end     int64
}

func (m *model) add(b []byte) {
	v := batch.View(b)
	m.batches = append(m.batches, made{b, v.BaseOffset(), v.LastOffset()})
	m.end = v.LastOffset() + 1
}

// from gives the batches that hold offset or lie behind it.
func (m *model) from(offset int64) []made {
	for i, b := range m.batches {
		if b.last >= offset {
			return m.batches[i:]
		}
	}
	return nil
}

// state is the replay of all batches.
func (m *model) state() *State {
	s := new(State)
	s.Reset(0)
	for _, b := range m.batches {
		h := batch.View(b.bytes).Head(0)
		s.Apply(&h, b.bytes)
	}
	return s
}

// truncate does what TruncateTo must do.
func (m *model) truncate(offset int64) (cut []byte, from int64) {
	keep := len(m.batches)
	for i, b := range m.batches {
		if b.last >= offset {
			keep = i
			break
		}
	}
	if keep == len(m.batches) {
		if keep == 0 {
			m.start, m.end = min(m.start, offset), min(m.end, offset)
		}
		return nil, m.end
	}
	for _, b := range m.batches[keep:] {
		cut = append(cut, b.bytes...)
	}
	first := m.batches[keep]
	m.batches = m.batches[:keep]
	switch {
	case offset <= m.start:
		m.batches, m.end = nil, offset
	case first.base <= m.start:
		m.end = first.base
	case keep == 0:
		m.end = m.start
	default:
		m.end = max(m.batches[keep-1].last+1, m.start)
	}
	m.start = min(m.start, m.end)
	return cut, m.end
}

// machine is one run of random operations.
type machine struct {
	*rig
	rt    *rapid.T
	rec   *recorder
	model model
	rnd   *rand.Rand
	seqs  map[int64]int32
	open_ map[int64]bool
	epoch int32
	keeps string
}

func TestModel(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		rapid.Check(t, func(rt *rapid.T) {
			runMachine(t, rt, engine)
		})
	})
}

func runMachine(t *testing.T, rt *rapid.T, engine string) {
	sub := &modelTB{T: t, rt: rt}
	defer sub.finish()
	cfg := Config{
		SegmentBytes:  int64(rapid.IntRange(2000, 60000).Draw(rt, "segmentBytes")),
		IndexInterval: rapid.IntRange(1, 5000).Draw(rt, "indexInterval"),
		FlushBytes:    int64(rapid.IntRange(1, 30000).Draw(rt, "flushBytes")),
	}
	m := &machine{rig: newRig(sub, engine, cfg), rt: rt, seqs: map[int64]int32{}, open_: map[int64]bool{},
		rnd: rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))}
	m.hot = NewHot(int64(rapid.SampledFrom([]int{0, 20000, 1 << 20}).Draw(rt, "hot")))
	m.reads = NewReads(int64(rapid.SampledFrom([]int{1, 100_000, 1 << 20}).Draw(rt, "reads")))
	m.keeps = filepath.Join(filepath.Dir(m.dir), "kept")
	m.rec = newRecorder(m.rig)
	m.open()
	if rapid.Bool().Draw(rt, "firstAbove") {
		m.reset(int64(rapid.IntRange(0, 1000).Draw(rt, "first")))
	}
	rt.Repeat(map[string]func(*rapid.T){
		"":         func(*rapid.T) { m.invariants() },
		"mirror":   m.stepMirror,
		"mirror2":  m.stepMirror,
		"append":   m.stepAppend,
		"append2":  m.stepAppend,
		"turn":     func(rt *rapid.T) { m.turns(rapid.IntRange(1, 6).Draw(rt, "turns")) },
		"pump":     func(*rapid.T) { m.pump() },
		"pass":     func(*rapid.T) { m.pass(60 * time.Millisecond) },
		"idle":     func(*rapid.T) { m.pass(time.Minute); m.log.RollIfDue(m.now) },
		"read":     m.stepRead,
		"flush":    m.stepFlush,
		"truncate": m.stepTruncate,
		"start":    m.stepStart,
		"reset": func(rt *rapid.T) {
			if rapid.IntRange(0, 5).Draw(rt, "really") == 0 {
				m.reset(m.model.end + int64(rapid.IntRange(0, 100).Draw(rt, "up")))
			}
		},
		"reopen": func(*rapid.T) { m.close(); m.rec.reset(); m.reopenAnd("clean") },
		"crash":  m.stepCrash,
	})
	m.pump()
	m.invariants()
	m.compare("at the end", m.log.start)
	m.push = nil
}

func (m *machine) turns(n int) {
	for range n {
		m.turn(m.rnd.IntN(2) == 0)
	}
}

func (m *machine) invariants() {
	l := m.log
	if l.start != m.model.start || l.end != m.model.end {
		m.rt.Fatalf("log is %d to %d, want %d to %d", l.start, l.end, m.model.start, m.model.end)
	}
	if l.durable > l.written || l.written > l.end {
		m.rt.Fatalf("durable %d written %d end %d", l.durable, l.written, l.end)
	}
	if lso := l.LastStableOffset(); lso > l.written {
		m.rt.Fatalf("last stable offset %d above written %d", lso, l.written)
	}
	if m.failed != nil {
		m.rt.Fatalf("the log failed: %v", m.failed)
	}
}

func (m *machine) compare(what string, offset int64) {
	upTo := m.log.written // it may rise while we read
	if offset < m.log.start || offset >= upTo {
		return
	}
	want := m.model.from(offset)
	for len(want) > 0 && want[len(want)-1].last >= upTo {
		want = want[:len(want)-1]
	}
	equalBatches(m.t, what, m.readTo(offset, upTo, 1+m.rnd.IntN(20000)), want)
}

// modelTB lets rapid shrink: what fails the rig fails the rapid run.
type modelTB struct {
	*testing.T
	rt       *rapid.T
	cleanups []func()
	dirs     []string
}

func (m *modelTB) Fatal(args ...any)            { m.rt.Helper(); m.rt.Fatal(args...) }
func (m *modelTB) Fatalf(f string, args ...any) { m.rt.Helper(); m.rt.Fatalf(f, args...) }
func (m *modelTB) Error(args ...any)            { m.rt.Helper(); m.rt.Error(args...) }
func (m *modelTB) Errorf(f string, args ...any) { m.rt.Helper(); m.rt.Errorf(f, args...) }
func (m *modelTB) Failed() bool                 { return m.rt.Failed() }
func (m *modelTB) Helper()                      {}
func (m *modelTB) Logf(f string, args ...any)   { m.rt.Logf(f, args...) }
func (m *modelTB) Cleanup(f func())             { m.cleanups = append(m.cleanups, f) }
func (m *modelTB) TempDir() string {
	d, err := os.MkdirTemp("", "segment-model-")
	if err != nil {
		m.Fatal(err)
	}
	m.dirs = append(m.dirs, d)
	return d
}

func (m *modelTB) finish() {
	for i := len(m.cleanups) - 1; i >= 0; i-- {
		m.cleanups[i]()
	}
	for _, d := range m.dirs {
		os.RemoveAll(d)
	}
}
