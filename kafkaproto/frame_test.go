package kafkaproto

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestFrameSize(t *testing.T) {
	const limit = 1000
	for _, c := range []struct {
		in   string
		n    int
		ok   bool
		fail bool
	}{
		{"", 0, false, false},
		{"\x00\x00\x00", 0, false, false},
		{"\x00\x00\x00\x00", 4, true, false},
		{"\x00\x00\x00\x0aabc", 14, true, false},
		{"\x00\x00\x03\xe8", 1004, true, false},
		{"\x00\x00\x03\xe9", 0, false, true},
		{"\xff\xff\xff\xff", 0, false, true},
		{"\x80\x00\x00\x00", 0, false, true},
		{"GET / HTTP/1.1", 0, false, true},
	} {
		n, ok, err := FrameSize([]byte(c.in), limit)
		if n != c.n || ok != c.ok || (err != nil) != c.fail {
			t.Errorf("%q: %d %v %v, want %d %v, error %v", c.in, n, ok, err, c.n, c.ok, c.fail)
		}
	}
}

func TestFrameErrorNamesThePeer(t *testing.T) {
	for in, want := range map[string]string{
		"GET /":            "HTTP",
		"POST /":           "HTTP",
		"\x16\x03\x01\x02": "TLS to a plaintext port",
		"\x15\x03\x01\x02": "TLS alert",
		"\xff\xff\xff\xff": "length -1 ",
		"\x7f\xff\xff\xff": "not in 0..1000",
	} {
		_, _, err := FrameSize([]byte(in), 1000)
		var frame *FrameError
		if !errors.As(err, &frame) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want it to say %q", in, err, want)
		}
	}
}

func TestWriterFrames(t *testing.T) {
	w := NewWriter(nil, false)
	first := w.BeginFrame()
	w.Int16(7)
	w.EndFrame(first, 0)
	second := w.BeginFrame()
	w.RecordsLen(100)
	w.EndFrame(second, 100)
	if want := "\x00\x00\x00\x02\x00\x07\x00\x00\x00\x68\x00\x00\x00\x64"; string(w.Bytes()) != want {
		t.Fatalf("%x, want %x", w.Bytes(), want)
	}
	for name, end := range map[string]func(){
		"before its prefix": func() { w.EndFrame(w.Len(), 0) },
		"above 2 GiB":       func() { w.EndFrame(first, 1<<31) },
	} {
		func() {
			defer func() {
				if p := recover(); p == nil || !strings.HasPrefix(fmt.Sprint(p), "BUG:") {
					t.Errorf("%s: recovered %v", name, p)
				}
			}()
			end()
		}()
	}
}

