package peers

import (
	"context"
	"fmt"
	"time"

	"umbra/bench/plain"
	"umbra/kafkaproto/batch"
)

// A topic is a load at the source, written once and copied by all.
type topic struct {
	name    string
	record  int // bytes of a value
	records int64
	bytes   int64 // of record batches
	ends    map[int32]int64
}

// plan says what a topic of a record size holds: one batch over and over.
func (o Options) plan(record int) (t topic, canned []byte, batches int, err error) {
	b := batch.Builder{}
	count := 0
	for ; b.Len() < o.Batch; count++ {
		b.Add(batch.Record{Value: make([]byte, record), Timestamp: time.Now().UnixMilli()})
	}
	if canned, err = b.Build(nil); err != nil {
		return t, nil, 0, fmt.Errorf("build the canned batch: %w", err)
	}
	all := min(o.Bytes/int64(len(canned)), o.RecordsMax/int64(count))
	batches = max(1, int(all/int64(o.Partitions)))
	each := int64(batches) * int64(count)
	t = topic{name: fmt.Sprintf("umbra-bench-%d", record), record: record, records: each * int64(o.Partitions),
		bytes: int64(batches) * int64(o.Partitions) * int64(len(canned)), ends: map[int32]int64{}}
	for p := range o.Partitions {
		t.ends[int32(p)] = each
	}
	return t, canned, batches, nil
}

// fill writes the topic of a record size to the source.
func (s *stage) fill(ctx context.Context, record int) (topic, error) {
	t, canned, batches, err := s.plan(record)
	if err != nil {
		return t, err
	}
	leaders, err := s.source.create(ctx, t.name, s.Partitions)
	if err != nil {
		return t, err
	}
	return t, plain.Fill(ctx, leaders, t.name, canned, batches, s.Counter("filling topic "+t.name, t.bytes))
}
