package segment

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"umbra/ioring"
	"umbra/ioring/buf"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
)

// rig is a shard's loop by hand: everything a Log calls back runs when the
// test turns it, on the test's goroutine.
type rig struct {
	t       testing.TB
	dir     string
	cfg     Config
	id      Identity
	ring    *ioring.Ring
	arena   *buf.Arena
	hot     *Hot
	reads   *Reads // nil: the log's own
	log     *Log
	now     time.Time
	jobs    []job
	timers  []*rigTimer
	dirty   bool
	failed  error
	push    func(*ioring.Op) error // nil: the ring's
	refuse  func() error           // an error for the next offloaded job, instead of running it
	offsets int                    // calls of Advanced
}

type rigTimer struct {
	at time.Time
	f  func()
}

func engines(t *testing.T, f func(t *testing.T, engine string)) {
	for _, e := range []string{ioring.EngineUring, ioring.EnginePwrite} {
		t.Run(e, func(t *testing.T) {
			if _, err := ioring.New(ioring.Config{Engine: e}); err != nil {
				t.Skipf("this machine has no %s: %v", e, err)
			}
			f(t, e)
		})
	}
}

func newRig(t testing.TB, engine string, cfg Config) *rig {
	r := &rig{t: t, dir: filepath.Join(testDir(t), "orders-0"), cfg: cfg, hot: NewHot(8 << 20),
		id: Identity{Topic: kafkaproto.TopicID{1, 2, 3}, Index: 7}, now: time.UnixMilli(1_700_000_000_000)}
	var err error
	if r.ring, err = ioring.New(ioring.Config{Engine: engine, CheckMemory: true}); err != nil {
		t.Fatal(err)
	}
	r.arena = newArena(t, r.ring, 64<<20, true)
	t.Cleanup(r.shut)
	return r
}

