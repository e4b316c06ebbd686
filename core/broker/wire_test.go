package broker_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard"
)

// dial connects to the node with nothing but our own codecs.
func (n *node) dial(t testing.TB) *wire {
	t.Helper()
	c, err := net.Dial("tcp", n.addr)
	check(t, err)
	t.Cleanup(func() { c.Close() })
	return &wire{t: t, conn: c}
}

// frameOf is one request as it goes over the wire.
func frameOf(key, version int16, corr int32, req kafkaproto.Message) []byte {
	w := kafkaproto.NewWriter(nil, false)
	start := w.BeginFrame()
	id := "test"
	h := kafkaproto.RequestHeader{Key: key, Version: version, CorrelationID: corr, ClientID: &id}
	h.Encode(&w)
	req.Encode(&w, version)
	w.EndFrame(start, 0)
	return w.Bytes()
}

// next reads one response; it must be the one with the correlation id.
func (w *wire) next(key, version int16, corr int32, resp kafkaproto.Message) {
	w.t.Helper()
	check(w.t, w.conn.SetReadDeadline(time.Now().Add(time.Minute)))
	var size [4]byte
	_, err := io.ReadFull(w.conn, size[:])
	check(w.t, err)
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err = io.ReadFull(w.conn, frame)
	check(w.t, err)
	r := kafkaproto.NewReader(frame, false)
	if got := kafkaproto.DecodeResponseHeader(&r, key, version); got != corr {
		w.t.Fatalf("the next response has correlation id %d, want %d", got, corr)
	}
	resp.Decode(&r, version)
	if err := r.Err(); err != nil || r.Left() != 0 {
		w.t.Fatalf("answer to API %d v%d: %v, %d bytes left over", key, version, err, r.Left())
	}
}

// mustClose waits for the broker to close the connection without a byte.
func (w *wire) mustClose(what string) {
	w.t.Helper()
	check(w.t, w.conn.SetReadDeadline(time.Now().Add(time.Minute)))
	var b [1]byte
	n, err := w.conn.Read(b[:])
	if n != 0 || errors.Is(err, os.ErrDeadlineExceeded) || err == nil {
		w.t.Fatalf("%s: read %d bytes, %v; want a closed connection", what, n, err)
	}
}

// raw builds a batch of records with the given values.
func raw(t testing.TB, b batch.Builder, values ...string) []byte {
	t.Helper()
	for _, v := range values {
		b.Add(batch.Record{Timestamp: time.Now().UnixMilli(), Key: []byte("k"), Value: []byte(v)})
	}
	out, err := b.Build(nil)
	check(t, err)
	return out
}

// produceReq asks to append one batch to one partition.
func produceReq(acks int16, topic string, index int32, records []byte) *kafkaproto.ProduceRequest {
	return &kafkaproto.ProduceRequest{Acks: acks, TimeoutMillis: 30_000, Topics: []kafkaproto.ProduceRequestTopic{{Topic: topic,
		Partitions: []kafkaproto.ProduceRequestTopicPartition{{Partition: index, Records: records}}}}}
}

// produce appends one batch and returns the partition's answer.
func (w *wire) produce(version int16, topic string, index int32, records []byte) kafkaproto.ProduceResponseTopicPartition {
	w.t.Helper()
	resp := ask[kafkaproto.ProduceResponse](w, kafkaproto.KeyProduce, version, produceReq(-1, topic, index, records))
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 || resp.Topics[0].Topic != topic {
		w.t.Fatalf("answer to one partition: %+v", resp)
	}
	return resp.Topics[0].Partitions[0]
}

// end is the log end of a partition, as its owner has it: what is published may be
// behind the answer to a produce.
func (n *node) end(t testing.TB, topic string, index int32) (end int64) {
	t.Helper()
	n.on(t, topic, index, func(p *shard.Partition) { end = p.Log.EndOffset() })
	return end
}

func (n *node) pid(t testing.TB, topic string, index int32) shard.PartitionID {
	t.Helper()
	top := n.store.Snapshot().Topics[topic]
	if top == nil {
		t.Fatalf("there is no topic %q", topic)
		return shard.PartitionID{}
	}
	return shard.PartitionID{Topic: top.ID, Index: index}
}

// on runs f on the loop that owns a partition.
func (n *node) on(t testing.TB, topic string, index int32, f func(*shard.Partition)) {
	t.Helper()
	check(t, n.group.Do(t.Context(), n.pid(t, topic, index), f))
}

// shadow makes a topic that a link writes.
func (n *node) shadow(t testing.TB, link, name string, partitions int) *metadata.Topic {
	t.Helper()
	a := &adminNode{t: t, node: n}
	a.link(link, name)
	return a.shadow(link, name, partitions)
}
