package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"umbra/kafkaproto/crc32c"
)

// A snapshot of a State:
//
//	"uSta" | version u8 | next, epochs, producers, transactions: varints | CRC-32C u32 of all before
//
// It is rebuildable from the log, so an unknown version is an error to be
// answered by a replay, not by a migration.
const (
	stateMagic   = "uSta"
	stateVersion = 1
	stateFrame   = len(stateMagic) + 1 + 4

	maxInt32  = math.MaxInt32
	maxInt64  = math.MaxInt64
	maxOffset = maxInt64 - 1 // of a batch, so that the one behind it is an offset, too
)

// ErrSnapshot: bytes that are no snapshot this version can read. The remedy is
// to replay the log.
var ErrSnapshot = errors.New("unusable state snapshot")

// Encode appends a snapshot to dst and returns the longer slice. Equal states
// have equal snapshots.
func (s *State) Encode(dst []byte) []byte {
	at := len(dst)
	e := stateEncoder{append(append(dst, stateMagic...), stateVersion)}
	e.varint(s.next)
	s.Epochs.encode(&e)
	s.Producers.encode(&e)
	s.Txns.encode(&e)
	return binary.BigEndian.AppendUint32(e.buf, stateSum(e.buf[at:]))
}

// Decode makes s what it was at Encode. It borrows b. On an error, which wraps
// ErrSnapshot, s is an empty state.
func (s *State) Decode(b []byte) error {
	s.Reset(0)
	if len(b) < stateFrame || string(b[:len(stateMagic)]) != stateMagic {
		return fmt.Errorf("decode %d bytes of log state: not a snapshot: %w", len(b), ErrSnapshot)
	}
	if version := b[len(stateMagic)]; version != stateVersion {
		return fmt.Errorf("decode log state of version %d, want %d: %w", version, stateVersion, ErrSnapshot)
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if got := stateSum(body); got != sum {
		return fmt.Errorf("decode log state: checksum is %#x, want %#x: %w", got, sum, ErrSnapshot)
	}
	d := stateDecoder{buf: body[len(stateMagic)+1:]}
	s.next = d.ranged(0, maxInt64)
	s.Epochs.decode(&d)
	s.Producers.decode(&d)
	s.Txns.decode(&d)
	if len(d.buf) > 0 {
		d.fail("bytes behind the end")
	}
	if d.err != nil {
		s.Reset(0)
		return fmt.Errorf("decode log state: %w", d.err)
	}
	return nil
}

func stateSum(b []byte) uint32 { return crc32c.Sum(b) }

type stateEncoder struct{ buf []byte }

func (e *stateEncoder) varint(n int64)   { e.buf = binary.AppendVarint(e.buf, n) }
func (e *stateEncoder) uvarint(n uint64) { e.buf = binary.AppendUvarint(e.buf, n) }

// stateDecoder takes numbers off the front of buf. The first error sticks and
// makes every later number 0.
type stateDecoder struct {
	buf []byte
	err error
}

func (d *stateDecoder) fail(why string) {
	if d.err == nil {
		d.err = fmt.Errorf("%s, %d bytes before the end: %w", why, len(d.buf), ErrSnapshot)
		d.buf = nil
	}
}

func (d *stateDecoder) varint() int64 {
	n, size := binary.Varint(d.buf)
	if size <= 0 {
		d.fail("a number is cut short")
		return 0
	}
	d.buf = d.buf[size:]
	return n
}

func (d *stateDecoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.buf)
	if size <= 0 {
		d.fail("a number is cut short")
		return 0
	}
	d.buf = d.buf[size:]
	return n
}

// ranged is a varint from low to high.
func (d *stateDecoder) ranged(low, high int64) int64 {
	n := d.varint()
	if d.err == nil && (n < low || n > high) {
		d.fail("a number is out of range")
	}
	if d.err != nil {
		return 0
	}
	return n
}

func (d *stateDecoder) offset() int64 { return d.ranged(0, maxOffset) }

// count reads how many elements follow, of sizeMin bytes each at the least.
func (d *stateDecoder) count(sizeMin int) int {
	n := d.uvarint()
	if n > uint64(len(d.buf)/sizeMin) {
		d.fail("a count is impossible")
		return 0
	}
	return int(n)
}
