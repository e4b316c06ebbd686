package kafkaproto

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// filler sets the fields of a kmsg struct by reflection.
type filler struct {
	name            string
	arrays, strings int // element count and text length of the fixed shapes
	rnd             *rand.Rand

	// Shape "nested": arrays at this depth have manyElements elements, those
	// around them one, those inside them none.
	depth, at int
}

const manyElements = 200

func (f *filler) fill(v reflect.Value) {
	switch f.name {
	case "zero":
		v.SetZero()
	case "default":
	default:
		f.value(v)
	}
}

func (f *filler) random() bool { return f.name == "random" }

// value fills v, which holds kmsg's default before the call.
func (f *filler) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		f.structure(v)
	case reflect.Slice:
		f.slice(v)
	case reflect.Pointer:
		if f.random() && f.rnd.IntN(3) == 0 {
			v.SetZero()
			return
		}
		if f.name == "minimal" || f.name == "nested" {
			v.SetZero()
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		f.value(v.Elem())
	case reflect.Array:
		if f.rnd.IntN(4) > 0 {
			for i := range v.Len() {
				v.Index(i).SetUint(f.rnd.Uint64N(256))
			}
		}
	case reflect.String:
		v.SetString(f.text())
	case reflect.Bool:
		v.SetBool(f.rnd.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		f.integer(v)
	case reflect.Float64:
		v.SetFloat(f.rnd.NormFloat64())
	default:
		panic(fmt.Sprintf("BUG: no rule to fill a %s", v.Type()))
	}
}

func (f *filler) structure(v reflect.Value) {
	if d, ok := v.Addr().Interface().(interface{ Default() }); ok {
		d.Default()
		if f.random() && f.rnd.IntN(4) == 0 && v.NumField() < 4 {
			return // small structs stay at their default now and then: tagged ones are then left out
		}
	}
	for i := range v.NumField() {
		if skipField(v.Type().Field(i).Name) {
			continue
		}
		if f.random() && f.rnd.IntN(8) == 0 {
			continue
		}
		f.value(v.Field(i))
	}
}

func (f *filler) slice(v reflect.Value) {
	n := f.arrays
	switch {
	case f.random() && f.rnd.IntN(5) == 0:
		v.SetZero()
		return
	case f.random():
		n = f.rnd.IntN(4)
	case f.name == "nested":
		n = []int{1, manyElements, 0}[1+min(1, max(-1, f.depth-f.at))]
	case f.name == "large":
		n = 2
		if v.Type().Elem().Kind() != reflect.Struct {
			n = 150
		}
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		v.SetBytes([]byte(f.text()))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	f.depth++
	defer func() { f.depth-- }()
	for i := range n {
		f.value(v.Index(i))
	}
}

func (f *filler) text() string {
	n := f.strings
	if f.random() {
		n = f.rnd.IntN(12)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + f.rnd.IntN(26))
	}
	return string(b)
}

func (f *filler) integer(v reflect.Value) {
	x := int64(f.rnd.Uint64())
	switch f.rnd.IntN(4) {
	case 0:
		x = -1
	case 1:
		x %= 1000
	}
	bits := v.Type().Bits()
	v.SetInt(x << (64 - bits) >> (64 - bits))
}

func skipField(name string) bool { return name == "Version" || name == "UnknownTags" }

// injectTags gives every struct inside v one to three unknown tags and says
// how many structs it found.
func injectTags(v reflect.Value, rnd *rand.Rand) (structs int) {
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			structs += injectTags(v.Index(i), rnd)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			structs += injectTags(v.Elem(), rnd)
		}
	case reflect.Struct:
		if tags, ok := v.Addr().Interface().(*kmsg.Tags); ok {
			for range 1 + rnd.IntN(3) {
				tags.Set(100+rnd.Uint32N(1<<20), make([]byte, rnd.IntN(300)))
			}
			return 1
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				structs += injectTags(v.Field(i), rnd)
			}
		}
	}
	return structs
}

// carry copies src, a kmsg value, to dst, ours, by field name. A field that
// only one side has is left alone: if a version in the table carried it, the
// comparison of bytes would find it.
func carry(t *testing.T, dst, src reflect.Value) {
	t.Helper()
	switch dst.Kind() {
	case reflect.Struct:
		for i := range src.NumField() {
			name := src.Type().Field(i).Name
			if f := dst.FieldByName(name); !skipField(name) && f.IsValid() {
				carry(t, f, src.Field(i))
			}
		}
	case reflect.Slice:
		if src.Kind() != reflect.Slice {
			t.Fatalf("%s is a slice, the oracle has %s", dst.Type(), src.Type())
		}
		if src.IsNil() {
			dst.SetZero()
			return
		}
		dst.Set(reflect.MakeSlice(dst.Type(), src.Len(), src.Len()))
		for i := range src.Len() {
			carry(t, dst.Index(i), src.Index(i))
		}
	case reflect.Pointer:
		if src.IsNil() {
			dst.SetZero()
			return
		}
		dst.Set(reflect.New(dst.Type().Elem()))
		carry(t, dst.Elem(), src.Elem())
	default:
		if !src.CanConvert(dst.Type()) {
			t.Fatalf("%s cannot take the oracle's %s", dst.Type(), src.Type())
		}
		dst.Set(src.Convert(dst.Type()))
	}
}

// adjust corrects the oracle's expectation where its defaults are not Kafka's.
func adjust(s subject, want Message) {
	switch m := want.(type) {
	case *MetadataRequest:
		// Kafka's own schema has true, so that v0-v3 create topics.
		m.AllowAutoTopicCreation = m.AllowAutoTopicCreation || s.version < 4
	}
}
