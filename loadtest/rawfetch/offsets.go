package rawfetch

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// patience is how long a question is asked again while its answer may change by
// itself: a leader that died is replaced within it.
const patience = 20 * time.Second

// patiently repeats ask until it succeeds, fails for good, or patience is over.
func patiently(ctx context.Context, ask func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := ask()
		if err == nil || !passes(err) || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Timestamps of ListOffsets that stand for a place.
const (
	latest   = -1
	earliest = -2
)

// Bounds asks for the partition's start, high watermark and last stable offset.
// The three are read one after the other: they belong together only while nobody writes.
func (r *Reader) Bounds(ctx context.Context, topic string, partition int32) (Bounds, error) {
	var b Bounds
	for _, q := range []struct {
		at        int64
		isolation int8
		into      *int64
	}{{earliest, 0, &b.Start}, {latest, 0, &b.HighWatermark}, {latest, 1, &b.LastStable}} {
		o, err := r.listOffset(ctx, topic, partition, q.at, q.isolation)
		if err != nil {
			return Bounds{}, err
		}
		*q.into = o.Offset
	}
	return b, nil
}

// A TimeOffset is the first record at or after a time.
type TimeOffset struct {
	Offset      int64 // -1: there is none
	Timestamp   int64 // ms, of that record
	LeaderEpoch int32 // of that record; -1 where the broker does not say
}

// OffsetAt asks for the first record whose timestamp is at or after ms.
func (r *Reader) OffsetAt(ctx context.Context, topic string, partition int32, ms int64) (TimeOffset, error) {
	return r.listOffset(ctx, topic, partition, ms, 0)
}

func (r *Reader) listOffset(ctx context.Context, topic string, partition int32, at int64, isolation int8) (o TimeOffset, err error) {
	err = patiently(ctx, func() error {
		o, err = r.listOffsetOnce(ctx, topic, partition, at, isolation)
		return err
	})
	return o, err
}

func (r *Reader) listOffsetOnce(ctx context.Context, topic string, partition int32, at int64, isolation int8) (TimeOffset, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID, req.IsolationLevel = -1, isolation
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewListOffsetsRequestTopicPartition()
	rp.Partition, rp.Timestamp, rp.CurrentLeaderEpoch = partition, at, -1
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	fail := func(err error) (TimeOffset, error) {
		return TimeOffset{}, fmt.Errorf("%s: list offset of %s/%d at time %d: %w", r.name, topic, partition, at, err)
	}
	resp, err := r.client.Request(ctx, req)
	if err != nil {
		return fail(err)
	}
	for _, t := range resp.(*kmsg.ListOffsetsResponse).Topics {
		for _, p := range t.Partitions {
			if t.Topic == topic && p.Partition == partition {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return fail(err)
				}
				return TimeOffset{Offset: p.Offset, Timestamp: p.Timestamp, LeaderEpoch: p.LeaderEpoch}, nil
			}
		}
	}
	return fail(kerr.UnknownTopicOrPartition)
}

// EpochEnd asks where a leader epoch ends (OffsetForLeaderEpoch): the largest
// epoch at most the asked one, and the offset after its last record; -1, -1 if unknown.
func (r *Reader) EpochEnd(ctx context.Context, topic string, partition int32, epoch int32) (found int32, end int64, err error) {
	err = patiently(ctx, func() error {
		found, end, err = r.epochEndOnce(ctx, topic, partition, epoch)
		return err
	})
	return found, end, err
}

func (r *Reader) epochEndOnce(ctx context.Context, topic string, partition int32, epoch int32) (int32, int64, error) {
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.ReplicaID = -1
	rt := kmsg.NewOffsetForLeaderEpochRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	rp.Partition, rp.CurrentLeaderEpoch, rp.LeaderEpoch = partition, -1, epoch
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	fail := func(err error) (int32, int64, error) {
		return 0, 0, fmt.Errorf("%s: end of epoch %d of %s/%d: %w", r.name, epoch, topic, partition, err)
	}
	resp, err := r.client.Request(ctx, req)
	if err != nil {
		return fail(err)
	}
	for _, t := range resp.(*kmsg.OffsetForLeaderEpochResponse).Topics {
		for _, p := range t.Partitions {
			if t.Topic == topic && p.Partition == partition {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return fail(err)
				}
				return p.LeaderEpoch, p.EndOffset, nil
			}
		}
	}
	return fail(kerr.UnknownTopicOrPartition)
}
