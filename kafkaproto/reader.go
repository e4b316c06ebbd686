package kafkaproto

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrMalformed is what Reader.Err reports when a message ends early, a length
// points outside it, or a value is null where the schema forbids null.
var ErrMalformed = errors.New("malformed kafka message")

// Reader decodes Kafka primitives from one message. It borrows its buffer:
// Bytes and Records return views into it, strings are copied.
//
// The error is sticky. After the first failure every getter returns a zero
// value and consumes nothing, so a decoder reads straight through and asks
// Err once, at the end.
type Reader struct {
	buf  []byte
	off  int
	flex bool
	bad  bool
	need int // when bad because buf ended early: the length it would have needed, else 0

	elements int // array elements so far, of at most elementsMax
}

// elementsMax bounds the array elements of one message, all arrays together.
// Elements can be smaller on the wire than in memory by a factor of 20, so
// that the frame's size alone is no bound. The largest honest message, the
// metadata of a cluster of 200,000 partitions, has fewer than 2 million.
const elementsMax = 4 << 20

// stringMax is the longest string, in bytes, that Kafka reads or writes, in
// both encodings: the int16 of the legacy one, kept for the compact one.
const stringMax = math.MaxInt16

// NewReader borrows b. flexible selects compact lengths and tagged fields
// (KIP-482) for every getter that has two encodings.
func NewReader(b []byte, flexible bool) Reader { return Reader{buf: b, flex: flexible} }

// Flexible reports which of the two encodings is being read.
func (r *Reader) Flexible() bool { return r.flex }

// SetFlexible switches the encoding; only the header parser needs it, because
// a flexible request header still carries its client id in the legacy form.
func (r *Reader) SetFlexible(f bool) { r.flex = f }

// Err is nil while every read so far was inside the message.
func (r *Reader) Err() error {
	if r.bad {
		return ErrMalformed
	}
	return nil
}

// Left is the number of bytes not read yet; 0 after an error.
func (r *Reader) Left() int {
	if r.bad {
		return 0
	}
	return len(r.buf) - r.off
}

// Offset is the number of bytes read so far.
func (r *Reader) Offset() int { return r.off }

// Rest returns a view of everything not read yet and consumes it.
func (r *Reader) Rest() []byte { return r.take(r.Left()) }

// Fail marks the message malformed, for a rule the primitives cannot see.
func (r *Reader) Fail() { r.bad = true }

func (r *Reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.buf)-r.off {
		if !r.bad && n > 0 {
			r.need = r.off + n
		}
		r.bad = true
		return nil
	}
	b := r.buf[r.off : r.off+n : r.off+n]
	r.off += n
	return b
}

func (r *Reader) Int8() int8 {
	if b := r.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (r *Reader) Int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *Reader) Int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *Reader) Int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *Reader) Float64() float64 { return math.Float64frombits(uint64(r.Int64())) }

// Bool is false for 0 and true for any other byte, as Kafka reads it.
func (r *Reader) Bool() bool { return r.Int8() != 0 }

// TopicID is a 16-byte UUID; all zero means none (KIP-516).
func (r *Reader) TopicID() (id TopicID) {
	copy(id[:], r.take(16))
	return id
}

// Uvarint is at most 32 bits wide, Kafka's limit for lengths and tags.
func (r *Reader) Uvarint() uint32 {
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		b := r.take(1)
		if b == nil {
			return 0
		}
		if shift == 28 && b[0] > 0x0f {
			break
		}
		v |= uint32(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return v
		}
	}
	r.bad = true
	return 0
}

// length reads a length or count; -1 is null. legacy is the fixed width (2 or
// 4 bytes) of the non-flexible form.
func (r *Reader) length(legacy int) int {
	switch {
	case r.flex:
		n := int64(r.Uvarint()) - 1
		if n > math.MaxInt32 {
			r.bad = true
			return 0
		}
		return int(n)
	case legacy == 2:
		return int(r.Int16())
	default:
		return int(r.Int32())
	}
}

// text reads a string's bytes; null is true for null and for an error.
func (r *Reader) text() (b []byte, null bool) {
	n := r.length(2)
	if n == -1 || r.bad {
		return nil, true
	}
	if n > stringMax {
		r.bad = true
		return nil, true
	}
	b = r.take(n)
	return b, r.bad
}

