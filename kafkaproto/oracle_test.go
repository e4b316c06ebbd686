package kafkaproto

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The oracle: franz-go's generated codecs (kmsg) read and write the same
// messages. A message takes part as soon as NewRequest or NewResponse knows
// its key; nothing else has to be written for a new API. Our structs have
// kmsg's field names and types, so that reflection can carry values across.

// oracleMessage is what kmsg's requests and responses have in common.
type oracleMessage interface {
	Key() int16
	SetVersion(int16)
	IsFlexible() bool
	AppendTo([]byte) []byte
	ReadFrom([]byte) error
}

// subject is one message at one version.
type subject struct {
	api     API
	version int16
	kind    string // "request" or "response"
}

func (s subject) String() string {
	return fmt.Sprintf("%s/%s/v%d", s.api.Name, s.kind, s.version)
}

func (s subject) ours() Message {
	if s.kind == "request" {
		return NewRequest(s.api.Key)
	}
	return NewResponse(s.api.Key)
}

// oracle is kmsg's message with kmsg's defaults set.
func (s subject) oracle() oracleMessage {
	var m oracleMessage
	if s.kind == "request" {
		m = kmsg.RequestForKey(s.api.Key)
	} else {
		m = kmsg.ResponseForKey(s.api.Key)
	}
	m.(interface{ Default() }).Default()
	m.SetVersion(s.version)
	return m
}

func (s subject) encode(m Message) []byte {
	w := NewWriter(nil, s.api.Flexible(s.version))
	m.Encode(&w, s.version)
	return w.Bytes()
}

// decode decodes b into m and returns what was left over and the verdict.
func (s subject) decode(m Message, b []byte) (left int, err error) {
	r := NewReader(b, s.api.Flexible(s.version))
	m.Decode(&r, s.version)
	return r.Left(), r.Err()
}

func (s subject) mustDecode(t *testing.T, b []byte) Message {
	t.Helper()
	m := s.ours()
	left, err := s.decode(m, b)
	if err != nil || left != 0 {
		t.Fatalf("decode %x: err %v, %d bytes left", b, err, left)
	}
	return m
}

// subjects is every message at every version of the table.
func subjects() (all []subject) {
	for _, api := range APIs() {
		for v := api.Min; v <= api.Max; v++ {
			for _, kind := range []string{"request", "response"} {
				if s := (subject{api, v, kind}); s.ours() != nil {
					all = append(all, s)
				}
			}
		}
	}
	return all
}

func forEachSubject(t *testing.T, f func(t *testing.T, s subject)) {
	for _, s := range subjects() {
		t.Run(s.String(), func(t *testing.T) { f(t, s) })
	}
}

// shapes are the ways in which a message is filled.
func shapes() []filler {
	return []filler{
		{name: "random"},
		{name: "zero"},                           // kmsg's zero values, arrays null
		{name: "default"},                        // kmsg's defaults, arrays null
		{name: "empty", arrays: 0, strings: 0},   // empty but not null
		{name: "minimal", arrays: 3, strings: 0}, // many elements, each as small as it gets
		{name: "large", strings: 300},            // counts and lengths of more than one varint byte
	}
}

func fillings(s subject, seed uint64) map[string]oracleMessage {
	out := map[string]oracleMessage{}
	for _, f := range shapes() {
		rounds := 1
		if f.name == "random" {
			rounds = 12
		}
		for i := range rounds {
			f.rnd = rand.New(rand.NewPCG(seed+uint64(i), uint64(s.api.Key)<<16|uint64(s.version)))
			m := s.oracle()
			f.fill(reflect.ValueOf(m).Elem())
			m.SetVersion(s.version)
			out[fmt.Sprintf("%s%d", f.name, i)] = m
		}
	}
	return out
}

