package plain

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"umbra/kafkaproto"
)

// Versions used: old enough for every source umbra takes, not flexible.
const (
	metadataVersion    = 5
	listOffsetsVersion = 2
	fetchVersion       = 11
	produceVersion     = 7
)

// ErrNotThere is a topic that the broker does not have, or not yet.
var ErrNotThere = errors.New("topic is not there")

// Leaders maps the address of each broker to the partitions of a topic it leads.
type Leaders map[string][]int32

// Partitions is how many partitions there are.
func (l Leaders) Partitions() int {
	n := 0
	for _, p := range l {
		n += len(p)
	}
	return n
}

// Addrs lists the brokers, sorted.
func (l Leaders) Addrs() []string {
	var out []string
	for a := range l {
		out = append(out, a)
	}
	slices.Sort(out)
	return out
}

// FindLeaders asks the broker at addr who leads a topic's partitions.
func FindLeaders(ctx context.Context, addr, topic string) (Leaders, error) {
	c, err := Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	req := &kafkaproto.MetadataRequest{Topics: []kafkaproto.MetadataRequestTopic{{Topic: &topic}}}
	var resp kafkaproto.MetadataResponse
	if err := c.Call(kafkaproto.KeyMetadata, metadataVersion, req, &resp); err != nil {
		return nil, err
	}
	brokers := map[int32]string{}
	for _, b := range resp.Brokers {
		brokers[b.NodeID] = net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
	}
	for _, t := range resp.Topics {
		if t.Topic != nil && *t.Topic == topic {
			return leadersOf(&t, brokers)
		}
	}
	return nil, fmt.Errorf("topic %q at %s: %w", topic, addr, ErrNotThere)
}

func leadersOf(t *kafkaproto.MetadataResponseTopic, brokers map[int32]string) (Leaders, error) {
	switch code := kafkaproto.ErrorCode(t.ErrorCode); {
	case code == kafkaproto.UnknownTopicOrPartition:
		return nil, fmt.Errorf("topic %q: %w", *t.Topic, ErrNotThere)
	case code != kafkaproto.None:
		return nil, fmt.Errorf("topic %q: %w", *t.Topic, code)
	}
	out := Leaders{}
	for _, p := range t.Partitions {
		addr := brokers[p.Leader]
		if addr == "" {
			return nil, fmt.Errorf("topic %q partition %d has no leader: %w", *t.Topic, p.Partition, ErrNotThere)
		}
		out[addr] = append(out[addr], p.Partition)
	}
	return out, nil
}

// Ends reads the high watermarks of partitions this broker leads.
func (c *Conn) Ends(topic string, partitions []int32) (map[int32]int64, error) {
	t := kafkaproto.ListOffsetsRequestTopic{Topic: topic}
	for _, p := range partitions {
		t.Partitions = append(t.Partitions, kafkaproto.ListOffsetsRequestTopicPartition{Partition: p, CurrentLeaderEpoch: -1, Timestamp: kafkaproto.TimestampLatest})
	}
	req := &kafkaproto.ListOffsetsRequest{ReplicaID: -1, Topics: []kafkaproto.ListOffsetsRequestTopic{t}}
	var resp kafkaproto.ListOffsetsResponse
	if err := c.Call(kafkaproto.KeyListOffsets, listOffsetsVersion, req, &resp); err != nil {
		return nil, err
	}
	out := map[int32]int64{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			switch code := kafkaproto.ErrorCode(p.ErrorCode); {
			case code == kafkaproto.UnknownTopicOrPartition:
				return nil, fmt.Errorf("end of topic %q partition %d: %w", topic, p.Partition, ErrNotThere)
			case code != kafkaproto.None:
				return nil, fmt.Errorf("end of topic %q partition %d: %w", topic, p.Partition, code)
			}
			out[p.Partition] = p.Offset
		}
	}
	if len(out) != len(partitions) {
		return nil, fmt.Errorf("ends of topic %q: asked for %d partitions and got %d", topic, len(partitions), len(out))
	}
	return out, nil
}

// Ends reads the high watermarks of all partitions of a topic.
func Ends(ctx context.Context, leaders Leaders, topic string) (map[int32]int64, error) {
	out := map[int32]int64{}
	for addr, partitions := range leaders {
		ends, err := endsAt(ctx, addr, topic, partitions)
		if err != nil {
			return nil, err
		}
		for p, end := range ends {
			out[p] = end
		}
	}
	return out, nil
}

func endsAt(ctx context.Context, addr, topic string, partitions []int32) (map[int32]int64, error) {
	c, err := Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Ends(topic, partitions)
}
