package source

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"umbra/kafkaproto"
)

// PartitionKey names a partition of a source.
type PartitionKey struct {
	Topic string
	Index int32
}

// Place is a partition and who leads it, as the last Metadata said.
type Place struct {
	PartitionKey
	Addr        string // the leader's
	LeaderEpoch int32
}

// Offset is a source's answer to a look-up by time. Err is the partition's
// own; the other fields are set only without it.
type Offset struct {
	Offset    int64 // -1: no record is late enough
	Timestamp int64
	Epoch     int32 // leader epoch of that offset, -1 when the source does not say
	Err       error
}

// Offsets looks up every place at a time in ms, or at
// kafkaproto.TimestampEarliest or TimestampLatest (the high watermark). An
// unreachable leader is an error of its partitions only.
// Leaders are asked side by side.
func (c *Client) Offsets(ctx context.Context, at int64, places []Place) map[PartitionKey]Offset {
	return perLeader(places, func(addr string, group []Place, out map[PartitionKey]Offset) {
		if err := c.offsetsFrom(ctx, addr, at, group, out); err != nil {
			for _, p := range group {
				out[p.PartitionKey] = Offset{Offset: -1, Epoch: -1, Err: err}
			}
		}
	})
}

// perLeader asks every leader about its partitions, side by side: one that
// hangs must not hold up the answers of the others for longer than its own.
func perLeader[A any](places []Place, ask func(addr string, group []Place, out map[PartitionKey]A)) map[PartitionKey]A {
	out := make(map[PartitionKey]A, len(places))
	var mu sync.Mutex // guards out: leaders answer side by side
	var wg sync.WaitGroup
	for addr, group := range byLeader(places) {
		wg.Go(func() {
			answers := make(map[PartitionKey]A, len(group))
			ask(addr, group, answers)
			mu.Lock()
			defer mu.Unlock()
			for _, p := range group { // and nothing that was not asked for
				if a, ok := answers[p.PartitionKey]; ok {
					out[p.PartitionKey] = a
				}
			}
		})
	}
	wg.Wait()
	return out
}

func (c *Client) offsetsFrom(ctx context.Context, addr string, at int64, group []Place, out map[PartitionKey]Offset) error {
	req := kafkaproto.ListOffsetsRequest{ReplicaID: -1}
	index := map[string]int{}
	for _, p := range group {
		i, ok := index[p.Topic]
		if !ok {
			i = len(req.Topics)
			index[p.Topic] = i
			req.Topics = append(req.Topics, kafkaproto.ListOffsetsRequestTopic{Topic: p.Topic})
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions,
			kafkaproto.ListOffsetsRequestTopicPartition{Partition: p.Index, CurrentLeaderEpoch: p.LeaderEpoch, Timestamp: at})
	}
	var resp kafkaproto.ListOffsetsResponse
	if _, err := c.call(ctx, addr, kafkaproto.KeyListOffsets, &req, &resp); err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			o := Offset{Offset: p.Offset, Timestamp: p.Timestamp, Epoch: p.LeaderEpoch}
			o.Err = partitionError("look up offset of", t.Topic, p.Partition, p.ErrorCode)
			out[PartitionKey{t.Topic, p.Partition}] = o
		}
	}
	return missing(group, func(k PartitionKey) bool { _, ok := out[k]; return ok })
}

// EpochEnd is a source's answer to OffsetForLeaderEpoch: the largest epoch not
// above the one asked for, and where it ends. Epoch is -1 when it knows none.
type EpochEnd struct {
	Epoch int32
	End   int64
	Err   error
}

// EpochEnds asks where leader epochs end, one epoch per place (KIP-101,
// KIP-320). A source without OffsetForLeaderEpoch v2 (before Kafka 2.1) knows
// none.
func (c *Client) EpochEnds(ctx context.Context, epochs map[PartitionKey]int32, places []Place) map[PartitionKey]EpochEnd {
	return perLeader(places, func(addr string, group []Place, out map[PartitionKey]EpochEnd) {
		err := c.epochEndsFrom(ctx, addr, epochs, group, out)
		if errors.Is(err, ErrUnsupported) {
			err = nil
		} else if err == nil {
			return
		}
		for _, p := range group {
			out[p.PartitionKey] = EpochEnd{Epoch: -1, End: -1, Err: err}
		}
	})
}

func (c *Client) epochEndsFrom(ctx context.Context, addr string, epochs map[PartitionKey]int32, group []Place, out map[PartitionKey]EpochEnd) error {
	req := kafkaproto.OffsetForLeaderEpochRequest{ReplicaID: -1}
	index := map[string]int{}
	for _, p := range group {
		i, ok := index[p.Topic]
		if !ok {
			i = len(req.Topics)
			index[p.Topic] = i
			req.Topics = append(req.Topics, kafkaproto.OffsetForLeaderEpochRequestTopic{Topic: p.Topic})
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, kafkaproto.OffsetForLeaderEpochRequestTopicPartition{
			Partition: p.Index, CurrentLeaderEpoch: p.LeaderEpoch, LeaderEpoch: epochs[p.PartitionKey]})
	}
	var resp kafkaproto.OffsetForLeaderEpochResponse
	if _, err := c.call(ctx, addr, kafkaproto.KeyOffsetForLeaderEpoch, &req, &resp); err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			e := EpochEnd{Epoch: p.LeaderEpoch, End: p.EndOffset}
			e.Err = partitionError("look up leader epoch of", t.Topic, p.Partition, p.ErrorCode)
			out[PartitionKey{t.Topic, p.Partition}] = e
		}
	}
	return missing(group, func(k PartitionKey) bool { _, ok := out[k]; return ok })
}

func byLeader(places []Place) map[string][]Place {
	out := map[string][]Place{}
	for _, p := range places {
		out[p.Addr] = append(out[p.Addr], p)
	}
	return out
}

func partitionError(act, topic string, index int32, code int16) error {
	if code == 0 {
		return nil
	}
	return fmt.Errorf("%s topic %q partition %d at the source: %w", act, topic, index, kafkaproto.ErrorCode(code))
}

// missing reports the first partition the source left out of its answer.
func missing(group []Place, answered func(PartitionKey) bool) error {
	for _, p := range group {
		if !answered(p.PartitionKey) {
			return fmt.Errorf("source broker %s left topic %q partition %d out of its answer", p.Addr, p.Topic, p.Index)
		}
	}
	return nil
}

// Get is the offset, or the partition's error.
func (o Offset) Get() (int64, error) { return o.Offset, o.Err }
