package delay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/bench/measure"
)

// A Load is what is sent and how fast.
type Load struct {
	Topic      string
	Partitions int
	Record     int           // bytes of a value
	Burst      int           // bytes sent at one step of the timetable, to one partition
	Rate       float64       // bytes per second
	For        time.Duration // how long
	// Value makes the value of the record with this number, from 0; it gives the
	// bytes away. Nil: Record zero bytes.
	Value func(number int64) []byte
}

// Step is the timetable's: one burst each.
func (l Load) Step() time.Duration {
	return time.Duration(float64(l.Burst) / l.Rate * float64(time.Second))
}

// records is how many records a burst has.
func (l Load) records() int { return max(1, l.Burst/l.Record) }

// Produce sends the load to a cluster with acks=all and returns when the cluster
// acknowledged each record. It does not wait for acknowledgements while it sends.
func Produce(ctx context.Context, bootstrap string, l Load) ([]Ack, error) {
	s, err := NewSender(bootstrap, l)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Send(ctx, l.For)
}

// A Sender sends a Load with acks=all, in one stretch or in several.
type Sender struct {
	load   Load
	client *kgo.Client

	mu     sync.Mutex // an answer of the cluster meets who asks for the acks
	acks   []Ack
	sent   int64
	failed error // of the first record that was refused or given up
}

// NewSender connects when it first sends.
func NewSender(bootstrap string, l Load) (*Sender, error) {
	const buffered = 1 << 20 // records: room for a cluster that stands still for half a minute
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ClientID("umbra-bench"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(buffered),
	)
	if err != nil {
		return nil, fmt.Errorf("produce the load: %w", err)
	}
	s := &Sender{load: l, client: cl}
	if l.Value == nil {
		zeros := make([]byte, l.Record)
		s.load.Value = func(int64) []byte { return zeros }
	}
	return s, nil
}

// Send keeps the timetable for d, waits until all is acknowledged, and returns the
// acks of this stretch.
func (s *Sender) Send(ctx context.Context, d time.Duration) ([]Ack, error) {
	s.mu.Lock()
	before := len(s.acks)
	s.mu.Unlock()
	s.Run(ctx, d)
	if err := s.Flush(ctx); err != nil {
		return nil, err
	}
	return s.Acks()[before:], nil
}

// Run keeps the timetable for d, or until ctx is over. It does not wait for
// acknowledgements. One goroutine at a time may call it.
func (s *Sender) Run(ctx context.Context, d time.Duration) {
	l := s.load
	number := s.Sent()
	// A record that was handed over stays with the client, whose Close gives it up.
	kept := context.WithoutCancel(ctx)
	Pace(ctx, l.Step(), d, func(i int, late time.Duration) {
		s.mu.Lock()
		s.sent += int64(l.records())
		s.mu.Unlock()
		for range l.records() {
			n := number
			number++
			r := &kgo.Record{Topic: l.Topic, Partition: int32(i % l.Partitions), Value: l.Value(n)}
			s.client.TryProduce(kept, r, func(r *kgo.Record, err error) { s.answered(r, n, late, err) })
		}
	})
}

func (s *Sender) answered(r *kgo.Record, number int64, late time.Duration, err error) {
	at := measure.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.acks = append(s.acks, Ack{Partition: r.Partition, End: r.Offset + 1, At: at, Late: int64(late), Number: number})
	case s.failed == nil:
		s.failed = err
	}
}

// Flush waits until everything that was sent is acknowledged.
func (s *Sender) Flush(ctx context.Context) error {
	err := s.client.Flush(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err = errors.Join(s.failed, err); err != nil {
		return fmt.Errorf("produce the load to topic %q: %w", s.load.Topic, err)
	}
	return nil
}

// Acks is what was acknowledged so far.
func (s *Sender) Acks() []Ack {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.acks)
}

// Sent is how many records the timetable has handed over so far.
func (s *Sender) Sent() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// Close gives up what is not acknowledged. It does not wait for a cluster that is dead.
func (s *Sender) Close() { s.client.Close() }