// Bytes written by the oracle are understood whole, and written again as they
// were; every field holds what the oracle reads from the same bytes, or the
// default where the version has no such field.
func TestOracleToOurs(t *testing.T) {
	forEachSubject(t, func(t *testing.T, s subject) {
		for name, theirs := range fillings(s, 1) {
			b := theirs.AppendTo(nil)
			got := s.mustDecode(t, b)
			if again := s.encode(got); !bytes.Equal(again, b) {
				t.Fatalf("%s: encoded again\n got %x\nwant %x", name, again, b)
			}
			reread := s.oracle()
			if err := reread.ReadFrom(b); err != nil {
				t.Fatalf("%s: the oracle refuses its own bytes: %v", name, err)
			}
			want := s.ours()
			carry(t, reflect.ValueOf(want).Elem(), reflect.ValueOf(reread).Elem())
			adjust(s, want)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); diff != "" {
				t.Fatalf("%s: fields differ (-oracle +ours)\n%s", name, diff)
			}
		}
	})
}

// The same values written by us and by the oracle are the same bytes, also
// when fields hold values that the version cannot carry.
func TestOursToOracle(t *testing.T) {
	forEachSubject(t, func(t *testing.T, s subject) {
		for name, theirs := range fillings(s, 1000) {
			m := s.ours()
			carry(t, reflect.ValueOf(m).Elem(), reflect.ValueOf(theirs).Elem())
			got, want := s.encode(m), theirs.AppendTo(nil)
			if !bytes.Equal(got, want) {
				t.Fatalf("%s: encoded\n got %x\nwant %x", name, got, want)
			}
			if err := s.oracle().ReadFrom(got); err != nil {
				t.Fatalf("%s: the oracle refuses %x: %v", name, got, err)
			}
		}
	})
}

// A struct that decoded one message before decodes the next one as a fresh
// struct does: nothing of the first shows through.
func TestDecodeIntoUsedStruct(t *testing.T) {
	forEachSubject(t, func(t *testing.T, s subject) {
		used := s.ours()
		for round, seed := range []uint64{1, 1000} {
			for name, theirs := range fillings(s, seed) {
				b := theirs.AppendTo(nil)
				if left, err := s.decode(used, b); err != nil || left != 0 {
					t.Fatalf("%s: err %v, %d bytes left", name, err, left)
				}
				if again := s.encode(used); !bytes.Equal(again, b) {
					t.Fatalf("%s: encoded again\n got %x\nwant %x", name, again, b)
				}
				if len(b) > 4096 {
					continue // what follows is slow and finds nothing more in long arrays
				}
				if diff := cmp.Diff(s.mustDecode(t, b), used, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("round %d %s: a used struct differs from a fresh one (-fresh +used)\n%s", round, name, diff)
				}
			}
		}
	})
}

// Tagged fields that nobody knows, in every struct, are skipped and dropped.
func TestUnknownTagsAreSkipped(t *testing.T) {
	forEachSubject(t, func(t *testing.T, s subject) {
		if !s.api.Flexible(s.version) {
			return
		}
		rnd := rand.New(rand.NewPCG(7, uint64(s.api.Key)))
		m := s.oracle()
		(&filler{name: "random", rnd: rnd}).fill(reflect.ValueOf(m).Elem())
		m.SetVersion(s.version)
		plain := m.AppendTo(nil)
		if n := injectTags(reflect.ValueOf(m).Elem(), rnd); n == 0 {
			t.Fatal("no struct of this message takes tags")
		}
		tagged := m.AppendTo(nil)
		if len(tagged) <= len(plain) {
			t.Fatal("nothing was injected")
		}
		if again := s.encode(s.mustDecode(t, tagged)); !bytes.Equal(again, plain) {
			t.Fatalf("with unknown tags\n got %x\nwant %x", again, plain)
		}
	})
}

// The table agrees with the oracle on which versions are flexible.
func TestFlexibleVersions(t *testing.T) {
	for _, api := range APIs() {
		for v := api.Min; v <= api.Max; v++ {
			k := kmsg.RequestForKey(api.Key)
			k.SetVersion(v)
			if k.IsFlexible() != api.Flexible(v) {
				t.Errorf("%s v%d: flexible %v, the oracle says %v", api.Name, v, api.Flexible(v), k.IsFlexible())
			}
		}
	}
}