// String reads a string that may not be null.
func (r *Reader) String() string {
	b, null := r.text()
	if null {
		r.bad = true
	}
	return string(b)
}

// StringInto is String into *s, which stays as it is when the text is the
// same: a request that names the topics of the last one allocates nothing.
func (r *Reader) StringInto(s *string) {
	b, null := r.text()
	if null {
		r.bad = true
	}
	if string(b) != *s {
		*s = string(b)
	}
}

// NullableString returns nil for null.
func (r *Reader) NullableString() *string {
	b, null := r.text()
	if null {
		return nil
	}
	s := string(b)
	return &s
}

// nullableStringInto is NullableString into *s with the thrift of StringInto.
func (r *Reader) nullableStringInto(s **string) {
	b, null := r.text()
	switch {
	case null:
		*s = nil
	case *s == nil || string(b) != **s:
		fresh := string(b)
		*s = &fresh
	}
}

// Bytes returns a view of a byte field that may not be null.
func (r *Reader) Bytes() []byte {
	b := r.NullableBytes()
	if b == nil {
		r.bad = true
	}
	return b
}

// NullableBytes returns a view; nil for null, empty and not nil for empty.
func (r *Reader) NullableBytes() []byte {
	n := r.length(4)
	if n == -1 || r.bad {
		return nil
	}
	b := r.take(n)
	if b == nil && !r.bad {
		b = []byte{}
	}
	return b
}

// Records reads a RECORDS field: bytes that this layer never looks into.
func (r *Reader) Records() []byte { return r.NullableBytes() }

// ArrayLen reads the count of an array that may not be null. sizeMin is the
// smallest encoding of one element: a count that cannot fit into the bytes
// left fails before anything is allocated for it, and so does one that brings
// the message above 4 Mi elements in all.
func (r *Reader) ArrayLen(sizeMin int) int {
	n := r.NullableArrayLen(sizeMin)
	if n < 0 {
		r.bad = true
		return 0
	}
	return n
}

// NullableArrayLen is ArrayLen with -1 for null.
func (r *Reader) NullableArrayLen(sizeMin int) int {
	n := r.length(4)
	if r.bad {
		return 0
	}
	if n < -1 || (n > 0 && n > min(r.Left()/max(sizeMin, 1), elementsMax-r.elements)) {
		r.bad = true
		return 0
	}
	r.elements += max(n, 0)
	return n
}

// Tags skips the tagged fields that end every flexible structure. Unknown
// tags are dropped, and none are retained (CVE-2026-111115 is what happens
// otherwise).
func (r *Reader) Tags() { r.TagsFunc(nil) }

// TagsFunc calls known for each tagged field with a Reader over its bytes.
// A no-op for legacy messages.
func (r *Reader) TagsFunc(known func(tag uint32, field *Reader)) {
	if !r.flex {
		return
	}
	n := r.Uvarint()
	if n == 0 {
		return
	}
	if known == nil {
		r.skipTags(n)
		return
	}
	var field Reader // one for all: it escapes through known
	for ; n > 0 && !r.bad; n-- {
		tag := r.Uvarint()
		field = NewReader(r.take(int(r.Uvarint())), true)
		if r.bad {
			return
		}
		known(tag, &field)
		r.bad = field.bad
	}
}

func (r *Reader) skipTags(n uint32) {
	for ; n > 0 && !r.bad; n-- {
		r.Uvarint()
		r.take(int(r.Uvarint()))
	}
}

// sizeMin picks the smallest encoding of an array element for ArrayLen.
func (r *Reader) sizeMin(legacy, flexible int) int {
	if r.flex {
		return flexible
	}
	return legacy
}

// Int32s reads a non-null array of int32.
func (r *Reader) Int32s() []int32 {
	n := r.ArrayLen(4)
	if n == 0 {
		return nil
	}
	out := make([]int32, n)
	for i := range out {
		out[i] = r.Int32()
	}
	return out
}

// Strings reads a non-null array of non-null strings.
func (r *Reader) Strings() []string {
	n := r.ArrayLen(r.sizeMin(2, 1))
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = r.String()
	}
	return out
}
