package segment

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"

	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/crc32c"
)

// summary is what is remembered of every segment, also when its index is not
// in memory.
type summary struct {
	base         int64 // offset in the file's name: base offset of its first batch
	size         int64 // bytes of whole batches
	last         int64 // last offset of the last batch; base-1 when empty
	firstTime    int64 // max timestamp of the first batch, milliseconds; -1 when empty
	maxTime      int64 // largest batch max timestamp, milliseconds; -1 when empty
	maxTimeBatch int64 // base offset of the first batch with that timestamp
}

func emptySummary(base int64) summary {
	return summary{base: base, last: base - 1, firstTime: -1, maxTime: -1, maxTimeBatch: -1}
}

func (s *summary) add(h *batch.Head) {
	if s.size == 0 {
		s.firstTime = h.MaxTimestamp
	}
	if h.MaxTimestamp > s.maxTime {
		s.maxTime, s.maxTimeBatch = h.MaxTimestamp, h.BaseOffset
	}
	s.size += int64(h.Size)
	s.last = h.LastOffset
}

// index maps offsets and times of one segment to file positions, sparsely: an
// entry opens an interval of at least `interval` bytes, and a batch inside it
// is found by walking batch heads. The slices hold no pointers, so the garbage
// collector does not scan them.
//
// Invariant: rel and pos rise strictly, time does not fall.
type index struct {
	base     int64
	interval int
	rel      []uint32 // base offset of the entry's batch, relative to base
	pos      []uint32 // its position in the file
	time     []int64  // largest max timestamp of all batches from the file's start to the end of the entry's interval
}

// add records the batch h that lies at pos; maxTime is the largest max
// timestamp of the segment with this batch in it.
func (x *index) add(pos int64, h *batch.Head, maxTime int64) {
	n := len(x.pos)
	if n == 0 || pos-int64(x.pos[n-1]) >= int64(x.interval) {
		x.rel = append(x.rel, uint32(h.BaseOffset-x.base))
		x.pos = append(x.pos, uint32(pos))
		x.time = append(x.time, maxTime)
		return
	}
	x.time[n-1] = maxTime
}

// find gives the position from which to walk to the batch that holds offset.
func (x *index) find(offset int64) int64 {
	rel := offset - x.base
	i := sort.Search(len(x.rel), func(i int) bool { return int64(x.rel[i]) > rel })
	if i == 0 {
		return 0
	}
	return int64(x.pos[i-1])
}

// findTime gives the position from which to walk to the first batch whose max
// timestamp is at least ts; false when the segment has none.
func (x *index) findTime(ts int64) (int64, bool) {
	i := sort.Search(len(x.time), func(i int) bool { return x.time[i] >= ts })
	if i == len(x.time) {
		return 0, false
	}
	return int64(x.pos[i]), true
}

// frozen is a copy that stays readable elsewhere while the loop goes on
// appending: offsets and positions are shared, because entries never change
// them; times are copied, because add changes the last one.
func (x *index) frozen() *index {
	n := len(x.pos)
	return &index{base: x.base, interval: x.interval, rel: x.rel[:n:n], pos: x.pos[:n:n],
		time: append([]int64(nil), x.time...)}
}

// Sidecar file, little endian:
//
//	0  magic "UMBRIDX1"
//	8  base   16 size   24 last   32 firstTime   40 maxTime   48 maxTimeBatch
//	56 count uint32   60 interval uint32
//	64 CRC-32C of bytes 0..64
//	68 count * { rel uint32, pos uint32, time int64 }
//	.. CRC-32C of the entries
const (
	indexMagic    = "UMBRIDX1"
	indexHeadSize = 68
	indexEntry    = 16
)

