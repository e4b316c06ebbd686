package kafkaproto

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

func ptr[T any](v T) *T { return &v }

// Null and empty are different things in both encodings, and these are their
// bytes.
func TestNullAndEmpty(t *testing.T) {
	check := func(name string, write func(w *Writer), legacy, flexible string) {
		t.Helper()
		for _, flex := range []bool{false, true} {
			w := NewWriter(nil, flex)
			write(&w)
			want := legacy
			if flex {
				want = flexible
			}
			if got := string(w.Bytes()); got != want {
				t.Errorf("%s, flexible %v: %x, want %x", name, flex, got, want)
			}
		}
	}
	check("empty string", func(w *Writer) { w.String("") }, "\x00\x00", "\x01")
	check("string", func(w *Writer) { w.String("ab") }, "\x00\x02ab", "\x03ab")
	check("null string", func(w *Writer) { w.NullableString(nil) }, "\xff\xff", "\x00")
	check("empty nullable string", func(w *Writer) { w.NullableString(ptr("")) }, "\x00\x00", "\x01")
	check("nullable string", func(w *Writer) { w.NullableString(ptr("ab")) }, "\x00\x02ab", "\x03ab")
	check("null bytes", func(w *Writer) { w.NullableBytes(nil) }, "\xff\xff\xff\xff", "\x00")
	check("empty bytes", func(w *Writer) { w.NullableBytes([]byte{}) }, "\x00\x00\x00\x00", "\x01")
	check("raw nil bytes", func(w *Writer) { w.RawBytes(nil) }, "\x00\x00\x00\x00", "\x01")
	check("bytes", func(w *Writer) { w.RawBytes([]byte("xyz")) }, "\x00\x00\x00\x03xyz", "\x04xyz")
	check("records length", func(w *Writer) { w.RecordsLen(300) }, "\x00\x00\x01\x2c", "\xad\x02")
	check("null array", func(w *Writer) { w.NullArray() }, "\xff\xff\xff\xff", "\x00")
	check("empty array", func(w *Writer) { w.ArrayLen(0) }, "\x00\x00\x00\x00", "\x01")
	check("int32s", func(w *Writer) { w.Int32s([]int32{1, -1}) }, "\x00\x00\x00\x02\x00\x00\x00\x01\xff\xff\xff\xff", "\x03\x00\x00\x00\x01\xff\xff\xff\xff")
	check("strings", func(w *Writer) { w.Strings([]string{"a", ""}) }, "\x00\x00\x00\x02\x00\x01a\x00\x00", "\x03\x02a\x01")
	check("no tags", func(w *Writer) { w.Tags() }, "", "\x00")
	check("bools", func(w *Writer) { w.Bool(true); w.Bool(false) }, "\x01\x00", "\x01\x00")
}

func TestReaderNullAndEmpty(t *testing.T) {
	read := func(b string, flex bool, get func(r *Reader) any, want any) {
		t.Helper()
		r := NewReader([]byte(b), flex)
		got := get(&r)
		if r.Err() != nil || r.Left() != 0 {
			t.Errorf("%x flexible %v: err %v, %d left", b, flex, r.Err(), r.Left())
		}
		if got != want {
			t.Errorf("%x flexible %v: %v, want %v", b, flex, got, want)
		}
	}
	refuse := func(b string, flex bool, get func(r *Reader) any) {
		t.Helper()
		r := NewReader([]byte(b), flex)
		if got := get(&r); r.Err() == nil {
			t.Errorf("%x flexible %v: read as %v, want an error", b, flex, got)
		}
	}
	str := func(r *Reader) any { return r.String() }
	null := func(r *Reader) any { return r.NullableString() == nil }
	bytesNil := func(r *Reader) any { return r.NullableBytes() == nil }
	arrayLen := func(r *Reader) any { return r.ArrayLen(1) }
	nullableLen := func(r *Reader) any { return r.NullableArrayLen(1) }
	rawBytes := func(r *Reader) any { return string(r.Bytes()) }

	read("\x00\x00", false, str, "")
	read("\x01", true, str, "")
	read("\x03ab", true, str, "ab")
	refuse("\xff\xff", false, str)
	refuse("\x00", true, str)
	refuse("\xff\xfe", false, str)
	refuse("\x00\x03ab", false, str)
	refuse("\x04ab", true, str)
	read("\xff\xff", false, null, true)
	read("\x00", true, null, true)
	read("\x00\x00", false, null, false)
	read("\x01", true, null, false)
	refuse("\xff\xfe", false, null)
	read("\xff\xff\xff\xff", false, bytesNil, true)
	read("\x00", true, bytesNil, true)
	read("\x00\x00\x00\x00", false, bytesNil, false)
	read("\x01", true, bytesNil, false)
	read("\x00\x00\x00\x00", false, rawBytes, "")
	refuse("\xff\xff\xff\xff", false, rawBytes)
	refuse("\x00", true, rawBytes)
	refuse("\xff\xff\xff\xfe", false, bytesNil)
	read("\x00\x00\x00\x00", false, arrayLen, 0)
	refuse("\xff\xff\xff\xff", false, arrayLen)
	refuse("\x00", true, arrayLen)
	read("\xff\xff\xff\xff", false, nullableLen, -1)
	read("\x00", true, nullableLen, -1)
	refuse("\xff\xff\xff\xfe", false, nullableLen)
	refuse("\x00\x00\x00\x02a", false, arrayLen)
	refuse("\xff\xff\xff\xff\x0f", true, arrayLen)
	refuse("\xff\xff\xff\xff\x0f", true, bytesNil)
}

