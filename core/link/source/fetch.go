package source

import (
	"context"
	"fmt"
	"time"

	"umbra/kafkaproto"
)

// Fetched is the records of one partition as the source stores them.
type Fetched struct {
	Records       []byte // whole batches, the last may be cut; the first may begin below the offset
	HighWatermark int64
	LogStart      int64
	Throttle      time.Duration // the source asks for a pause, and may have sent nothing because of it
}

// fetchByNameMax is the last Fetch version that names topics by name.
const fetchByNameMax = 12

// FetchesByID reports whether a broker can be asked for records by topic id
// (KIP-516, Kafka 3.1), so that it never answers with those of a later topic of
// the name.
func (c *Client) FetchesByID(ctx context.Context, addr string) (bool, error) {
	cn, kept := c.take(addr)
	if !kept {
		var err error
		if cn, err = open(ctx, c.cfg.Dial, addr, c.cfg.ClientID, c.cfg.Timeout); err != nil {
			return false, err
		}
	}
	c.keep(addr, cn)
	return cn.versions[kafkaproto.KeyFetch].MaxVersion > fetchByNameMax, nil
}

// Fetch reads a partition's records from an offset on, for comparison; it asks
// without a session and does not wait for data. id is the topic's id at the
// source, zero to ask by name.
func (c *Client) Fetch(ctx context.Context, p Place, id kafkaproto.TopicID, offset int64, bytesMax int32) (Fetched, error) {
	part := kafkaproto.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = p.Index, offset, bytesMax
	req := kafkaproto.NewFetchRequest()
	req.MaxBytes = bytesMax
	req.Topics = []kafkaproto.FetchRequestTopic{{Topic: p.Topic, TopicID: id, Partitions: []kafkaproto.FetchRequestTopicPartition{part}}}
	limit := int16(1 << 14)
	if id.IsZero() {
		limit = fetchByNameMax
	}
	var resp kafkaproto.FetchResponse
	if _, err := c.callUpTo(ctx, p.Addr, kafkaproto.KeyFetch, limit, &req, &resp); err != nil {
		return Fetched{}, err
	}
	if resp.ErrorCode != 0 || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return Fetched{}, fmt.Errorf("fetch topic %q partition %d from source broker %s: %d topics in the answer: %w",
			p.Topic, p.Index, p.Addr, len(resp.Topics), kafkaproto.ErrorCode(resp.ErrorCode))
	}
	got := &resp.Topics[0].Partitions[0]
	if err := partitionError("fetch", p.Topic, p.Index, got.ErrorCode); err != nil {
		return Fetched{}, err
	}
	return Fetched{Records: got.RecordBatches, HighWatermark: got.HighWatermark, LogStart: got.LogStartOffset,
		Throttle: time.Duration(max(resp.ThrottleMillis, 0)) * time.Millisecond}, nil
}
