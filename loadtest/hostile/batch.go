package hostile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Places in a record batch v2.
const (
	atLength = 8
	atEpoch  = 12
	atMagic  = 16
	atCRC    = 17
	atDelta  = 23
	atTime   = 35 // the largest
	atCount  = 57
	covered  = 21 // the checksum covers this byte to the end
	overhead = 12
)

// Batch builds a correct, uncompressed batch of n records with values of size
// bytes, the first at offset base. Values say where they belong.
func Batch(base int64, epoch int32, n, size int, timestamp int64) []byte {
	var records []byte
	for i := range n {
		value := fmt.Appendf(make([]byte, 0, size+32), "offset %d ", base+int64(i))
		for len(value) < size {
			value = append(value, '.')
		}
		r := kmsg.NewRecord()
		r.OffsetDelta = int32(i)
		r.Value = value
		r.Length = int32(len(r.AppendTo(nil)) - 1) // a length of 0 takes one byte
		records = r.AppendTo(records)
	}
	b := kmsg.NewRecordBatch()
	b.FirstOffset, b.PartitionLeaderEpoch, b.Magic = base, epoch, 2
	b.LastOffsetDelta, b.NumRecords = int32(n-1), int32(n)
	b.FirstTimestamp, b.MaxTimestamp = timestamp, timestamp
	b.ProducerID, b.ProducerEpoch, b.FirstSequence = -1, -1, -1
	b.Records = records
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[atLength:], uint32(len(raw)-overhead))
	seal(raw)
	return raw
}

// seal makes the checksum right.
func seal(raw []byte) {
	binary.BigEndian.PutUint32(raw[atCRC:], crc32.Checksum(raw[covered:], crc32.MakeTable(crc32.Castagnoli)))
}

func baseOf(raw []byte) int64 { return int64(binary.BigEndian.Uint64(raw)) }

func lastOf(raw []byte) int64 {
	return baseOf(raw) + int64(int32(binary.BigEndian.Uint32(raw[atDelta:])))
}

func timeOf(raw []byte) int64 { return int64(binary.BigEndian.Uint64(raw[atTime:])) }

// AsSent is a copy of a batch from a log as its producer had sent it: base offset 0, no
// leader epoch.
func AsSent(raw []byte) []byte {
	b := append([]byte(nil), raw...)
	binary.BigEndian.PutUint64(b, 0)
	binary.BigEndian.PutUint32(b[atEpoch:], 1<<32-1)
	return b
}

// SetProducer makes a batch one of an idempotent (or transactional) producer.
func SetProducer(raw []byte, id int64, epoch int16, sequence int32, transactional bool) {
	binary.BigEndian.PutUint64(raw[43:], uint64(id))
	binary.BigEndian.PutUint16(raw[51:], uint16(epoch))
	binary.BigEndian.PutUint32(raw[53:], uint32(sequence))
	if transactional {
		raw[22] |= 1 << 4
	}
	seal(raw)
}
