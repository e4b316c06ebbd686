package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"umbra/ioring"
	"umbra/ioring/buf"

	"umbra/kafkaproto/crc32c"
)

// An index that decodes is in order, and encodes to the same bytes.
func FuzzIndex(f *testing.F) {
	x := &segment{summary: emptySummary(7), idx: &index{base: 7, interval: 100}}
	for i := range int64(9) {
		h := headOf(7+3*i, 9+3*i, 80+int(i)*20, 1000-i)
		x.add(&h)
	}
	f.Add(encodeIndex(x.idx, &x.summary))
	f.Add(encodeIndex(&index{base: 7, interval: 1}, &summary{base: 7, last: 6, firstTime: -1, maxTime: -1, maxTimeBatch: -1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b)
		if len(b) > indexHeadSize+4 { // a fuzzer does not guess checksums
			binary.LittleEndian.PutUint32(b[64:], crc32c.Sum(b[:64]))
			binary.LittleEndian.PutUint32(b[len(b)-4:], crc32c.Sum(b[indexHeadSize:len(b)-4]))
		}
		idx, sum, err := decodeIndex(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error %v is not ErrCorrupt", err)
			}
			return
		}
		if again := encodeIndex(idx, &sum); string(again) != string(b) {
			t.Fatal("decoded index encodes to other bytes")
		}
		for _, offset := range []int64{sum.base - 1, sum.base, sum.last, sum.last + 1} {
			if pos := idx.find(offset); pos < 0 || pos > 0 && pos >= sum.size {
				t.Fatalf("offset %d is looked for at %d of %d", offset, pos, sum.size)
			}
		}
		if pos, ok := idx.findTime(sum.maxTime); ok && pos >= max(sum.size, 1) {
			t.Fatalf("time %d is looked for at %d of %d", sum.maxTime, pos, sum.size)
		}
	})
}

func FuzzMeta(f *testing.F) {
	f.Add(meta{id: Identity{Index: 3}, resetting: true, start: 5, floor: floor{offset: 9, base: 5, pos: 77}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b)
		if len(b) == metaSize {
			binary.LittleEndian.PutUint32(b[64:], crc32c.Sum(b[:64]))
		}
		m, err := decodeMeta(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error %v is not ErrCorrupt", err)
			}
			return
		}
		again, err := decodeMeta(m.encode())
		if err != nil || !reflect.DeepEqual(m, again) {
			t.Fatalf("%+v encodes to %+v, %v", m, again, err)
		}
	})
}

// Whatever bytes lie in a segment, its index and the meta file: recovery ends,
// with an error or with a log that reads back whole batches and that a second
// recovery finds unchanged.
func FuzzRecovery(f *testing.F) {
	good := makeBatch(batchSpec{base: 0, records: 3, size: 200})
	two := append(append([]byte(nil), good...), makeBatch(batchSpec{base: 3, records: 1, size: 90})...)
	f.Add(two, []byte{}, []byte{})
	f.Add(append(two, make([]byte, 5000)...), []byte("UMBRIDX1"), meta{floor: floor{offset: 4, pos: int64(len(two))}}.encode())
	f.Add(two[:len(two)-1], []byte{}, meta{start: 2}.encode())
	ring, err := ioring.New(ioring.Config{Engine: ioring.EnginePwrite})
	if err != nil {
		f.Fatal(err)
	}
	arena, err := buf.NewArena(buf.Config{Budget: 8 << 20})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, log, idx, meta []byte) {
		dir := t.TempDir()
		put := func(name string, b []byte) {
			if len(b) > 0 {
				if err := os.WriteFile(filepath.Join(dir, name), b, 0o640); err != nil {
					t.Fatal(err)
				}
			}
		}
		put(fileName(0, logSuffix), log)
		put(fileName(0, indexSuffix), idx)
		meta = bytes.Clone(meta)
		if len(meta) == metaSize { // the right owner, and the right checksum
			clear(meta[8:28])
			binary.LittleEndian.PutUint32(meta[64:], crc32c.Sum(meta[:64]))
		}
		put(metaName, meta)
		r := &rig{t: t, dir: dir, ring: ring, arena: arena}
		l, err := r.tryOpen()
		if err != nil {
			return
		}
		closeFiles(l.takeFiles())
		r.log = l
		if l.StartOffset() < l.EndOffset() {
			r.log.readAllBlocking(t)
		}
		first := dirContents(t, dir)
		again, err := r.tryOpen()
		if err != nil {
			t.Fatalf("recovering again fails: %v", err)
		}
		closeFiles(again.takeFiles())
		if !sameContents(first, dirContents(t, dir)) || again.EndOffset() != l.EndOffset() || again.StartOffset() != l.StartOffset() {
			t.Fatal("recovering again changed the log")
		}
	})
}

// readAllBlocking walks the files of a recovered log; the scanner is the judge
// of what a batch is, so this checks only that sizes and offsets agree.
func (l *Log) readAllBlocking(t *testing.T) {
	for _, s := range l.segs {
		in, err := openScanner(s.path, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		last := s.base - 1
		for in.pos < s.size {
			_, h, err := in.next(false)
			if err != nil {
				t.Fatalf("recovered log does not read back: %v", err)
			}
			last = h.LastOffset
		}
		if in.pos != s.size || in.limit != s.size || last != s.last {
			t.Fatalf("segment says %d bytes up to offset %d, the file has %d of %d up to %d", s.size, s.last, in.pos, in.limit, last)
		}
		in.close()
	}
}