func TestUvarint(t *testing.T) {
	for _, c := range []struct {
		in   string
		want uint32
		ok   bool
	}{
		{"\x00", 0, true},
		{"\x7f", 127, true},
		{"\x80\x01", 128, true},
		{"\x80\x00", 0, true}, // longer than needed, as Kafka accepts
		{"\xff\xff\xff\xff\x0f", math.MaxUint32, true},
		{"\xff\xff\xff\xff\x1f", 0, false}, // 33 bits
		{"\x80\x80\x80\x80\x80\x00", 0, false},
		{"\x80", 0, false},
		{"", 0, false},
	} {
		r := NewReader([]byte(c.in), true)
		got := r.Uvarint()
		if got != c.want || (r.Err() == nil) != c.ok {
			t.Errorf("%x: %d, err %v; want %d, ok %v", c.in, got, r.Err(), c.want, c.ok)
		}
		if c.ok && c.in[len(c.in)-1] != 0 {
			w := NewWriter(nil, true)
			w.Uvarint(got)
			if string(w.Bytes()) != c.in {
				t.Errorf("%d written as %x, want %x", got, w.Bytes(), c.in)
			}
		}
	}
}

func TestReaderErrorSticks(t *testing.T) {
	r := NewReader([]byte{1, 2, 3, 4, 5, 6, 7, 8}, false)
	r.Int32()
	if got := r.Int64(); got != 0 || !errors.Is(r.Err(), ErrMalformed) {
		t.Fatalf("8 bytes of 4: %d, err %v", got, r.Err())
	}
	if r.Left() != 0 || r.Offset() != 4 {
		t.Errorf("after an error: %d left, offset %d", r.Left(), r.Offset())
	}
	zero := r.Int8() == 0 && r.Int16() == 0 && r.Int32() == 0 && r.Int64() == 0 && !r.Bool() && r.Float64() == 0 &&
		r.String() == "" && r.NullableString() == nil && r.NullableBytes() == nil && r.Bytes() == nil && r.Uvarint() == 0 &&
		r.TopicID().IsZero() && r.ArrayLen(1) == 0 && r.NullableArrayLen(1) == 0 && r.Int32s() == nil && r.Strings() == nil &&
		len(r.Rest()) == 0
	if !zero || r.Err() == nil || r.Offset() != 4 {
		t.Error("a getter gave something after an error")
	}
	r = NewReader([]byte{1}, false)
	r.Fail()
	if r.Err() == nil || r.Int8() != 0 {
		t.Error("Fail did not stick")
	}
}

func TestReaderPrimitives(t *testing.T) {
	w := NewWriter([]byte("head"), false)
	w.Int8(-2)
	w.Int16(-3)
	w.Int32(-4)
	w.Int64(-5)
	w.Float64(math.Inf(-1))
	w.Bool(true)
	w.TopicID(TopicID{1, 15: 9})
	if w.Len() != 4+1+2+4+8+8+1+16 {
		t.Fatalf("%d bytes", w.Len())
	}
	r := NewReader(w.Bytes()[4:], false)
	if r.Int8() != -2 || r.Int16() != -3 || r.Int32() != -4 || r.Int64() != -5 || !math.IsInf(r.Float64(), -1) || !r.Bool() ||
		r.TopicID() != (TopicID{1, 15: 9}) || r.Left() != 0 || r.Err() != nil {
		t.Error("primitives differ")
	}
	r = NewReader([]byte{2}, false)
	if !r.Bool() {
		t.Error("2 is not true")
	}
}

// A view cannot be grown over the bytes behind it.
func TestViewsAreCapped(t *testing.T) {
	b := []byte{2, 'x', 'y'}
	r := NewReader(b, true)
	view := r.Bytes()
	_ = append(view, 'Z')
	if string(b) != "\x02xy" {
		t.Fatalf("append to a view wrote into the buffer: %q", b)
	}
	if rest := r.Rest(); string(rest) != "y" || r.Left() != 0 {
		t.Fatalf("rest %q", rest)
	}
}

func TestStringIntoKeepsEqualText(t *testing.T) {
	const text = "orders"
	w := NewWriter(nil, true)
	w.String(text)
	s := strings.Clone(text)
	n := testing.AllocsPerRun(10, func() {
		r := NewReader(w.Bytes(), true)
		r.StringInto(&s)
	})
	if n != 0 || s != text {
		t.Errorf("%v allocations, %q", n, s)
	}
	r := NewReader([]byte{3, 'a', 'b'}, true)
	if r.StringInto(&s); s != "ab" {
		t.Errorf("%q", s)
	}
	r = NewReader([]byte{0}, true)
	if r.StringInto(&s); s != "" || r.Err() == nil {
		t.Errorf("null: %q, err %v", s, r.Err())
	}
}

