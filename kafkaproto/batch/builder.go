package batch

import (
	"encoding/binary"
	"fmt"
	"slices"

	"umbra/kafkaproto/compress"
)

// Producer identifies the sender of a batch and the first record's place in
// its sequence.
type Producer struct {
	ID       int64
	Epoch    int16
	Sequence int32
}

// Builder makes record batches: for markers, compaction, tests and load. Set
// the fields, Add records, Build, and use it again. It belongs to one
// goroutine at a time; the zero value builds plain batches at offset 0.
type Builder struct {
	BaseOffset    int64
	LeaderEpoch   int32
	Codec         compress.Codec
	Producer      *Producer // nil: none
	Transactional bool
	Control       bool
	// LogAppendTime, if above 0, is the time of every record in ms.
	LogAppendTime int64
	// LastOffset extends the batch past its last record, as compaction does.
	LastOffset int64

	codecs   compress.Codecs
	body     []byte
	record   []byte
	count    int32
	next     int64 // offset of the next record
	first    int64 // timestamp of the first record
	maxStamp int64
}

// Reset drops the records that were added; the fields stay.
func (b *Builder) Reset() {
	b.body, b.count, b.first, b.maxStamp = b.body[:0], 0, 0, 0
}

// Add appends one record at the next offset. It borrows what r points to; the
// Offset and OffsetDelta of r are ignored.
func (b *Builder) Add(r Record) {
	if b.count == 0 {
		b.next = b.BaseOffset
	}
	b.AddAt(b.next, r)
}

// AddAt is Add at an offset of the caller's choice, which leaves a hole. The
// first record may be above BaseOffset; offsets must rise.
func (b *Builder) AddAt(offset int64, r Record) {
	if offset < b.BaseOffset || (b.count > 0 && offset < b.next) {
		panic(fmt.Sprintf("BUG: record at offset %d added to a batch at %d whose next is %d", offset, b.BaseOffset, b.next))
	}
	if b.count == 0 {
		b.first, b.maxStamp = r.Timestamp, r.Timestamp
	}
	b.maxStamp = max(b.maxStamp, r.Timestamp)
	b.record = b.appendRecord(b.record[:0], offset, r)
	b.body = binary.AppendVarint(b.body, int64(len(b.record)))
	b.body = append(b.body, b.record...)
	b.count++
	b.next = offset + 1
}

func (b *Builder) appendRecord(dst []byte, offset int64, r Record) []byte {
	dst = append(dst, byte(r.Attributes))
	dst = binary.AppendVarint(dst, r.Timestamp-b.first)
	dst = binary.AppendVarint(dst, offset-b.BaseOffset)
	dst = appendNullable(dst, r.Key)
	dst = appendNullable(dst, r.Value)
	dst = binary.AppendVarint(dst, int64(len(r.Headers)))
	for _, h := range r.Headers {
		dst = binary.AppendVarint(dst, int64(len(h.Key)))
		dst = append(dst, h.Key...)
		dst = appendNullable(dst, h.Value)
	}
	return dst
}

func appendNullable(dst, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(dst, -1)
	}
	dst = binary.AppendVarint(dst, int64(len(b)))
	return append(dst, b...)
}

// Len is the size in bytes that Build would give without compression.
func (b *Builder) Len() int { return HeadSize + len(b.body) }

// Build appends the finished batch to dst and returns the longer slice. The
// records stay until Reset. A batch without records keeps BaseOffset to
// LastOffset covered. It fails only for an unknown Codec.
func (b *Builder) Build(dst []byte) ([]byte, error) {
	at := len(dst)
	dst = slices.Grow(dst, HeadSize)[:at+HeadSize]
	clear(dst[at:])
	codec := b.Codec
	if b.count == 0 {
		codec = compress.None
	}
	out, err := b.codecs.Compress(codec, dst, b.body)
	if err != nil {
		return dst[:at], fmt.Errorf("build record batch at offset %d: %w", b.BaseOffset, err)
	}
	b.writeHead(View(out[at:]), codec)
	return out, nil
}

func (b *Builder) writeHead(v View, codec compress.Codec) {
	last := max(b.BaseOffset, b.LastOffset)
	if b.count > 0 {
		last = max(last, b.next-1)
	}
	attributes, maxStamp := Attributes(codec), b.maxStamp
	if b.Transactional {
		attributes |= attrTransactional
	}
	if b.Control {
		attributes |= attrControl
	}
	if b.LogAppendTime > 0 {
		attributes |= attrLogAppendTime
		maxStamp = b.LogAppendTime
	}
	p := Producer{NoProducer, NoProducer, NoProducer}
	if b.Producer != nil {
		p = *b.Producer
	}
	be := binary.BigEndian
	v.SetBaseOffset(b.BaseOffset)
	be.PutUint32(v[posLength:], uint32(len(v)-LogOverhead))
	v.SetLeaderEpoch(b.LeaderEpoch)
	v[posMagic] = Magic
	be.PutUint16(v[posAttributes:], uint16(attributes))
	be.PutUint32(v[posLastOffsetDelta:], uint32(last-b.BaseOffset))
	be.PutUint64(v[posFirstTimestamp:], uint64(b.first))
	be.PutUint64(v[posMaxTimestamp:], uint64(maxStamp))
	be.PutUint64(v[posProducerID:], uint64(p.ID))
	be.PutUint16(v[posProducerEpoch:], uint16(p.Epoch))
	be.PutUint32(v[posBaseSequence:], uint32(p.Sequence))
	be.PutUint32(v[posCount:], uint32(b.count))
	v.seal()
}
