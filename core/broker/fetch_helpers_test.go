package broker_test

import (
	"hash/crc32"

	"umbra/kafkaproto"
)

func crc(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// fetchReq asks for one partition from an offset on, without a session.
func fetchReq(topic string, index int32, offset int64) *kafkaproto.FetchRequest {
	m := kafkaproto.NewFetchRequest()
	m.MinBytes, m.MaxWaitMillis, m.MaxBytes = 1, 0, 64<<20
	p := kafkaproto.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = index, offset, 16<<20
	m.Topics = []kafkaproto.FetchRequestTopic{{Topic: topic, Partitions: []kafkaproto.FetchRequestTopicPartition{p}}}
	return &m
}

// fetch asks once and returns the one partition's answer.
func (w *wire) fetch(version int16, m *kafkaproto.FetchRequest) kafkaproto.FetchResponseTopicPartition {
	w.t.Helper()
	resp := ask[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, version, m)
	if resp.ErrorCode != 0 || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		w.t.Fatalf("answer to one partition: %+v", resp)
	}
	return resp.Topics[0].Partitions[0]
}

// fetchAll is what a partition holds from an offset on.
func (w *wire) fetchAll(topic string, index int32, offset int64) []byte {
	w.t.Helper()
	m := fetchReq(topic, index, offset)
	m.MaxWaitMillis = 30_000
	p := w.fetch(12, m)
	wantCode(w.t, "fetch", p.ErrorCode, kafkaproto.None)
	return p.RecordBatches
}
