package plain

import (
	"fmt"

	"umbra/kafkaproto"
)

// Produce appends a batch to a partition that this broker leads, with acks=all, and
// returns the offset it got.
func (c *Conn) Produce(topic string, partition int32, batch []byte) (offset int64, err error) {
	t := kafkaproto.ProduceRequestTopic{Topic: topic, Partitions: []kafkaproto.ProduceRequestTopicPartition{{Partition: partition, Records: batch}}}
	req := &kafkaproto.ProduceRequest{Acks: -1, TimeoutMillis: 30_000, Topics: []kafkaproto.ProduceRequestTopic{t}}
	var resp kafkaproto.ProduceResponse
	if err := c.Call(kafkaproto.KeyProduce, produceVersion, req, &resp); err != nil {
		return 0, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("write to topic %q partition %d: the answer is about something else", topic, partition)
	}
	p := resp.Topics[0].Partitions[0]
	if err := kafkaproto.ErrorCode(p.ErrorCode).Err(); err != nil {
		return 0, fmt.Errorf("write to topic %q partition %d: %w", topic, partition, err)
	}
	return p.BaseOffset, nil
}
