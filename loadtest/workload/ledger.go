package workload

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A Digest identifies a record's key, value and headers; null and empty differ.
type Digest [16]byte

// DigestOf computes the digest of a record.
func DigestOf(r *kgo.Record) Digest {
	h := sha256.New()
	var n [4]byte
	put := func(b []byte) {
		size := int32(len(b))
		if b == nil {
			size = -1
		}
		binary.BigEndian.PutUint32(n[:], uint32(size))
		h.Write(n[:])
		h.Write(b)
	}
	put(r.Key)
	put(r.Value)
	for _, header := range r.Headers {
		put([]byte(header.Key))
		put(header.Value)
	}
	var d Digest
	copy(d[:], h.Sum(nil))
	return d
}

// A TopicPartition names one log.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// An Ack is one acknowledged record.
type Ack struct {
	Offset int64
	Sum    Digest
	Key    Digest // of the key alone; what compaction goes by
}

// A Ledger holds every acknowledged record of a run. It is safe for concurrent
// use; an acknowledgement is entered before the producer that waited for it goes on.
type Ledger struct {
	mu   sync.Mutex
	acks map[TopicPartition][]Ack
	n    int
}

// NewLedger makes an empty ledger.
func NewLedger() *Ledger { return &Ledger{acks: map[TopicPartition][]Ack{}} }

// Ack enters a record that the cluster has acknowledged, with its partition and offset set.
func (l *Ledger) Ack(r *kgo.Record) {
	a := Ack{Offset: r.Offset, Sum: DigestOf(r), Key: DigestOf(&kgo.Record{Key: r.Key})}
	tp := TopicPartition{r.Topic, r.Partition}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acks[tp] = append(l.acks[tp], a)
	l.n++
}

// Len is the number of acknowledged records.
func (l *Ledger) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// Partitions lists the logs with at least one acknowledged record, sorted.
func (l *Ledger) Partitions() []TopicPartition {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []TopicPartition
	for tp := range l.acks {
		out = append(out, tp)
	}
	slices.SortFunc(out, func(a, b TopicPartition) int {
		if a.Topic != b.Topic {
			if a.Topic < b.Topic {
				return -1
			}
			return 1
		}
		return int(a.Partition - b.Partition)
	})
	return out
}

// Of is the acknowledged records of one log, sorted by offset.
func (l *Ledger) Of(tp TopicPartition) []Ack {
	l.mu.Lock()
	acks := slices.Clone(l.acks[tp])
	l.mu.Unlock()
	slices.SortFunc(acks, func(a, b Ack) int {
		switch {
		case a.Offset < b.Offset:
			return -1
		case a.Offset > b.Offset:
			return 1
		}
		return 0
	})
	return acks
}