// Kafka reads no string above 32767 bytes, in either encoding.
func TestStringLimit(t *testing.T) {
	for _, flex := range []bool{false, true} {
		w := NewWriter(nil, flex)
		w.String(strings.Repeat("x", stringMax))
		r := NewReader(w.Bytes(), flex)
		if got := r.String(); len(got) != stringMax || r.Err() != nil {
			t.Errorf("flexible %v: %d bytes, err %v", flex, len(got), r.Err())
		}
		// A longer one is cut between characters: 16384 of 2 bytes do not fit.
		w = NewWriter(nil, flex)
		w.String(strings.Repeat("é", 20000))
		r = NewReader(w.Bytes(), flex)
		if got := r.String(); len(got) != stringMax-1 || !utf8.ValidString(got) || r.Err() != nil || r.Left() != 0 {
			t.Errorf("flexible %v: cut to %d bytes, err %v", flex, len(got), r.Err())
		}
	}
	w := NewWriter(nil, true)
	w.RawBytes(make([]byte, stringMax+1))
	r := NewReader(w.Bytes(), true)
	if r.NullableString(); r.Err() == nil {
		t.Error("a compact string of 32768 bytes was read")
	}
}

func TestTags(t *testing.T) {
	w := NewWriter(nil, true)
	w.TagsWith(
		Tag{2, func(w *Writer) { w.Int32(7) }},
		Tag{300, func(w *Writer) { w.String("far") }},
	)
	if want := "\x02\x02\x04\x00\x00\x00\x07\xac\x02\x04\x04far"; string(w.Bytes()) != want {
		t.Fatalf("%x, want %x", w.Bytes(), want)
	}
	w.Int8(99)
	r := NewReader(w.Bytes(), true)
	var number int32
	var text string
	r.TagsFunc(func(tag uint32, field *Reader) {
		switch tag {
		case 2:
			number = field.Int32()
		case 300:
			text = field.String()
		}
	})
	if number != 7 || text != "far" || r.Int8() != 99 || r.Err() != nil {
		t.Errorf("read %d %q, err %v", number, text, r.Err())
	}
	r = NewReader(w.Bytes(), true)
	if r.Tags(); r.Int8() != 99 || r.Err() != nil {
		t.Error("Tags did not skip all of them")
	}

	legacy := NewWriter(nil, false)
	legacy.TagsWith(Tag{1, func(w *Writer) { w.Int8(1) }})
	if legacy.Len() != 0 {
		t.Error("tags in a legacy message")
	}
	r = NewReader([]byte{5}, false)
	if r.Tags(); r.Left() != 1 {
		t.Error("tags read from a legacy message")
	}
}

func TestTagsMalformed(t *testing.T) {
	int32Field := func(tag uint32, field *Reader) { field.Int32() }
	for name, in := range map[string]string{
		"field longer than message": "\x01\x00\x05abc",
		"field shorter than value":  "\x01\x00\x02abc",
		"count without fields":      "\x03\x00\x04abcd",
		"count is huge":             "\xff\xff\xff\xff\x0f",
		"size is huge":              "\x01\x00\xff\xff\xff\xff\x0fabc",
	} {
		r := NewReader([]byte(in), true)
		if r.TagsFunc(int32Field); r.Err() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// More bytes in a field than its known value: a later version's addition.
	r := NewReader([]byte("\x01\x00\x06abcdef"), true)
	if r.TagsFunc(int32Field); r.Err() != nil || r.Left() != 0 {
		t.Errorf("longer field: %v, %d left", r.Err(), r.Left())
	}
}

func TestTopicIDText(t *testing.T) {
	id := TopicID{0xfb, 0xff, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	const text = "-_8CAwQFBgcICQoLDA0ODw"
	if id.String() != text {
		t.Fatalf("%s, want %s", id, text)
	}
	var back TopicID
	if err := back.UnmarshalText([]byte(text)); err != nil || back != id {
		t.Fatalf("%v, err %v", back, err)
	}
	for _, bad := range []string{"", "abc", text + "A", text[:21] + "=", text[:10] + "\n" + text[10:], strings.Repeat("+", 22)} {
		if err := back.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was taken for an id", bad)
		}
	}
	seen := map[TopicID]bool{}
	for range 2000 {
		id := NewTopicID()
		if id.String()[0] == '-' || id[6]>>4 != 4 || id[8]>>6 != 2 || id.IsZero() || seen[id] {
			t.Fatalf("random id %s (%x)", id, [16]byte(id))
		}
		seen[id] = true
		if b, err := id.MarshalText(); err != nil || !bytes.Equal(b, []byte(id.String())) {
			t.Fatalf("text %q, err %v", b, err)
		}
	}
}