// The four header cases, and the ones that are easy to get wrong.
func TestHeaders(t *testing.T) {
	id := ptr("me")
	requests := map[string]struct {
		header RequestHeader
		want   string
	}{
		"v1":              {RequestHeader{KeyProduce, 8, 5, id}, "\x00\x00\x00\x08\x00\x00\x00\x05\x00\x02me"},
		"v1 null client":  {RequestHeader{KeyFetch, 11, 5, nil}, "\x00\x01\x00\x0b\x00\x00\x00\x05\xff\xff"},
		"v2 legacy text":  {RequestHeader{KeyProduce, 9, 5, id}, "\x00\x00\x00\x09\x00\x00\x00\x05\x00\x02me\x00"},
		"v2 null client":  {RequestHeader{KeyMetadata, 12, -1, nil}, "\x00\x03\x00\x0c\xff\xff\xff\xff\xff\xff\x00"},
		"v2 api versions": {RequestHeader{KeyApiVersions, 3, 0, id}, "\x00\x12\x00\x03\x00\x00\x00\x00\x00\x02me\x00"},
		"unknown key":     {RequestHeader{999, 0, 5, id}, "\x03\xe7\x00\x00\x00\x00\x00\x05\x00\x02me"},
		"future version":  {RequestHeader{KeyApiVersions, 77, 5, id}, "\x00\x12\x00\x4d\x00\x00\x00\x05\x00\x02me\x00"},
	}
	for name, c := range requests {
		w := NewWriter(nil, true)
		c.header.Encode(&w)
		if string(w.Bytes()) != c.want {
			t.Errorf("%s: %x, want %x", name, w.Bytes(), c.want)
		}
		r := NewReader([]byte(c.want+"body"), true)
		var got RequestHeader
		got.Decode(&r)
		api, _ := Lookup(c.header.Key)
		flexible := api.Flexible(c.header.Version)
		if fmt.Sprint(deref(got.ClientID), got.Key, got.Version, got.CorrelationID) != fmt.Sprint(deref(c.header.ClientID), c.header.Key, c.header.Version, c.header.CorrelationID) ||
			string(r.Rest()) != "body" || r.Err() != nil {
			t.Errorf("%s: read %+v, err %v", name, got, r.Err())
		}
		if r.Flexible() != flexible || w.Flexible() != flexible {
			t.Errorf("%s: body flexible %v %v, want %v", name, r.Flexible(), w.Flexible(), flexible)
		}
	}
	responses := map[string]struct {
		key, version int16
		want         string
	}{
		"v0":                {KeyProduce, 8, "\x00\x00\x00\x05"},
		"v1":                {KeyProduce, 9, "\x00\x00\x00\x05\x00"},
		"api versions 0":    {KeyApiVersions, 0, "\x00\x00\x00\x05"},
		"api versions 3":    {KeyApiVersions, 3, "\x00\x00\x00\x05"},
		"describe cluster":  {KeyDescribeCluster, 0, "\x00\x00\x00\x05\x00"},
		"fetch 12 is first": {KeyFetch, 12, "\x00\x00\x00\x05\x00"},
	}
	for name, c := range responses {
		w := NewWriter(nil, false)
		ResponseHeader(&w, c.key, c.version, 5)
		if string(w.Bytes()) != c.want {
			t.Errorf("%s: %x, want %x", name, w.Bytes(), c.want)
		}
		r := NewReader([]byte(c.want+"body"), false)
		if got := DecodeResponseHeader(&r, c.key, c.version); got != 5 || string(r.Rest()) != "body" || r.Err() != nil {
			t.Errorf("%s: correlation id %d, err %v", name, got, r.Err())
		}
		api, _ := Lookup(c.key)
		if r.Flexible() != api.Flexible(c.version) || w.Flexible() != r.Flexible() {
			t.Errorf("%s: body flexible %v %v", name, r.Flexible(), w.Flexible())
		}
	}
}

func deref(s *string) string {
	if s == nil {
		return "<null>"
	}
	return *s
}

// Tagged fields in a header are skipped; a header that ends early is an error.
func TestHeaderTagsAndTruncation(t *testing.T) {
	whole := "\x00\x00\x00\x09\x00\x00\x00\x05\x00\x02me\x01\x07\x03abc"
	var h RequestHeader
	r := NewReader([]byte(whole), false)
	if h.Decode(&r); r.Err() != nil || r.Left() != 0 || deref(h.ClientID) != "me" {
		t.Errorf("with a tag: err %v, %d left", r.Err(), r.Left())
	}
	for n := range len(whole) {
		r := NewReader([]byte(whole[:n]), false)
		if h.Decode(&r); r.Err() == nil {
			t.Errorf("%d of %d bytes: no error", n, len(whole))
		}
	}
	// A struct that is used again takes the new client id, also null.
	for _, id := range []*string{ptr("one"), nil, ptr(""), ptr("two")} {
		w := NewWriter(nil, false)
		(&RequestHeader{KeyProduce, 3, 1, id}).Encode(&w)
		r := NewReader(w.Bytes(), false)
		if h.Decode(&r); deref(h.ClientID) != deref(id) {
			t.Errorf("client id %s, want %s", deref(h.ClientID), deref(id))
		}
	}
}
