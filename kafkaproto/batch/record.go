package batch

import (
	"encoding/binary"
	"fmt"
	"math"

	"umbra/kafkaproto/compress"
)

// UnpackMaxDefault bounds the unpacked records of one batch unless a Scratch
// says otherwise.
const UnpackMaxDefault = 256 << 20

// Record is one record of a batch. Its slices are views of the batch or of a
// Scratch; nil is Kafka's null.
type Record struct {
	Offset      int64
	OffsetDelta int32
	Timestamp   int64 // ms
	Attributes  int8  // unused by Kafka so far
	Key, Value  []byte
	Headers     []Header
}

// Header is one record header. Its key is text.
type Header struct {
	Key   []byte
	Value []byte // nil is null
}

// Scratch is the memory that Each unpacks into, kept from batch to batch. It
// belongs to one goroutine at a time; the zero value is ready.
type Scratch struct {
	UnpackMax int             // bytes; 0 is UnpackMaxDefault
	Codecs    compress.Codecs // its coders are made at first use

	unpacked []byte
	headers  []Header
}

// Each calls f for every record of v, in order. A Record and all it points to
// is valid until f returns. The error of f ends the walk and comes back as it
// is; a batch whose records do not unpack, do not end where the batch ends, do
// not fit its count or do not have rising offsets gives ErrCorrupt, and
// unpacking past the limit compress.ErrTooLarge. s may be nil for a single use.
//
// v must have passed Validate; its CRC is the caller's business.
func Each(v View, s *Scratch, f func(Record) error) error {
	if s == nil {
		s = new(Scratch)
		defer s.Codecs.Close()
	}
	body, err := s.body(v)
	if err != nil {
		return err
	}
	in := decoder{buf: body}
	delta := int32(-1)
	for range v.Count() {
		r, ok := in.record(v, s)
		switch {
		case !ok:
			return v.corrupt(ReasonRecord, 0, 0)
		case r.OffsetDelta <= delta || r.OffsetDelta > v.LastOffsetDelta():
			return v.corrupt(ReasonOrder, int64(r.OffsetDelta), int64(delta)+1)
		}
		delta = r.OffsetDelta
		if err := f(r); err != nil {
			return err
		}
	}
	if len(in.buf) > 0 {
		return v.corrupt(ReasonCount, int64(len(in.buf)), 0)
	}
	return nil
}

func (v View) corrupt(broken Reason, got, want int64) error {
	return ErrCorrupt{v.BaseOffset(), 0, broken, got, want}
}

// body is the records, unpacked.
func (s *Scratch) body(v View) ([]byte, error) {
	codec := v.Codec()
	switch {
	case codec == compress.None || v.Count() == 0:
		return v.Records(), nil
	case !codec.Valid():
		return nil, fmt.Errorf("%w: %w", v.corrupt(ReasonCodec, int64(codec), int64(compress.Zstd)), compress.ErrUnknownCodec)
	}
	unpackMax := s.UnpackMax
	if unpackMax == 0 {
		unpackMax = UnpackMaxDefault
	}
	out, err := s.Codecs.Decompress(codec, s.unpacked[:0], v.Records(), unpackMax)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", v.corrupt(ReasonUnpack, 0, 0), err)
	}
	s.unpacked = out
	return out, nil
}

// decoder takes fields off the front of buf. The first failure sticks and
// makes every later field empty.
type decoder struct {
	buf []byte
	bad bool
}

// record reads the next record; its headers go into s.
func (d *decoder) record(v View, s *Scratch) (r Record, ok bool) {
	one := decoder{buf: d.take(d.varint())}
	if d.bad {
		return r, false
	}
	if flags := one.take(1); flags != nil {
		r.Attributes = int8(flags[0])
	}
	r.Timestamp = v.FirstTimestamp() + one.varlong()
	if v.IsLogAppendTime() {
		r.Timestamp = v.MaxTimestamp()
	}
	r.OffsetDelta = int32(one.varint())
	r.Offset = v.BaseOffset() + int64(r.OffsetDelta)
	r.Key, r.Value = one.nullable(), one.nullable()
	r.Headers = one.headers(s)
	return r, !one.bad && len(one.buf) == 0
}

func (d *decoder) headers(s *Scratch) []Header {
	n := d.varint()
	if d.bad || n < 0 || n > len(d.buf)/2 { // a header is two lengths at least
		d.bad = true
		return nil
	}
	s.headers = s.headers[:0]
	for range n {
		h := Header{Key: d.nullable(), Value: d.nullable()}
		if d.bad || h.Key == nil {
			d.bad = true
			return nil
		}
		s.headers = append(s.headers, h)
	}
	return s.headers
}

func (d *decoder) take(n int) []byte {
	if d.bad || n < 0 || n > len(d.buf) {
		d.bad = true
		return nil
	}
	b := d.buf[:n:n]
	d.buf = d.buf[n:]
	return b
}

// nullable reads a length and that many bytes; -1 is null.
func (d *decoder) nullable() []byte {
	n := d.varint()
	if n == -1 || d.bad {
		return nil
	}
	return d.take(n)
}

// varlong reads a zigzag varint of up to 64 bits.
func (d *decoder) varlong() int64 {
	n, size := binary.Varint(d.buf)
	if d.bad || size <= 0 {
		d.bad = true
		return 0
	}
	d.buf = d.buf[size:]
	return n
}

// varint is a varlong that must fit into 32 bits.
func (d *decoder) varint() int {
	n := d.varlong()
	if n < math.MinInt32 || n > math.MaxInt32 {
		d.bad = true
		return 0
	}
	return int(n)
}
