package workload

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A Maker draws records from a seed; the same seed gives the same records
// (timestamps aside). It belongs to one goroutine.
type Maker struct {
	rng *rand.Rand
	n   int
}

// NewMaker makes a maker; stream tells makers of one seed apart.
func NewMaker(seed, stream uint64) *Maker {
	return &Maker{rng: rand.New(rand.NewPCG(seed, stream))}
}

// Record is a record with everything in it that a client may send: one in four has
// no key, one in ten no value, some have empty ones, half have headers, and
// times jump back and forth by seconds.
func (m *Maker) Record(topic string, partition int32) *kgo.Record {
	m.n++
	r := &kgo.Record{Topic: topic, Partition: partition}
	if m.rng.IntN(4) > 0 {
		r.Key = fmt.Appendf(nil, "key-%d", m.rng.IntN(50))
	}
	switch m.rng.IntN(10) {
	case 0: // a tombstone
	case 1:
		r.Value = []byte{}
	default:
		r.Value = m.value(m.rng.IntN(1500))
	}
	for i := range m.rng.IntN(4) / 2 * (1 + m.rng.IntN(3)) {
		h := kgo.RecordHeader{Key: fmt.Sprintf("h%d", i)}
		if m.rng.IntN(3) > 0 {
			h.Value = m.value(m.rng.IntN(40))
		}
		r.Headers = append(r.Headers, h)
	}
	r.Timestamp = time.Now().Add(-time.Duration(m.rng.IntN(10_000)) * time.Millisecond)
	return r
}

// Keyed is a record with one of keys keys and a value, for compacted topics; one in
// eight is a tombstone.
func (m *Maker) Keyed(topic string, partition int32, keys int) *kgo.Record {
	m.n++
	r := &kgo.Record{Topic: topic, Partition: partition, Key: fmt.Appendf(nil, "key-%d", m.rng.IntN(keys))}
	if m.rng.IntN(8) > 0 {
		r.Value = m.value(200)
	}
	return r
}

// Large is a record whose value has size bytes that do not compress.
func (m *Maker) Large(topic string, partition int32, size int) *kgo.Record {
	m.n++
	r := &kgo.Record{Topic: topic, Partition: partition, Value: make([]byte, size)}
	for i := 0; i < size; i += 8 {
		u := m.rng.Uint64()
		for j := i; j < min(i+8, size); j++ {
			r.Value[j] = byte(u)
			u >>= 8
		}
	}
	return r
}

// value is n bytes, half of them text that compresses.
func (m *Maker) value(n int) []byte {
	b := make([]byte, 0, n+16)
	b = fmt.Appendf(b, "%d:", m.n)
	for len(b) < n {
		if m.rng.IntN(2) == 0 {
			b = append(b, "umbra umbra umbra "...)
		} else {
			b = append(b, byte(m.rng.Uint32()), byte(m.rng.Uint32()), byte(m.rng.Uint32()))
		}
	}
	return b[:max(n, min(len(b), 4))]
}
