package rawfetch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchBytes is what one fetch asks for; a larger batch still comes whole.
const fetchBytes = 8 << 20

// A Reader reads one cluster. It may be used by one goroutine at a time.
type Reader struct {
	name    string
	client  *kgo.Client
	leaders map[string]*Topic
}

// A Topic is what Metadata says of one topic.
type Topic struct {
	Name       string
	ID         [16]byte // zero where the cluster has no topic ids
	Partitions []Partition
}

// A Partition is one partition's leadership.
type Partition struct {
	Leader      int32
	LeaderEpoch int32 // -1 where the cluster does not tell
}

// Bounds are the offsets ListOffsets gives.
type Bounds struct {
	Start         int64 // log start
	HighWatermark int64 // end for read_uncommitted
	LastStable    int64 // end for read_committed
}

// Corrupt is an answer that no log can give: a batch with a wrong checksum, or one that
// does not follow the one ahead of it.
type Corrupt struct {
	Topic     string
	Partition int32
	Err       error
}

func (c *Corrupt) Error() string { return fmt.Sprintf("%s/%d: %v", c.Topic, c.Partition, c.Err) }
func (c *Corrupt) Unwrap() error { return c.Err }

// Open makes a reader; name stands in its errors ("source", "shadow"). No
// connection is made yet.
func Open(name string, seeds ...string) (*Reader, error) {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(seeds...),
		kgo.ClientID("rawfetch-"+name),
		kgo.DialTimeout(3*time.Second),
		kgo.RequestRetries(2),
		kgo.MetadataMinAge(50*time.Millisecond),
	)
	if err != nil {
		return nil, fmt.Errorf("open reader of %s: %w", name, err)
	}
	return &Reader{name: name, client: cl, leaders: map[string]*Topic{}}, nil
}

// Close drops the connections.
func (r *Reader) Close() { r.client.Close() }

// Name is the name given to Open.
func (r *Reader) Name() string { return r.name }

// Topic asks the cluster for a topic, past every cache.
func (r *Reader) Topic(ctx context.Context, name string) (*Topic, error) {
	req := kmsg.NewPtrMetadataRequest()
	rt := kmsg.NewMetadataRequestTopic()
	rt.Topic = kmsg.StringPtr(name)
	req.Topics = append(req.Topics, rt)
	resp, err := r.client.Request(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("%s: metadata of %s: %w", r.name, name, err)
	}
	for _, t := range resp.(*kmsg.MetadataResponse).Topics {
		if t.Topic == nil || *t.Topic != name {
			continue
		}
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return nil, fmt.Errorf("%s: metadata of %s: %w", r.name, name, err)
		}
		topic := &Topic{Name: name, ID: t.TopicID, Partitions: make([]Partition, len(t.Partitions))}
		for _, p := range t.Partitions {
			if p.Partition < 0 || int(p.Partition) >= len(t.Partitions) {
				return nil, fmt.Errorf("%s: metadata of %s: partition %d among %d", r.name, name, p.Partition, len(t.Partitions))
			}
			topic.Partitions[p.Partition] = Partition{Leader: p.Leader, LeaderEpoch: p.LeaderEpoch}
		}
		r.leaders[name] = topic
		return topic, nil
	}
	return nil, fmt.Errorf("%s: metadata of %s: not in the answer", r.name, name)
}

// Batches yields every batch that holds an offset in [from, to), in order, and
// ends after the one that reaches to-1. The first may begin below from. It waits
// for data that is not there yet, until ctx is over.
func (r *Reader) Batches(ctx context.Context, topic string, partition int32, from, to int64) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		for at := from; at < to; {
			data, err := r.fetch(ctx, topic, partition, at)
			if err != nil {
				yield(Batch{}, err)
				return
			}
			for {
				b, rest, whole, err := next(data)
				if err != nil {
					yield(Batch{}, &Corrupt{Topic: topic, Partition: partition, Err: fmt.Errorf("%s, fetched at %d: %w", r.name, at, err)})
					return
				}
				if !whole {
					break
				}
				data = rest
				if err := r.follows(b, at, at == from); err != nil {
					yield(Batch{}, &Corrupt{Topic: topic, Partition: partition, Err: err})
					return
				}
				if b.Base >= to || !yield(b, nil) {
					return
				}
				if at = b.Last + 1; at >= to {
					return
				}
			}
		}
	}
}

// follows checks that a batch may come at offset at: it reaches there, and only the
// first of a reading may begin below. A gap is no error, compaction makes them.
func (r *Reader) follows(b Batch, at int64, first bool) error {
	switch {
	case b.Last < at:
		return fmt.Errorf("%s: asked for offset %d and got %v", r.name, at, &b)
	case b.Base < at && !first:
		return fmt.Errorf("%s: %v begins before the end of the one ahead of it, %d", r.name, &b, at)
	case int64(b.Count) > b.Last-b.Base+1 || b.Count < 0:
		return fmt.Errorf("%s: %v has more records than offsets", r.name, &b)
	}
	return nil
}

// fetch returns the raw records field at an offset, retrying what passes by
// itself (a leader that moves, a broker that is away, nothing there yet).
func (r *Reader) fetch(ctx context.Context, topic string, partition int32, at int64) ([]byte, error) {
	for {
		data, err := r.fetchOnce(ctx, topic, partition, at)
		switch {
		case err == nil && len(data) > 0:
			return data, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%s: fetch %s/%d at %d: %w", r.name, topic, partition, at, errors.Join(err, ctx.Err()))
		case err == nil:
			continue
		case !passes(err):
			return nil, fmt.Errorf("%s: fetch %s/%d at %d: %w", r.name, topic, partition, at, err)
		}
		delete(r.leaders, topic)
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// passes says whether an error may be gone on the next try.
func passes(err error) bool {
	var ke *kerr.Error
	return !errors.As(err, &ke) || ke.Retriable
}

func (r *Reader) fetchOnce(ctx context.Context, topic string, partition int32, at int64) ([]byte, error) {
	t := r.leaders[topic]
	if t == nil {
		var err error
		if t, err = r.Topic(ctx, topic); err != nil {
			return nil, err
		}
	}
	if int(partition) >= len(t.Partitions) {
		return nil, kerr.UnknownTopicOrPartition
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = 500, 1, fetchBytes
	req.SessionEpoch = -1
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = topic, t.ID
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes = partition, at, fetchBytes
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := r.client.Broker(int(t.Partitions[partition].Leader)).Request(ctx, req)
	if err != nil {
		return nil, err
	}
	fr := resp.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(fr.ErrorCode); err != nil {
		return nil, err
	}
	for _, ft := range fr.Topics {
		if ft.Topic != topic && (ft.TopicID != t.ID || ft.TopicID == [16]byte{}) {
			return nil, fmt.Errorf("answer is about topic %q, id %x", ft.Topic, ft.TopicID)
		}
		for _, fp := range ft.Partitions {
			if fp.Partition == partition {
				return fp.RecordBatches, kerr.ErrorForCode(fp.ErrorCode)
			}
		}
	}
	return nil, nil
}