func encodeIndex(x *index, s *summary) []byte {
	b := make([]byte, 0, indexHeadSize+len(x.pos)*indexEntry+4)
	b = append(b, indexMagic...)
	for _, v := range [...]int64{s.base, s.size, s.last, s.firstTime, s.maxTime, s.maxTimeBatch} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(x.pos)))
	b = binary.LittleEndian.AppendUint32(b, uint32(x.interval))
	b = binary.LittleEndian.AppendUint32(b, crc32c.Sum(b))
	for i := range x.pos {
		b = binary.LittleEndian.AppendUint32(b, x.rel[i])
		b = binary.LittleEndian.AppendUint32(b, x.pos[i])
		b = binary.LittleEndian.AppendUint64(b, uint64(x.time[i]))
	}
	return binary.LittleEndian.AppendUint32(b, crc32c.Sum(b[indexHeadSize:]))
}

// decodeSummary reads the fixed head of a sidecar (borrows b).
func decodeSummary(b []byte) (s summary, count, interval int, err error) {
	if len(b) < indexHeadSize || string(b[:8]) != indexMagic {
		return s, 0, 0, fmt.Errorf("decode index: %w: no index head in %d bytes", ErrCorrupt, len(b))
	}
	if got, want := crc32c.Sum(b[:64]), binary.LittleEndian.Uint32(b[64:]); got != want {
		return s, 0, 0, fmt.Errorf("decode index: %w: head checksum %08x, stored %08x", ErrCorrupt, got, want)
	}
	at := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[i:])) }
	s = summary{base: at(8), size: at(16), last: at(24), firstTime: at(32), maxTime: at(40), maxTimeBatch: at(48)}
	count, interval = int(binary.LittleEndian.Uint32(b[56:])), int(binary.LittleEndian.Uint32(b[60:]))
	if s.base < 0 || s.size < 0 || s.size > math.MaxUint32 || s.last < s.base-1 || s.last-s.base > math.MaxInt32 ||
		(s.size == 0) != (count == 0) || interval <= 0 {
		return s, 0, 0, fmt.Errorf("decode index: %w: base %d, last %d, size %d, %d entries", ErrCorrupt, s.base, s.last, s.size, count)
	}
	return s, count, interval, nil
}

// decodeIndex reads a whole sidecar (borrows b) and checks its invariants.
func decodeIndex(b []byte) (*index, summary, error) {
	s, count, interval, err := decodeSummary(b)
	if err != nil {
		return nil, s, err
	}
	body := b[indexHeadSize:]
	if int64(len(body)) != int64(count)*indexEntry+4 {
		return nil, s, fmt.Errorf("decode index: %w: %d bytes for %d entries", ErrCorrupt, len(body), count)
	}
	entries := body[:count*indexEntry]
	if got, want := crc32c.Sum(entries), binary.LittleEndian.Uint32(body[len(entries):]); got != want {
		return nil, s, fmt.Errorf("decode index: %w: entries' checksum %08x, stored %08x", ErrCorrupt, got, want)
	}
	x := &index{base: s.base, interval: interval,
		rel: make([]uint32, count), pos: make([]uint32, count), time: make([]int64, count)}
	for i := range count {
		e := entries[i*indexEntry:]
		x.rel[i] = binary.LittleEndian.Uint32(e)
		x.pos[i] = binary.LittleEndian.Uint32(e[4:])
		x.time[i] = int64(binary.LittleEndian.Uint64(e[8:]))
		if i > 0 && (x.rel[i] <= x.rel[i-1] || x.pos[i] <= x.pos[i-1] || x.time[i] < x.time[i-1]) || int64(x.pos[i]) >= s.size {
			return nil, s, fmt.Errorf("decode index: %w: entry %d is out of order", ErrCorrupt, i)
		}
	}
	return x, s, nil
}

// readIndex reads the sidecar of the segment with base.
func readIndex(dir string, base int64) (*index, summary, error) {
	b, err := os.ReadFile(filepath.Join(dir, fileName(base, indexSuffix)))
	if err != nil {
		return nil, summary{}, err
	}
	return decodeIndex(b)
}
