package segment

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pgregory.net/rapid"

	"umbra/kafkaproto/batch"
)

func (m *machine) stepMirror(rt *rapid.T) {
	var batches [][]byte
	base := m.model.end
	for i := range rapid.IntRange(1, 6).Draw(rt, "batches") {
		gap := int64(0)
		if rapid.IntRange(0, 3).Draw(rt, "gap") == 0 {
			gap = int64(rapid.IntRange(1, 50).Draw(rt, "hole"))
		}
		base += gap
		if rapid.IntRange(0, 9).Draw(rt, "newEpoch") == 0 {
			m.epoch++
		}
		s := batchSpec{base: base, records: rapid.IntRange(1, 5).Draw(rt, "records"), epoch: m.epoch, ts: m.now.UnixMilli() + int64(i),
			size: rapid.OneOf(rapid.IntRange(80, 900), rapid.IntRange(80, 9000), rapid.IntRange(3000, 40000)).Draw(rt, "size")}
		s.last = base + int64(s.records) - 1
		if rapid.Bool().Draw(rt, "compacted") {
			s.last += int64(rapid.IntRange(0, 20).Draw(rt, "inside"))
		}
		b := makeBatch(s)
		batches = append(batches, b)
		base = s.last + 1
	}
	if rapid.IntRange(0, 4).Draw(rt, "unused") == 0 { // a reservation that is not used, with bytes in it
		if mem, err := m.log.Reserve(rapid.IntRange(1, 20000).Draw(rt, "n")); err == nil {
			for i := range mem {
				mem[i] = 0xEE
			}
			m.turns(rapid.IntRange(0, 3).Draw(rt, "turns"))
			m.log.Release()
		}
	}
	if err := m.mirror(batches...); err != nil {
		rt.Fatalf("mirror: %v", err)
	}
	for _, b := range batches {
		m.model.add(b)
	}
}

func (m *machine) stepAppend(rt *rapid.T) {
	id := int64(rapid.IntRange(0, 4).Draw(rt, "producer"))
	s := batchSpec{size: rapid.IntRange(80, 3000).Draw(rt, "size"), records: rapid.IntRange(1, 4).Draw(rt, "records"), ts: m.now.UnixMilli()}
	o := AppendOptions{LeaderEpoch: m.epoch, Now: m.now, Term: m.log.Term()}
	if id > 0 && m.open_[id] && rapid.Bool().Draw(rt, "endTxn") {
		commit := rapid.Bool().Draw(rt, "commit")
		base, err := m.log.AppendMarker(id, 0, commit, o)
		if err != nil {
			rt.Fatal(err)
		}
		v := batch.View(batch.EndTxnMarker(id, 0, commit, 0, m.now.UnixMilli()))
		v.SetBaseOffset(base)
		v.SetLeaderEpoch(m.epoch)
		m.model.add(v)
		delete(m.open_, id)
		return
	}
	if id > 0 {
		s.producer = &batch.Producer{ID: id, Sequence: m.seqs[id]}
		s.txn = m.open_[id] || rapid.Bool().Draw(rt, "txn")
	}
	b := makeBatch(s)
	base, err := m.log.Append(b, o)
	if err != nil {
		rt.Fatalf("append: %v", err)
	}
	if id > 0 {
		m.seqs[id] += int32(s.records)
		m.open_[id] = s.txn
	}
	v := batch.View(bytes.Clone(b))
	v.SetBaseOffset(base)
	v.SetLeaderEpoch(m.epoch)
	m.model.add(v)
}

func (m *machine) stepRead(rt *rapid.T) {
	if m.log.end > m.log.start {
		m.compare("read", m.log.start+int64(rapid.IntRange(0, int(m.log.end-m.log.start)).Draw(rt, "offset")))
	}
}

func (m *machine) stepFlush(rt *rapid.T) {
	want := m.log.end
	m.log.WhenDurable(want, func(err error) {
		if err == nil && m.log.durable < want {
			m.t.Errorf("told %d is durable when %d is", want, m.log.durable)
		}
	})
	if rapid.Bool().Draw(rt, "wait") {
		m.pump()
		if m.log.durable != m.log.end {
			rt.Fatalf("flushed, and durable is %d of %d", m.log.durable, m.log.end)
		}
	}
}

func (m *machine) stepTruncate(rt *rapid.T) {
	if rapid.IntRange(0, 3).Draw(rt, "really") != 0 {
		return
	}
	back := rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(0, 2000)).Draw(rt, "back")
	offset := max(0, m.model.end-int64(back))
	to := m.model.end
	atLeast := int64(0)
	for _, b := range m.model.from(max(offset, m.model.start)) {
		atLeast += int64(len(b.bytes))
	}
	cutBytes, from := m.model.truncate(offset)
	var cut Cut
	m.must(func(done func(error)) {
		m.log.TruncateTo(offset, m.keeps, func(c Cut, err error) { cut = c; done(err) })
	})
	m.rec.reset()
	// Batches below the start may have gone before.
	if cut.From != from || cut.To != to || cut.Bytes > int64(len(cutBytes)) || cut.Bytes < atLeast {
		rt.Fatalf("cut %+v, want %d to %d with %d to %d bytes", cut, from, to, atLeast, len(cutBytes))
	}
	if cut.Bytes > 0 {
		kept, err := os.ReadFile(cut.File)
		if err != nil || int64(len(kept)) != cut.Bytes || !bytes.HasSuffix(cutBytes, kept) || sha256.Sum256(kept) != cut.SHA256 {
			rt.Fatalf("kept %d bytes (%v), cut %d", len(kept), err, len(cutBytes))
		}
	}
	m.resync()
}

