package broker

import (
	"context"
	"errors"
	"time"

	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
)

// handleDeleteRecords serves DeleteRecords 0-2; the versions differ in encoding
// and in throttling only. It moves the start of each log up to the given
// offset, -1 being the high watermark, and answers with the new starts once
// they are durable. An offset below the start changes nothing and is no error.
// A topic that is only compacted refuses, and so does a shadow topic, whose
// start is the source's; the response has no field for a message.
func handleDeleteRecords(r *request) {
	var req kafkaproto.DeleteRecordsRequest
	if !decode(r, &req) {
		return
	}
	b := r.broker
	r.change("delete records", func(ctx context.Context, v *verdicts) kafkaproto.Message { return b.deleteRecords(ctx, v, &req) })
}

// deleteRecordsWait is used for requests that give no time. As the log is local
// the work is a file write, and clients that send 0 expect it to be done.
const deleteRecordsWait = 30 * time.Second

// trim is one partition's log start on its way up.
type trim struct {
	err  error
	done chan trimmed // capacity 1; nil when err is set
}

type trimmed struct {
	start int64
	err   error
}

func (b *Broker) deleteRecords(ctx context.Context, v *verdicts, req *kafkaproto.DeleteRecordsRequest) *kafkaproto.DeleteRecordsResponse {
	wait := deleteRecordsWait
	if req.TimeoutMillis > 0 {
		wait = time.Duration(req.TimeoutMillis) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	snap := b.store.Snapshot()
	trims := make([][]trim, len(req.Topics))
	for i, t := range req.Topics {
		for _, p := range t.Partitions {
			trims[i] = append(trims[i], b.trim(ctx, snap, t.Topic, p))
		}
	}
	resp := &kafkaproto.DeleteRecordsResponse{Topics: make([]kafkaproto.DeleteRecordsResponseTopic, len(req.Topics))}
	for i, t := range req.Topics {
		resp.Topics[i].Topic = t.Topic
		for j, p := range t.Partitions {
			start, err := trims[i][j].wait(ctx)
			out := kafkaproto.DeleteRecordsResponseTopicPartition{Partition: p.Partition, LowWatermark: start}
			out.ErrorCode, _ = v.of(err, t.Topic)
			resp.Topics[i].Partitions = append(resp.Topics[i].Partitions, out)
		}
	}
	return resp
}

// trim has the partition's loop move the log's start.
func (b *Broker) trim(ctx context.Context, snap *metadata.Snapshot, topic string, asked kafkaproto.DeleteRecordsRequestTopicPartition) trim {
	t, err := findByName(snap, topic, asked.Partition)
	if err != nil {
		return trim{err: err}
	}
	if err := readOnly(t); err != nil {
		return trim{err: err}
	}
	if s := b.configs.Settings(t.Configs); s.Compact && !s.Delete {
		return trim{err: refuse(kafkaproto.PolicyViolation, "topic %q is compacted only: its records go when newer ones of the same key come", topic)}
	}
	out, id := trim{done: make(chan trimmed, 1)}, partitionID(t, asked.Partition)
	out.err = b.group().Do(ctx, id, func(p *shard.Partition) {
		offset := asked.Offset
		if offset == -1 {
			offset = p.HighWatermark()
		}
		if offset < 0 || offset > p.HighWatermark() {
			out.done <- trimmed{err: kafkaproto.OffsetOutOfRange}
			return
		}
		p.Log.SetStart(offset, func(err error) { out.done <- trimmed{p.Log.StartOffset(), err} })
	})
	if errors.Is(out.err, shard.ErrPartitionUnknown) {
		out.err = b.notOpen(id)
	}
	return out
}

// wait gives the new log start, or -1 and why there is none.
func (t trim) wait(ctx context.Context) (int64, error) {
	if t.err != nil {
		return -1, t.err
	}
	select {
	case d := <-t.done:
		if d.err != nil {
			return -1, d.err
		}
		return d.start, nil
	case <-ctx.Done():
		return -1, ctx.Err()
	}
}
