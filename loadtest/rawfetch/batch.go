package rawfetch

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Layout of record batch v2: the log overhead, and the fields up to the records.
//
//	0 base offset 8 | 8 length 4 | 12 leader epoch 4 | 16 magic 1 | 17 crc 4 | 21 attributes 2 | 23 last delta 4
//	27 first timestamp 8 | 35 max timestamp 8 | 43 producer id 8 | 51 producer epoch 2 | 53 base sequence 4 | 57 count 4 | 61 records
const (
	overhead = 12
	headSize = 61
	crcFrom  = 21 // the checksum covers this byte to the end
)

// A Batch is one whole record batch as it came from the wire. Raw is the
// caller's to keep.
type Batch struct {
	Raw []byte

	Base, Last     int64 // offsets of the first and last record there was when it was written
	LeaderEpoch    int32
	Magic          int8
	CRC            uint32
	Attributes     int16
	FirstTimestamp int64 // ms
	MaxTimestamp   int64 // ms
	ProducerID     int64
	ProducerEpoch  int16
	BaseSequence   int32
	Count          int32 // records that are there; less than Last-Base+1 after compaction
}

// Transactional, Control and LogAppendTime are bits of Attributes.
func (b *Batch) Transactional() bool { return b.Attributes&(1<<4) != 0 }
func (b *Batch) Control() bool       { return b.Attributes&(1<<5) != 0 }
func (b *Batch) LogAppendTime() bool { return b.Attributes&(1<<3) != 0 }

// Codec is 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
func (b *Batch) Codec() int { return int(b.Attributes & 7) }

// Holes reports whether offsets inside the batch have no record.
func (b *Batch) Holes() bool { return int64(b.Count) != b.Last-b.Base+1 }

func (b *Batch) String() string {
	return fmt.Sprintf("batch %d-%d (%d bytes, epoch %d, magic %d, crc %08x, attributes %#x, times %d-%d, producer %d/%d/%d, %d records)",
		b.Base, b.Last, len(b.Raw), b.LeaderEpoch, b.Magic, b.CRC, b.Attributes, b.FirstTimestamp, b.MaxTimestamp,
		b.ProducerID, b.ProducerEpoch, b.BaseSequence, b.Count)
}

// fieldAt names the field of a batch that byte i belongs to.
func fieldAt(i int) string {
	ends := []struct {
		end  int
		name string
	}{
		{8, "base offset"}, {12, "length"}, {16, "leader epoch"}, {17, "magic"}, {21, "crc"}, {23, "attributes"},
		{27, "last offset delta"}, {35, "first timestamp"}, {43, "max timestamp"}, {51, "producer id"},
		{53, "producer epoch"}, {57, "base sequence"}, {61, "record count"},
	}
	for _, e := range ends {
		if i < e.end {
			return e.name
		}
	}
	return "records"
}

// next cuts the first whole batch off b, and reports false when b ends before
// the batch does (brokers cut the last batch of a response). The batch is checked:
// magic 2, sane length, CRC-32C.
func next(b []byte) (batch Batch, rest []byte, whole bool, err error) {
	if len(b) < overhead {
		return Batch{}, b, false, nil
	}
	base := int64(binary.BigEndian.Uint64(b))
	length := int64(int32(binary.BigEndian.Uint32(b[8:])))
	if length < headSize-overhead {
		return Batch{}, nil, false, fmt.Errorf("batch at offset %d: length %d is less than a head", base, length)
	}
	size := overhead + length
	if int64(len(b)) < size {
		return Batch{}, b, false, nil
	}
	raw := b[:size:size]
	if raw[16] != 2 {
		return Batch{}, nil, false, fmt.Errorf("batch at offset %d: message format %d, only 2 can be read", base, raw[16])
	}
	batch = Batch{
		Raw:            raw,
		Base:           base,
		Last:           base + int64(int32(binary.BigEndian.Uint32(raw[23:]))),
		LeaderEpoch:    int32(binary.BigEndian.Uint32(raw[12:])),
		Magic:          int8(raw[16]),
		CRC:            binary.BigEndian.Uint32(raw[17:]),
		Attributes:     int16(binary.BigEndian.Uint16(raw[21:])),
		FirstTimestamp: int64(binary.BigEndian.Uint64(raw[27:])),
		MaxTimestamp:   int64(binary.BigEndian.Uint64(raw[35:])),
		ProducerID:     int64(binary.BigEndian.Uint64(raw[43:])),
		ProducerEpoch:  int16(binary.BigEndian.Uint16(raw[51:])),
		BaseSequence:   int32(binary.BigEndian.Uint32(raw[53:])),
		Count:          int32(binary.BigEndian.Uint32(raw[57:])),
	}
	if got := crc32.Checksum(raw[crcFrom:], crc32.MakeTable(crc32.Castagnoli)); got != batch.CRC {
		return Batch{}, nil, false, fmt.Errorf("%v: checksum is %08x", &batch, got)
	}
	return batch, b[size:], true, nil
}