// resync takes the producers' next sequences from what is left in the log.
func (m *machine) resync() {
	m.seqs, m.open_ = map[int64]int32{}, map[int64]bool{}
	s := m.model.state()
	for _, b := range m.model.batches {
		if v := batch.View(b.bytes); v.ProducerID() >= 0 && !v.IsControl() {
			h := v.Head(0)
			m.seqs[v.ProducerID()] = batch.AddSequence(h.LastSequence(), 1)
		}
	}
	for _, t := range s.Txns.Open() {
		m.open_[t.ProducerID] = true
	}
	m.checkState("resync", s)
}

func (m *machine) checkState(what string, want *State) {
	got := m.log.state
	if g, w := fmt.Sprint(got.Txns.Open()), fmt.Sprint(want.Txns.Open()); g != w {
		m.dump()
		m.rt.Fatalf("%s: open transactions %s, want %s", what, g, w)
	}
	for id := range m.seqs {
		if g, w := got.Producers.byID[id], want.Producers.byID[id]; g == nil || w != nil && *g != *w {
			m.rt.Fatalf("%s: producer %d is %+v, want %+v", what, id, g, w)
		}
	}
	ge, gok := got.Epochs.Latest()
	we, wok := want.Epochs.Latest()
	if len(m.model.batches) > 0 && (ge != we || gok != wok) {
		m.rt.Fatalf("%s: latest epoch %d %v, want %d %v", what, ge, gok, we, wok)
	}
}

// dump logs what a failure is about.
func (m *machine) dump() {
	for _, b := range m.model.batches {
		v := batch.View(b.bytes)
		m.rt.Logf("batch %d..%d %d bytes producer %d control %v transactional %v", b.base, b.last, len(b.bytes),
			v.ProducerID(), v.IsControl(), v.IsTransactional())
	}
	for _, s := range m.log.Segments() {
		m.rt.Logf("segment %+v", s)
	}
	for name := range dirContents(m.t, m.log.dir) {
		m.rt.Logf("file %s", name)
	}
}

func (m *machine) stepStart(rt *rapid.T) {
	if m.model.end == m.model.start {
		return
	}
	offset := m.model.start + int64(rapid.IntRange(0, int(m.model.end-m.model.start)).Draw(rt, "start"))
	m.must(func(done func(error)) { m.log.SetStart(offset, done) })
	m.model.start = max(m.model.start, offset)
}

func (m *machine) reset(offset int64) {
	m.must(func(done func(error)) { m.log.ResetTo(offset, done) })
	m.rec.reset()
	m.model = model{start: offset, end: offset}
	m.resync()
}

func (m *machine) reopenAnd(what string) {
	m.open()
	m.invariants()
	m.compare(what, m.log.start)
	m.checkState(what, m.model.state())
}

// stepCrash opens images of what a loss of power now could leave: each is a
// prefix that holds all that was durable, and recovering again changes nothing.
func (m *machine) stepCrash(rt *rapid.T) {
	m.turns(rapid.IntRange(0, 5).Draw(rt, "turns"))
	for m.ring.InFlight() > 0 { // the kernel finishes; the log does not hear of it
		m.ring.Submit()
		m.ring.Wait(time.Second)
		m.ring.Reap()
	}
	durable := m.log.durable
	dir := m.rec.image(m.rnd, rapid.SampledFrom([]int{0, 50, 95, 100}).Draw(rt, "keep"))
	defer os.RemoveAll(filepath.Dir(dir))
	o := &machine{rig: &rig{t: m.t, dir: dir, cfg: m.cfg, id: m.id, ring: m.ring, arena: m.arena, hot: NewHot(1 << 20), now: m.now},
		rt: rt, rnd: m.rnd, seqs: map[int64]int32{}, model: m.model}
	o.open()
	end, start := o.log.end, o.log.start
	if end < durable || end > m.model.end {
		rt.Fatalf("recovered end %d, durable was %d, end %d", end, durable, m.model.end)
	}
	o.model.batches = nil
	for _, b := range m.model.batches {
		if b.last < end {
			o.model.batches = append(o.model.batches, b)
		}
	}
	o.model.start, o.model.end = m.model.start, end
	if start != m.model.start {
		rt.Fatalf("recovered start %d, want %d", start, m.model.start)
	}
	o.compare("after a crash", start)
	o.checkState("after a crash", o.model.state())
	first := dirContents(m.t, dir)
	for _, f := range o.log.takeFiles() {
		f.Close()
	}
	o.log.dropPieces()
	o.open()
	if again := dirContents(m.t, dir); !sameContents(first, again) || o.log.end != end || o.log.start != start {
		rt.Fatalf("recovering again changed the log: end %d then %d", end, o.log.end)
	}
	for _, f := range o.log.takeFiles() {
		f.Close()
	}
	o.log.dropPieces()
}

func sameContents(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, x := range a {
		if y, ok := b[name]; !ok || x != y {
			return false
		}
	}
	return true
}
