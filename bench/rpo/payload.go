package rpo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// payload makes and checks the values of a round: each follows from the round's seed
// and the number of the record.
//
//	number int64 | filler ... | CRC-32C of all before uint32
type payload struct {
	seed uint64
	size int
}

// payloadMin is the smallest value there can be.
const payloadMin = 8 + 8 + 4

var errForeign = errors.New("it is none that was sent")

// make builds the value of a record.
func (p payload) make(number int64) []byte {
	b := make([]byte, p.size)
	binary.BigEndian.PutUint64(b, uint64(number))
	x := p.seed ^ uint64(number)*0x9e3779b97f4a7c15 | 1
	body := b[8 : p.size-4]
	var word [8]byte
	for len(body) > 0 { // xorshift64*
		x ^= x >> 12
		x ^= x << 25
		x ^= x >> 27
		binary.LittleEndian.PutUint64(word[:], x*0x2545f4914f6cdd1d)
		body = body[copy(body, word[:]):]
	}
	binary.BigEndian.PutUint32(b[p.size-4:], crc32.Checksum(b[:p.size-4], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// check reads the number of a value and compares every byte with what was sent. It
// borrows value.
func (p payload) check(value []byte) (number int64, err error) {
	if len(value) != p.size {
		return 0, fmt.Errorf("a value has %d bytes and not %d: %w", len(value), p.size, errForeign)
	}
	number = int64(binary.BigEndian.Uint64(value))
	want := p.make(number)
	if !bytes.Equal(value, want) {
		at := 0
		for value[at] == want[at] {
			at++
		}
		return number, fmt.Errorf("the value of record %d is not as it was sent, from byte %d on", number, at)
	}
	return number, nil
}
