// Package batch reads, checks and builds record batches of Kafka's message
// format v2 (magic 2), without ever re-encoding one that came from elsewhere.
//
//	0        8      12      16 17    21    23      27      35      43      51     53      57    61
//	├────────┼──────┼───────┼──┼─────┼─────┼───────┼───────┼───────┼───────┼──────┼───────┼─────┼───────────┐
//	│base    │length│leader │ma│CRC- │attri│last   │first  │max    │pro-   │pro-  │base   │count│ records,  │
//	│offset  │      │epoch  │gi│32C  │butes│offset │time-  │time-  │ducer  │ducer │seq-   │     │ packed as │
//	│i64     │i32   │i32    │c │u32  │i16  │delta  │stamp  │stamp  │id i64 │epoch │uence  │i32  │ one piece │
//	│        │      │       │i8│     │     │i32    │i64 ms │i64 ms │       │i16   │i32    │     │ if codec  │
//	└────────┴──────┴───────┴──┴─────┴─────┴───────┴───────┴───────┴───────┴──────┴───────┴─────┴───────────┘
//	         │      └─ length counts from here to the end
//	         │                       └─ the CRC covers from here to the end
//	         └─ so a broker writes base offset and leader epoch in place and the CRC stays right
//
// attributes: bits 0-2 codec, 3 log append time, 4 transactional, 5 control,
// 6 the first timestamp is a delete horizon.
//
// The offsets of a batch run from base offset to base + last offset delta. Its
// records may be fewer (compaction leaves holes, and a batch with count 0 keeps
// a producer's last sequence), never more.
//
// Read View and Next for bytes that lie complete, Verifier for bytes that are
// still arriving, Each for the records inside, Builder to make batches. The
// package does no I/O and knows no rule of a broker or a link.
package batch

import (
	"encoding/binary"

	"umbra/kafkaproto/compress"
	"umbra/kafkaproto/crc32c"
)

const (
	// HeadSize is the length of a batch without its records.
	HeadSize = 61
	// LogOverhead is the part of a batch its length field does not count.
	LogOverhead = 12
	// Magic is the message format this package reads.
	Magic = 2
	// NoProducer, as id, epoch and sequence, marks a batch without a producer.
	NoProducer = -1

	// magicEnd is how much of a batch tells its format, in every format.
	magicEnd = posMagic + 1

	posLength          = 8
	posLeaderEpoch     = 12
	posMagic           = 16
	posCRC             = 17
	posAttributes      = 21
	posLastOffsetDelta = 23
	posFirstTimestamp  = 27
	posMaxTimestamp    = 35
	posProducerID      = 43
	posProducerEpoch   = 51
	posBaseSequence    = 53
	posCount           = 57
)

// Attributes are the flags of a batch.
type Attributes int16

const (
	codecMask         Attributes = 1<<3 - 1
	attrLogAppendTime Attributes = 1 << 3
	attrTransactional Attributes = 1 << 4
	attrControl       Attributes = 1 << 5
	attrDeleteHorizon Attributes = 1 << 6
)

func (a Attributes) Codec() compress.Codec  { return compress.Codec(a & codecMask) }
func (a Attributes) IsLogAppendTime() bool  { return a&attrLogAppendTime != 0 }
func (a Attributes) IsTransactional() bool  { return a&attrTransactional != 0 }
func (a Attributes) IsControl() bool        { return a&attrControl != 0 }
func (a Attributes) HasDeleteHorizon() bool { return a&attrDeleteHorizon != 0 }

// View is exactly one record batch, borrowed from whoever holds its bytes. Its
// accessors need a whole head: a View from Next, or one that Validate passed.
type View []byte

func (v View) i16(pos int) int16 { return int16(binary.BigEndian.Uint16(v[pos:])) }
func (v View) i32(pos int) int32 { return int32(binary.BigEndian.Uint32(v[pos:])) }
func (v View) i64(pos int) int64 { return int64(binary.BigEndian.Uint64(v[pos:])) }

func (v View) BaseOffset() int64      { return v.i64(0) }
func (v View) LeaderEpoch() int32     { return v.i32(posLeaderEpoch) }
func (v View) Magic() int8            { return int8(v[posMagic]) }
func (v View) CRC() uint32            { return binary.BigEndian.Uint32(v[posCRC:]) }
func (v View) Attributes() Attributes { return Attributes(v.i16(posAttributes)) }
func (v View) LastOffsetDelta() int32 { return v.i32(posLastOffsetDelta) }
func (v View) LastOffset() int64      { return v.BaseOffset() + int64(v.LastOffsetDelta()) }
func (v View) ProducerID() int64      { return v.i64(posProducerID) }
func (v View) ProducerEpoch() int16   { return v.i16(posProducerEpoch) }
func (v View) BaseSequence() int32    { return v.i32(posBaseSequence) }

// Length is what the length field says: the bytes behind it.
func (v View) Length() int32 { return v.i32(posLength) }

// Size is the whole batch in bytes, as its length field says.
func (v View) Size() int { return int(v.Length()) + LogOverhead }

// Count is the number of records, which may be below LastOffsetDelta + 1.
func (v View) Count() int32 { return v.i32(posCount) }

// FirstTimestamp, in ms, is what record timestamps are relative to. It is the
// delete horizon instead of a record's time if HasDeleteHorizon.
func (v View) FirstTimestamp() int64 { return v.i64(posFirstTimestamp) }

// MaxTimestamp, in ms, is the time of every record if IsLogAppendTime.
func (v View) MaxTimestamp() int64 { return v.i64(posMaxTimestamp) }

func (v View) Codec() compress.Codec  { return v.Attributes().Codec() }
func (v View) IsTransactional() bool  { return v.Attributes().IsTransactional() }
func (v View) IsControl() bool        { return v.Attributes().IsControl() }
func (v View) IsLogAppendTime() bool  { return v.Attributes().IsLogAppendTime() }
func (v View) HasDeleteHorizon() bool { return v.Attributes().HasDeleteHorizon() }

// Records is the body, still packed if Codec says so: a view, not a copy.
func (v View) Records() []byte { return v[HeadSize:] }

// Head copies the fields that a log keeps of a batch, which lies at pos in
// some larger buffer.
func (v View) Head(pos int) (h Head) {
	h.read(v, pos)
	return h
}

// CheckCRC recomputes the checksum.
func (v View) CheckCRC() bool { return v.sum() == v.CRC() }

func (v View) sum() uint32 { return crc32c.Sum(v[posAttributes:]) }

// SetBaseOffset and SetLeaderEpoch write in place; the CRC does not cover them.
func (v View) SetBaseOffset(offset int64) { binary.BigEndian.PutUint64(v, uint64(offset)) }

func (v View) SetLeaderEpoch(epoch int32) {
	binary.BigEndian.PutUint32(v[posLeaderEpoch:], uint32(epoch))
}

// SetLogAppendTime makes ts, in ms, the time of every record and recomputes
// the CRC: what a broker does for message.timestamp.type=LogAppendTime.
func (v View) SetLogAppendTime(ts int64) {
	binary.BigEndian.PutUint16(v[posAttributes:], uint16(v.Attributes()|attrLogAppendTime))
	binary.BigEndian.PutUint64(v[posMaxTimestamp:], uint64(ts))
	v.seal()
}

// seal writes the checksum of what the batch holds now.
func (v View) seal() { binary.BigEndian.PutUint32(v[posCRC:], v.sum()) }
