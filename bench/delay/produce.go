package delay

import (
	"context"
	"errors"
	"fmt"
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
	const buffered = 1 << 20 // records: room for a cluster that stands still for half a minute
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ClientID("umbra-bench"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(buffered),
	)
	if err != nil {
		return nil, fmt.Errorf("produce the load: %w", err)
	}
	defer cl.Close()
	var mu sync.Mutex
	var acks []Ack
	var failed error
	value := make([]byte, l.Record)
	Pace(ctx, l.Step(), l.For, func(i int, late time.Duration) {
		for range l.records() {
			r := &kgo.Record{Topic: l.Topic, Partition: int32(i % l.Partitions), Value: value}
			cl.TryProduce(ctx, r, func(r *kgo.Record, err error) {
				at := measure.Now()
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failed = err
					return
				}
				acks = append(acks, Ack{r.Partition, r.Offset + 1, at, int64(late)})
			})
		}
	})
	err = cl.Flush(ctx)
	mu.Lock()
	defer mu.Unlock()
	if err = errors.Join(failed, err); err != nil {
		return nil, fmt.Errorf("produce the load to topic %q: %w", l.Topic, err)
	}
	return acks, nil
}
