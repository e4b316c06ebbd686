package kafkaproto

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// fuzzMessage decodes body as the message of kind that key and version name.
// What decodes has to survive a second round: encoded, decoded and encoded
// again it is the same values and the same bytes. (The first bytes may differ:
// unknown tags are dropped, and varints can be longer than needed.)
func fuzzMessage(t *testing.T, kind string, key, version int16, body []byte) {
	api, ok := Lookup(key)
	if !ok || !api.Supports(version) {
		return
	}
	s := subject{api, version, kind}
	first := s.ours()
	if _, err := s.decode(first, body); err != nil {
		return
	}
	b := s.encode(first)
	second := s.mustDecode(t, b)
	if diff := cmp.Diff(first, second, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); diff != "" {
		t.Fatalf("%s: decoded again (-first +second)\n%s", s, diff)
	}
	if again := s.encode(second); !bytes.Equal(again, b) {
		t.Fatalf("%s: encoded again\n got %x\nwant %x", s, again, b)
	}
}

func addMessageSeeds(f *testing.F, kind string) {
	for _, s := range subjects() {
		if s.kind != kind {
			continue
		}
		for _, b := range bodies(s) {
			f.Add(s.api.Key, s.version, b)
		}
	}
}

func FuzzRequest(f *testing.F) {
	addMessageSeeds(f, "request")
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) { fuzzMessage(t, "request", key, version, body) })
}

func FuzzResponse(f *testing.F) {
	addMessageSeeds(f, "response")
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) { fuzzMessage(t, "response", key, version, body) })
}

// The stream says what the whole decode says, whatever the bytes and however
// they are cut, except where the whole decode allows more: bytes behind the
// body, and elements that the stream holds to be too long.
func FuzzFetchStream(f *testing.F) {
	for _, s := range fetchSubjects() {
		for seed := range uint64(4) {
			f.Add(s.version, uint16(7), randomFetchBody(s, seed))
		}
	}
	f.Fuzz(func(t *testing.T, version int16, piece uint16, body []byte) {
		api, _ := Lookup(KeyFetch)
		if !api.Supports(version) {
			return
		}
		s := subject{api, version, "response"}
		var stream FetchStream
		got, err := streamFetch(&stream, version, body, func(left int) int { return min(left, 1+int(piece)) })
		var whole FetchResponse
		left, wholeErr := s.decode(&whole, body)
		if err != nil {
			if wholeErr == nil && left == 0 && len(body) <= FetchLookahead {
				t.Fatalf("%s: the stream fails on a good body: %v", s, err)
			}
			return
		}
		if wholeErr != nil {
			// In tagged fields the two can judge differently: the stream does
			// not look into the snapshot id and the broker list.
			if !api.Flexible(version) {
				t.Fatalf("%s: the stream takes a body that is malformed", s)
			}
			return
		}
		want := flatten(&whole)
		if left != 0 || !bytes.Equal(s.encode(&got), s.encode(&want)) {
			t.Fatalf("%s: %d bytes left\n got %x\nwant %x", s, left, s.encode(&got), s.encode(&want))
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x09\x00\x00\x00\x05\x00\x02me\x01\x07\x03abc"))
	f.Add([]byte("\x00\x12\x00\x03\x00\x00\x00\x05\xff\xff\x00"))
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h RequestHeader
		r := NewReader(b, false)
		h.Decode(&r)
		if r.Err() == nil {
			w := NewWriter(nil, false)
			h.Encode(&w)
			var again RequestHeader
			r := NewReader(w.Bytes(), false)
			if again.Decode(&r); r.Err() != nil || r.Left() != 0 || cmp.Diff(h, again) != "" {
				t.Fatalf("%+v became %+v, err %v", h, again, r.Err())
			}
		}
		n, ok, err := FrameSize(b, 1<<20)
		if ok != (len(b) >= FramePrefix && err == nil) || n > FramePrefix+1<<20 || n < 0 {
			t.Fatalf("frame size %d %v %v", n, ok, err)
		}
		if len(b) >= 4 {
			r = NewReader(b[4:], false)
			DecodeResponseHeader(&r, int16(b[0]), int16(b[1]))
		}
	})
}

// Any sequence of getters on any bytes stays inside them.
func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, []byte("\x00\x00\x00\x02abcdefgh"), true)
	f.Add([]byte{13, 13, 6}, []byte("\xff\xff\xff\xff\x0f"), false)
	f.Fuzz(func(t *testing.T, program, b []byte, flexible bool) {
		r := NewReader(b, flexible)
		getters := []func(){
			func() { r.Int8() }, func() { r.Int16() }, func() { r.Int32() }, func() { r.Int64() },
			func() { r.Float64() }, func() { r.Bool() }, func() { r.TopicID() }, func() { r.Uvarint() },
			func() { _ = r.String() }, func() { r.NullableString() }, func() { r.Bytes() }, func() { r.NullableBytes() },
			func() { r.Records() }, func() { r.ArrayLen(1) }, func() { r.NullableArrayLen(16) }, func() { r.Tags() },
			func() { r.Int32s() }, func() { r.Strings() }, func() { r.SetFlexible(!r.Flexible()) },
			func() { var s string; r.StringInto(&s) },
			func() { r.TagsFunc(func(_ uint32, f *Reader) { _ = f.String() }) },
		}
		for _, op := range program {
			before, failed := r.Offset(), r.Err() != nil
			getters[int(op)%len(getters)]()
			if r.Offset() < before || r.Offset() > len(b) || failed && (r.Offset() != before || r.Err() == nil) {
				t.Fatalf("offset %d -> %d of %d, failed before: %v", before, r.Offset(), len(b), failed)
			}
			if r.Err() == nil && r.Left() != len(b)-r.Offset() || r.Err() != nil && r.Left() != 0 {
				t.Fatalf("%d left at %d of %d", r.Left(), r.Offset(), len(b))
			}
		}
	})
}
