package kafkaproto

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// Writer appends Kafka primitives to a byte slice. It owns nothing: Bytes
// hands back the slice it was given, grown.
type Writer struct {
	buf  []byte
	flex bool
}

// NewWriter appends to buf, which may be nil or a pooled buffer's bytes.
func NewWriter(buf []byte, flexible bool) Writer { return Writer{buf: buf, flex: flexible} }

// Bytes is everything written so far, after what the buffer held already.
func (w *Writer) Bytes() []byte { return w.buf }

// Len is the length of Bytes.
func (w *Writer) Len() int { return len(w.buf) }

// Flexible reports which of the two encodings is being written.
func (w *Writer) Flexible() bool { return w.flex }

// SetFlexible switches the encoding; see Reader.SetFlexible.
func (w *Writer) SetFlexible(f bool) { w.flex = f }

func (w *Writer) Int8(v int8)       { w.buf = append(w.buf, byte(v)) }
func (w *Writer) Int16(v int16)     { w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(v)) }
func (w *Writer) Int32(v int32)     { w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(v)) }
func (w *Writer) Int64(v int64)     { w.buf = binary.BigEndian.AppendUint64(w.buf, uint64(v)) }
func (w *Writer) Float64(v float64) { w.Int64(int64(math.Float64bits(v))) }
func (w *Writer) TopicID(v TopicID) { w.buf = append(w.buf, v[:]...) }
func (w *Writer) Uvarint(v uint32)  { w.buf = binary.AppendUvarint(w.buf, uint64(v)) }

func (w *Writer) Bool(v bool) {
	if v {
		w.Int8(1)
		return
	}
	w.Int8(0)
}

// length writes a length or count; n = -1 is null.
func (w *Writer) length(n, legacy int) {
	switch {
	case w.flex:
		w.Uvarint(uint32(n + 1))
	case legacy == 2:
		w.Int16(int16(n))
	default:
		w.Int32(int32(n))
	}
}

// String writes a non-null string. Kafka's limit is 32767 bytes; a longer one
// is cut there, between two characters. Only free text such as an error
// message that quotes a client can be that long, and a cut message beats a
// frame with a wrong length or a panic that a client can provoke.
func (w *Writer) String(s string) {
	if len(s) > stringMax {
		s = cutText(s, stringMax)
	}
	w.length(len(s), 2)
	w.buf = append(w.buf, s...)
}

// cutText is the longest prefix of s of at most n bytes that ends between two
// UTF-8 characters.
func cutText(s string, n int) string {
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// NullableString writes nil as null.
func (w *Writer) NullableString(s *string) {
	if s == nil {
		w.length(-1, 2)
		return
	}
	w.String(*s)
}

// RawBytes writes a non-null byte field; nil is written as empty.
func (w *Writer) RawBytes(b []byte) {
	w.length(len(b), 4)
	w.buf = append(w.buf, b...)
}

// NullableBytes writes nil as null.
func (w *Writer) NullableBytes(b []byte) {
	if b == nil {
		w.length(-1, 4)
		return
	}
	w.RawBytes(b)
}

// RecordsLen writes only the length of a RECORDS field of n bytes. The caller
// sends the bytes themselves behind what is written so far, from where they
// lie: they never pass through a Writer.
func (w *Writer) RecordsLen(n int) { w.length(n, 4) }

// ArrayLen writes the count of an array, NullArray the count of a null one.
func (w *Writer) ArrayLen(n int) { w.length(n, 4) }
func (w *Writer) NullArray()     { w.length(-1, 4) }

// Tags ends a flexible structure that has no tagged fields to send.
func (w *Writer) Tags() {
	if w.flex {
		w.Uvarint(0)
	}
}

// Tag is one tagged field; Write encodes its value with the flexible Writer it
// gets. Tags must be given in ascending order of ID.
type Tag struct {
	ID    uint32
	Write func(w *Writer)
}

// TagsWith ends a flexible structure with the given tagged fields.
func (w *Writer) TagsWith(tags ...Tag) {
	if !w.flex {
		return
	}
	w.Uvarint(uint32(len(tags)))
	for _, t := range tags {
		w.Uvarint(t.ID)
		field := NewWriter(nil, true)
		t.Write(&field)
		w.Uvarint(uint32(len(field.buf)))
		w.buf = append(w.buf, field.buf...)
	}
}

func (w *Writer) Int32s(v []int32) {
	w.ArrayLen(len(v))
	for _, x := range v {
		w.Int32(x)
	}
}

func (w *Writer) Strings(v []string) {
	w.ArrayLen(len(v))
	for _, s := range v {
		w.String(s)
	}
}
