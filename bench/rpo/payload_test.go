package rpo

import (
	"bytes"
	"errors"
	"testing"
)

func TestPayload(t *testing.T) {
	for _, size := range []int{payloadMin, payloadMin + 1, 100, 1024} {
		p := payload{seed: 7, size: size}
		for _, number := range []int64{0, 1, 1 << 40} {
			v := p.make(number)
			if got, err := p.check(v); err != nil || got != number || len(v) != size {
				t.Errorf("record %d of %d bytes: got %d, %v", number, size, got, err)
			}
		}
		if bytes.Equal(p.make(1)[8:], p.make(2)[8:]) {
			t.Errorf("%d bytes: two records hold the same", size)
		}
		other := payload{seed: 9, size: size}
		if _, err := other.check(p.make(1)); err == nil {
			t.Errorf("%d bytes: a record of another round passes", size)
		}
	}
}

// No byte of a value can be another one unseen.
func TestPayloadSeesEveryByte(t *testing.T) {
	p := payload{seed: 1, size: 64}
	for i := range p.size {
		v := p.make(5)
		v[i] ^= 1
		if number, err := p.check(v); err == nil {
			t.Errorf("byte %d was changed and record %d passes", i, number)
		}
	}
	if _, err := p.check(p.make(5)[:63]); !errors.Is(err, errForeign) {
		t.Errorf("a short value: %v", err)
	}
}