// testDir is on a disk with O_DIRECT where the usual temporary directory is not.
func testDir(t testing.TB) string {
	if dir := os.Getenv("UMBRA_TEST_DIR"); dir != "" {
		d, err := os.MkdirTemp(dir, "segment-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(d) })
		return d
	}
	return t.TempDir()
}

func newArena(t testing.TB, ring *ioring.Ring, budget int64, poison bool) *buf.Arena {
	a, err := buf.NewArena(buf.Config{Budget: budget, Poison: poison,
		OnExtent: func(mem []byte, index int) {
			if err := ring.Register(mem, index); err != nil {
				t.Logf("register extent: %v", err)
			}
		},
		OnTrim: func(index int) { ring.Unregister(index) }})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (r *rig) shut() {
	if r.log != nil && !r.log.closed && r.failed == nil && r.push == nil {
		r.close()
	}
	if r.log != nil {
		r.log.Release()
		r.log.dropPieces()
	}
	if err := r.ring.Close(); err != nil {
		r.t.Errorf("close ring: %v", err)
	}
	if r.t.Failed() {
		return
	}
	if n := r.arena.Stats().InUse(); n != 0 {
		r.t.Errorf("%d slabs leaked", n)
	}
	if err := r.arena.Close(); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) env() Env {
	return Env{Identity: r.id, Ring: r.ring, Arena: r.arena, Hot: r.hot, Reads: r.reads,
		Now:     func() time.Time { return r.now },
		Offload: func(work func() error, then func(error)) { r.jobs = append(r.jobs, job{work, then}) },
		After: func(d time.Duration, f func()) func() {
			tm := &rigTimer{r.now.Add(d), f}
			r.timers = append(r.timers, tm)
			return func() { tm.f = nil }
		},
		Dirty: func() {
			if r.dirty {
				r.t.Error("Dirty called twice without Kick")
			}
			r.dirty = true
		},
		Advanced: func() { r.offsets++ },
		Failed:   func(err error) { r.failed = err },
		push:     r.push,
	}
}

func (r *rig) tryOpen() (*Log, error) { return Open(r.dir, r.cfg, r.env()) }

func (r *rig) open() *Log {
	r.t.Helper()
	l, err := r.tryOpen()
	if err != nil {
		r.t.Fatal(err)
	}
	r.log, r.dirty, r.failed = l, false, nil
	return l
}

// turn is one turn of the loop; it reports whether anything happened.
func (r *rig) turn(wait bool) bool {
	did := false
	if r.dirty {
		r.dirty, did = false, true
		r.log.Kick()
	}
	if err := r.ring.Submit(); err != nil {
		r.t.Fatal(err)
	}
	if len(r.jobs) > 0 {
		did = true
		j := r.jobs[0]
		r.jobs = r.jobs[1:]
		r.runJob(j)
	} else if wait && !r.dirty && r.ring.InFlight() > 0 {
		r.ring.Wait(time.Second)
	}
	return r.ring.Reap() > 0 || did || r.dirty || r.ring.InFlight() > 0
}

func (r *rig) runJob(j job) {
	if r.refuse != nil {
		if err := r.refuse(); err != nil {
			j.done(err)
			return
		}
	}
	j.done(j.work())
}

// pump turns until nothing is left to do without time passing.
func (r *rig) pump() {
	for r.turn(true) {
	}
}

// pass lets d go by and pumps.
func (r *rig) pass(d time.Duration) {
	r.now = r.now.Add(d)
	timers := r.timers
	r.timers = nil
	for _, tm := range timers {
		switch {
		case tm.f == nil:
		case tm.at.After(r.now):
			r.timers = append(r.timers, tm)
		default:
			tm.f()
		}
	}
	r.pump()
}

// await pumps until done was called, and gives its error.
func (r *rig) await(start func(done func(error))) error {
	r.t.Helper()
	var got *error
	start(func(err error) {
		if got != nil {
			r.t.Error("done called twice")
		}
		got = &err
	})
	for i := 0; got == nil; i++ {
		if !r.turn(true) && i > 100000 {
			r.t.Fatal("nothing left to do, and done was not called")
		}
	}
	return *got
}

func (r *rig) must(start func(done func(error))) {
	r.t.Helper()
	if err := r.await(start); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) close() {
	r.t.Helper()
	r.must(r.log.Close)
	r.pump()
}

func (r *rig) reopen() *Log {
	r.t.Helper()
	r.close()
	return r.open()
}

// options are those of a legal local append.
func (r *rig) options() AppendOptions {
	epoch, _ := r.log.LatestEpoch()
	return AppendOptions{Term: r.log.Term(), LeaderEpoch: max(epoch, 0), Now: r.now}
}

// made is a batch as it must be found in the log.
type made struct {
	bytes      []byte
	base, last int64
}

type batchSpec struct {
	base, last int64 // last < base: as many as records
	size       int   // about, in bytes
	records    int
	ts         int64
	epoch      int32
	producer   *batch.Producer
	txn        bool
}

var builders = sync.Pool{New: func() any { return new(batch.Builder) }}

func makeBatch(s batchSpec) []byte {
	b := builders.Get().(*batch.Builder)
	defer builders.Put(b)
	*b = batch.Builder{BaseOffset: s.base, LastOffset: s.last, LeaderEpoch: s.epoch, Producer: s.producer, Transactional: s.txn}
	n := max(s.records, 1)
	per := max(0, (s.size-batch.HeadSize)/n-12)
	rnd := rand.New(rand.NewPCG(uint64(s.base), uint64(s.size)))
	for i := range n {
		value := make([]byte, per)
		for j := range value {
			value[j] = byte(rnd.Uint32())
		}
		b.Add(batch.Record{Timestamp: s.ts + int64(i), Key: fmt.Appendf(nil, "k%d", i), Value: value})
	}
	out, err := b.Build(nil)
	if err != nil {
		panic(err)
	}
	return out
}

// mirror puts batches into the log the way a link does.
func (r *rig) mirror(batches ...[]byte) error {
	var all []byte
	var heads []batch.Head
	for _, b := range batches {
		heads = append(heads, batch.View(b).Head(len(all)))
		all = append(all, b...)
	}
	mem, err := r.log.Reserve(len(all))
	if err != nil {
		return err
	}
	copy(mem, all)
	return r.log.Commit(r.log.Term(), 0, heads)
}

// read reads everything from offset on in steps of maxBytes and checks that
// only whole batches come.
func (r *rig) read(offset int64, maxBytes int) []made {
	r.t.Helper()
	return r.readTo(offset, r.log.WrittenOffset(), maxBytes)
}

func (r *rig) readTo(offset, upTo int64, maxBytes int) []made {
	r.t.Helper()
	var out []made
	for offset < upTo {
		got, err := r.readOnce(ReadRequest{Offset: offset, UpTo: upTo, MaxBytes: maxBytes, MinOneBatch: true})
		if err != nil {
			r.t.Fatalf("read at %d: %v", offset, err)
		}
		if len(got) == 0 {
			return out
		}
		if got[0].last < offset {
			r.t.Fatalf("read at %d gives a batch that ends at %d", offset, got[0].last)
		}
		out = append(out, got...)
		offset = got[len(got)-1].last + 1
	}
	return out
}

func (r *rig) readOnce(req ReadRequest) ([]made, error) {
	r.t.Helper()
	var out []made
	err := r.await(func(done func(error)) {
		r.log.Read(req, func(res ReadResult) {
			n := 0
			for _, s := range res.Spans {
				n += len(s.Bytes)
				out = append(out, split(r.t, s.Bytes)...)
				s.Release()
			}
			if n != res.Bytes {
				r.t.Errorf("result says %d bytes and has %d", res.Bytes, n)
			}
			if res.Err != nil && n > 0 {
				r.t.Errorf("result has both %d bytes and error %v", n, res.Err)
			}
			done(res.Err)
		})
	})
	return out, err
}

func split(t testing.TB, b []byte) []made {
	t.Helper()
	var out []made
	for len(b) > 0 {
		v, rest, err := batch.Next(b)
		if err != nil {
			t.Fatalf("read gave bytes that are no whole batches: %v", err)
		}
		if !v.CheckCRC() {
			t.Fatalf("read gave a batch at %d with a wrong checksum", v.BaseOffset())
		}
		out = append(out, made{bytes.Clone(v), v.BaseOffset(), v.LastOffset()})
		b = rest
	}
	return out
}

func equalBatches(t testing.TB, what string, got, want []made) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if !bytes.Equal(got[i].bytes, want[i].bytes) {
			t.Fatalf("%s: batch %d is %d..%d (%d bytes), want %d..%d (%d bytes) or other bytes of it", what, i,
				got[i].base, got[i].last, len(got[i].bytes), want[i].base, want[i].last, len(want[i].bytes))
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d batches, want %d", what, len(got), len(want))
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}
