package hostile

import (
	"bytes"
	"encoding/binary"
)

// A Kind is one way to misbehave.
type Kind string

// Lies in a partition's records. The rest of the response is right.
const (
	None           Kind = ""
	WrongCRC       Kind = "wrong-crc"         // one bit of a record flipped
	WrongBase      Kind = "wrong-base-offset" // an offset below what was asked, with a right checksum
	Overlap        Kind = "overlapping"       // the second batch begins inside the first
	HugeLength     Kind = "huge-length"       // a batch that claims to be 2 GiB long
	NegativeLength Kind = "negative-length"   // a batch that claims -1 bytes
	CountMismatch  Kind = "count-mismatch"    // more records claimed than offsets spanned, with a right checksum
	OldMagic       Kind = "old-magic"         // message format 1
	Garbage        Kind = "garbage"           // bytes that are no batch at all
	WrongTopic     Kind = "wrong-topic"       // the answer names a topic nobody asked for
	WrongPartition Kind = "wrong-partition"   // the answer names a partition nobody asked for
)

// Lies of the whole response or connection. They hit every partition that the same
// request asks for.
const (
	WrongCorrelation Kind = "wrong-correlation" // another request's id
	HugeFrame        Kind = "huge-frame"        // a frame of 2 GiB announced
	LyingRecords     Kind = "lying-records"     // a records field longer than the frame
	Throttle         Kind = "endless-throttle"  // empty, and come back in 24 days
	SlowBytes        Kind = "slow-bytes"        // one byte a second
	CutAndReset      Kind = "cut-and-reset"     // half a frame, then RST
	Silence          Kind = "silence"           // no answer, connection open
)

// Kinds lists every kind but None, lies in records first.
func Kinds() []Kind {
	return []Kind{WrongCRC, WrongBase, Overlap, HugeLength, NegativeLength, CountMismatch, OldMagic, Garbage, WrongTopic, WrongPartition,
		WrongCorrelation, HugeFrame, LyingRecords, Throttle, SlowBytes, CutAndReset, Silence}
}

// InRecords says whether other partitions of the same request are left alone.
func (k Kind) InRecords() bool {
	switch k {
	case WrongCorrelation, HugeFrame, LyingRecords, Throttle, SlowBytes, CutAndReset, Silence:
		return false
	}
	return true
}

// A Fault begins when a fetch reaches offset At; below it the server behaves.
type Fault struct {
	Kind Kind
	At   int64
}

// spoil turns correct batches into what the fault makes of them.
func (k Kind) spoil(batches []byte) []byte {
	b := bytes.Clone(batches)
	if len(b) == 0 {
		return b
	}
	first := int(binary.BigEndian.Uint32(b[atLength:])) + overhead
	switch k {
	case WrongCRC:
		b[first-1] ^= 1
	case WrongBase:
		binary.BigEndian.PutUint64(b, uint64(baseOf(b)-1_000))
	case Overlap:
		again := bytes.Clone(b[:first])
		binary.BigEndian.PutUint64(again, uint64(lastOf(b)))
		b = append(b[:first:first], again...)
	case HugeLength:
		binary.BigEndian.PutUint32(b[atLength:], 1<<31-1)
	case NegativeLength:
		binary.BigEndian.PutUint32(b[atLength:], 1<<32-1)
	case CountMismatch:
		binary.BigEndian.PutUint32(b[atCount:], 1<<30)
		seal(b[:first])
	case OldMagic:
		b[atMagic] = 1
	case Garbage:
		for i := range b {
			b[i] = byte(i*131 + 7)
		}
	}
	return b
}
