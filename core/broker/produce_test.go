package broker_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"umbra/core/broker"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/compress"
	"umbra/shard"
)

func TestProduceEveryVersion(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 2, nil)
	w := n.dial(t)
	for index := range int32(2) { // one of them is on another shard
		want := int64(0)
		for version := int16(3); version <= 11; version++ {
			for range 2 {
				p := w.produce(version, "t", index, raw(t, batch.Builder{}, "a", "b", "c"))
				wantCode(t, fmt.Sprintf("v%d", version), p.ErrorCode, kafkaproto.None)
				if p.BaseOffset != want || p.LogAppendTime != -1 || version >= 5 && p.LogStartOffset != 0 || p.Partition != index {
					t.Errorf("v%d: %+v, want base offset %d", version, p, want)
				}
				want += 3
			}
		}
	}
}

// patch changes bytes of a batch and, if asked, makes its CRC right again.
func patch(b []byte, pos int, reseal bool, value ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[pos:], value)
	if reseal {
		sealed(b)
	}
	return b
}

// sealed recomputes the CRC.
func sealed(b []byte) { binary.BigEndian.PutUint32(b[17:], crc(b[21:])) }

// TestProduceRefuses has every rule for one batch; the log must not move.
func TestProduceRefuses(t *testing.T) {
	n := start(t, rig{broker: broker.Config{UnpackMax: 1 << 20}})
	n.topic(t, "plain", 2, map[string]string{"max.message.bytes": "200000"})
	n.topic(t, "compact", 2, map[string]string{"cleanup.policy": "compact"})
	n.topic(t, "strict", 2, map[string]string{"message.timestamp.before.max.ms": "60000", "message.timestamp.after.max.ms": "60000"})
	w := n.dial(t)
	good := raw(t, batch.Builder{}, "a", "b", "c")
	build := func(b batch.Builder, records ...batch.Record) []byte {
		for _, r := range records {
			b.Add(r)
		}
		out, err := b.Build(nil)
		check(t, err)
		return out
	}
	holes := func(codec compress.Codec) []byte {
		b := batch.Builder{Codec: codec}
		b.AddAt(0, batch.Record{Value: []byte("a")})
		b.AddAt(2, batch.Record{Value: []byte("b")})
		out, err := b.Build(nil)
		check(t, err)
		return patch(out, 57, true, 0, 0, 0, 3) // it says three records
	}
	nobody := batch.Record{Timestamp: time.Now().UnixMilli(), Value: []byte("no key")}
	somebody := batch.Record{Timestamp: time.Now().UnixMilli(), Key: []byte("k"), Value: []byte("v")}
	now := time.Now().UnixMilli()
	at := func(ms int64) batch.Record { return batch.Record{Timestamp: ms, Key: []byte("k")} }
	noise := batch.Record{Timestamp: now, Key: []byte("k"), Value: []byte(strings.Repeat("x", 2<<20))}

	f := func(name, topic string, version int16, records []byte, want kafkaproto.ErrorCode, bad ...int32) {
		t.Helper()
		for index := range int32(2) {
			before := int64(0)
			if top := n.store.Snapshot().Topics[topic]; top != nil {
				before = n.end(t, topic, index)
			}
			p := w.produce(version, topic, index, records)
			wantCode(t, name, p.ErrorCode, want)
			if p.BaseOffset != -1 {
				t.Errorf("%s: base offset %d with an error", name, p.BaseOffset)
			}
			if version >= 8 && (p.ErrorMessage == nil || *p.ErrorMessage == "") {
				t.Errorf("%s: no message", name)
			}
			var got []int32
			for _, r := range p.ErrorRecords {
				got = append(got, r.RelativeOffset)
				if text(r.ErrorMessage) == "" {
					t.Errorf("%s: record %d has no reason", name, r.RelativeOffset)
				}
			}
			if !slices.Equal(got, bad) && version >= 8 {
				t.Errorf("%s: records %v are named, want %v", name, got, bad)
			}
			if top := n.store.Snapshot().Topics[topic]; top != nil && n.end(t, topic, index) != before {
				t.Errorf("%s: the log moved from %d to %d", name, before, n.end(t, topic, index))
			}
		}
	}
	f("no batch", "plain", 9, []byte{}, kafkaproto.InvalidRecord)
	f("null", "plain", 9, nil, kafkaproto.InvalidRecord)
	f("cut short", "plain", 9, good[:len(good)-1], kafkaproto.InvalidRecord)
	f("two batches", "plain", 9, append(bytes.Clone(good), good...), kafkaproto.InvalidRecord)
	f("magic 1", "plain", 9, patch(good, 16, false, 1), kafkaproto.InvalidRecord)
	f("impossible length", "plain", 9, patch(good, 8, false, 0, 0, 0, 3), kafkaproto.CorruptMessage)
	f("CRC", "plain", 9, patch(good, len(good)-1, false, 'X'), kafkaproto.CorruptMessage)
	f("base offset", "plain", 9, patch(good, 7, false, 5), kafkaproto.InvalidRecord)
	f("count too high", "plain", 9, patch(good, 57, true, 0, 0, 0, 4), kafkaproto.InvalidRecord)
	f("count too low", "plain", 9, patch(good, 57, true, 0, 0, 0, 2), kafkaproto.InvalidRecord)
	f("count and delta too high", "plain", 9, patch(patch(good, 57, false, 0, 0, 0, 4), 23, true, 0, 0, 0, 3), kafkaproto.InvalidRecord)
	f("no records", "plain", 9, build(batch.Builder{}), kafkaproto.InvalidRecord)
	f("negative delta", "plain", 9, patch(good, 23, true, 0xff, 0xff, 0xff, 0xff), kafkaproto.InvalidRecord)
	f("control", "plain", 9, build(batch.Builder{Control: true}, somebody), kafkaproto.InvalidRecord)
	f("transactional", "plain", 9, build(batch.Builder{Transactional: true, Producer: &batch.Producer{ID: 1}}, somebody), kafkaproto.InvalidTxnState)
	f("no sequence", "plain", 9, build(batch.Builder{Producer: &batch.Producer{ID: 1, Sequence: -1}}, somebody), kafkaproto.InvalidRecord)
	f("unknown codec", "plain", 9, patch(good, 22, true, 7), kafkaproto.UnsupportedCompressionType)
	f("garbage records", "plain", 9, patch(good, 61, true, 0xff, 0xff, 0xff, 0xff), kafkaproto.InvalidRecord)
	f("holes", "plain", 9, holes(compress.None), kafkaproto.InvalidRecord)
	f("zstd before v7", "plain", 6, raw(t, batch.Builder{Codec: compress.Zstd}, "a"), kafkaproto.UnsupportedCompressionType)
	f("too large", "plain", 9, raw(t, batch.Builder{}, strings.Repeat("x", 200_000)), kafkaproto.MessageTooLarge)
	f("unknown topic", "nowhere", 9, good, kafkaproto.UnknownTopicOrPartition)
	f("invalid name", "a/b", 9, good, kafkaproto.InvalidTopicException)
	for _, codec := range []compress.Codec{compress.Gzip, compress.Snappy, compress.LZ4, compress.Zstd} {
		name := codec.String()
		f(name+" holes", "plain", 9, holes(codec), kafkaproto.InvalidRecord)
		f(name+" garbage", "plain", 9, patch(raw(t, batch.Builder{Codec: codec}, strings.Repeat("abc", 100)), 61, true, 9, 9, 9, 9), kafkaproto.InvalidRecord)
		f(name+" null key", "compact", 9, build(batch.Builder{Codec: codec}, somebody, nobody, somebody, nobody), kafkaproto.InvalidRecord, 1, 3)
		f(name+" bomb", "plain", 9, build(batch.Builder{Codec: codec}, noise), kafkaproto.MessageTooLarge)
		f(name+" old", "strict", 9, build(batch.Builder{Codec: codec}, at(now), at(now-120_000)), kafkaproto.InvalidTimestamp, 1)
	}
	f("null key", "compact", 9, build(batch.Builder{}, nobody, somebody), kafkaproto.InvalidRecord, 0)
	f("null key before v8", "compact", 7, build(batch.Builder{}, nobody, somebody), kafkaproto.InvalidRecord)
	f("too old", "strict", 9, build(batch.Builder{}, at(now), at(now-120_000)), kafkaproto.InvalidTimestamp, 1)
	f("too new", "strict", 9, build(batch.Builder{}, at(now+120_000), at(now)), kafkaproto.InvalidTimestamp, 0)
	f("stamped by the producer", "plain", 9, build(batch.Builder{LogAppendTime: now}, at(now)), kafkaproto.InvalidTimestamp, 0)

	resp := ask[kafkaproto.ProduceResponse](w, kafkaproto.KeyProduce, 9, produceReq(2, "plain", 0, good))
	wantCode(t, "acks=2", resp.Topics[0].Partitions[0].ErrorCode, kafkaproto.InvalidRequiredAcks)
	req := produceReq(-1, "plain", 0, good)
	req.TransactionID = ptr("tx")
	resp = ask[kafkaproto.ProduceResponse](w, kafkaproto.KeyProduce, 9, req)
	wantCode(t, "transactional id", resp.Topics[0].Partitions[0].ErrorCode, kafkaproto.InvalidTxnState)
	resp = ask[kafkaproto.ProduceResponse](w, kafkaproto.KeyProduce, 9, produceReq(-1, "plain", 2, good))
	wantCode(t, "partition 2 of 2", resp.Topics[0].Partitions[0].ErrorCode, kafkaproto.UnknownTopicOrPartition)
	p := w.produce(9, "plain", 0, good)
	wantCode(t, "after all that", p.ErrorCode, kafkaproto.None)
}

func TestProduceCorrectsMaxTimestamp(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 1, nil)
	now := time.Now().UnixMilli()
	b := batch.Builder{}
	b.Add(batch.Record{Timestamp: now, Value: []byte("a")})
	records, err := b.Build(nil)
	check(t, err)
	binary.BigEndian.PutUint64(records[35:], uint64(now+1<<40)) // far in the future
	sealed(records)
	w := n.dial(t)
	p := w.produce(9, "t", 0, records)
	wantCode(t, "produce", p.ErrorCode, kafkaproto.None)
	n.on(t, "t", 0, func(p *shard.Partition) {
		if ts, _ := p.Log.MaxTimestamp(); ts != now {
			t.Errorf("the log's max timestamp is %d, the record's is %d", ts, now)
		}
	})
	got := batch.View(w.fetchAll("t", 0, 0))
	if !got.CheckCRC() || got.MaxTimestamp() != now {
		t.Errorf("stored batch: CRC ok %v, max timestamp %d, want %d", got.CheckCRC(), got.MaxTimestamp(), now)
	}
}

func TestProduceLogAppendTime(t *testing.T) {
	stamp := time.UnixMilli(1_700_000_000_123)
	n := start(t, rig{broker: broker.Config{Now: func() time.Time { return stamp }}})
	n.topic(t, "t", 2, map[string]string{"message.timestamp.type": "LogAppendTime"})
	w := n.dial(t)
	for index := range int32(2) {
		b := batch.Builder{Producer: &batch.Producer{ID: 5}}
		b.Add(batch.Record{Timestamp: 17, Value: []byte("a")}) // however old
		records, err := b.Build(nil)
		check(t, err)
		for range 2 { // the second one is a duplicate
			p := w.produce(9, "t", index, records)
			if p.ErrorCode != 0 || p.BaseOffset != 0 || p.LogAppendTime != stamp.UnixMilli() {
				t.Errorf("%+v, want offset 0 and log append time %d", p, stamp.UnixMilli())
			}
		}
		got := batch.View(w.fetchAll("t", index, 0))
		if !got.IsLogAppendTime() || got.MaxTimestamp() != stamp.UnixMilli() || !got.CheckCRC() {
			t.Errorf("stored: append time %v, %d, CRC ok %v", got.IsLogAppendTime(), got.MaxTimestamp(), got.CheckCRC())
		}
	}
}

func TestProduceIdempotence(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 2, nil)
	w := n.dial(t)
	send := func(index int32, epoch int16, seq int32) kafkaproto.ProduceResponseTopicPartition {
		return w.produce(9, "t", index, raw(t, batch.Builder{Producer: &batch.Producer{ID: 77, Epoch: epoch, Sequence: seq}}, "a", "b"))
	}
	for index := range int32(2) {
		f := func(epoch int16, seq int32, want kafkaproto.ErrorCode, offset int64) {
			t.Helper()
			p := send(index, epoch, seq)
			wantCode(t, fmt.Sprintf("epoch %d sequence %d", epoch, seq), p.ErrorCode, want)
			if p.BaseOffset != offset {
				t.Errorf("epoch %d sequence %d: offset %d, want %d", epoch, seq, p.BaseOffset, offset)
			}
		}
		f(1, 0, kafkaproto.None, 0)
		f(1, 2, kafkaproto.None, 2)
		f(1, 0, kafkaproto.None, 0) // a duplicate has the original's offset
		f(1, 2, kafkaproto.None, 2)
		f(1, 6, kafkaproto.OutOfOrderSequenceNumber, -1)
		f(0, 4, kafkaproto.InvalidProducerEpoch, -1)
		f(2, 4, kafkaproto.OutOfOrderSequenceNumber, -1) // a new epoch begins at 0
		f(2, 0, kafkaproto.None, 4)
		if end := n.end(t, "t", index); end != 6 {
			t.Errorf("log end is %d, want 6", end)
		}
	}
}

func TestProduceToShadowIsRefused(t *testing.T) {
	n := start(t, rig{})
	n.shadow(t, "dr", "orders", 2)
	w := n.dial(t)
	for index := range int32(2) {
		for _, version := range []int16{3, 9, 11} {
			p := w.produce(version, "orders", index, raw(t, batch.Builder{}, "a"))
			wantCode(t, "shadow", p.ErrorCode, kafkaproto.PolicyViolation)
			if m := text(p.ErrorMessage); version >= 8 && (!strings.Contains(m, `"dr"`) || !strings.Contains(m, "ACTIVE")) {
				t.Errorf("message %q does not name link and state", m)
			}
		}
		q := n.dial(t)
		q.send(kafkaproto.KeyProduce, 9, produceReq(0, "orders", index, raw(t, batch.Builder{}, "a")))
		q.mustClose("acks=0 to a shadow topic")
		if end := n.end(t, "orders", index); end != 0 {
			t.Errorf("log end is %d", end)
		}
	}
	stats, err := n.broker.Stats(t.Context())
	check(t, err)
	rejected := uint64(0)
	for _, s := range stats {
		rejected += s.ShadowRejected["orders"]
	}
	if rejected != 8 {
		t.Errorf("%d rejected writes are counted, want 8", rejected)
	}
}

func TestProduceAcksZero(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 2, nil)
	w := n.dial(t)
	for i := range 10 {
		w.send(kafkaproto.KeyProduce, 9, produceReq(0, "t", int32(i%2), raw(t, batch.Builder{}, "a")))
	}
	// The next response on the connection is that of the next request.
	p := w.produce(9, "t", 0, raw(t, batch.Builder{}, "b"))
	if p.ErrorCode != 0 || p.BaseOffset != 5 {
		t.Errorf("%+v, want offset 5 behind five batches without acks", p)
	}
	w.send(kafkaproto.KeyProduce, 9, produceReq(0, "nowhere", 0, raw(t, batch.Builder{}, "a")))
	w.mustClose("acks=0 to an unknown topic")
}

// TestProduceInOrder: whatever way a batch takes (here, another shard, unpacked
// away from the loop), a connection's batches are appended as sent and answered
// as sent.
func TestProduceInOrder(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 2, nil)
	big := strings.Repeat("0123456789", 20_000)
	for range 4 { // connections land on different shards
		w := n.dial(t)
		first := []int64{n.end(t, "t", 0), n.end(t, "t", 1)}
		var all []byte
		const requests = 120
		for i := range requests {
			b := batch.Builder{Codec: compress.Codec(i % 5)}
			value := "small"
			if i%3 == 0 {
				value = big
			}
			all = append(all, frameOf(kafkaproto.KeyProduce, 9, int32(i), produceReq(int16(i%2*2-1), "t", int32(i/2%2), raw(t, b, value)))...)
		}
		go w.conn.Write(all)
		for i := range requests {
			var resp kafkaproto.ProduceResponse
			w.next(kafkaproto.KeyProduce, 9, int32(i), &resp)
			p, index := resp.Topics[0].Partitions[0], i/2%2
			if p.ErrorCode != 0 || p.BaseOffset != first[index] {
				t.Fatalf("request %d: error %d, offset %d, want %d", i, p.ErrorCode, p.BaseOffset, first[index])
			}
			first[index]++
		}
	}
}

// What is acknowledged is written, so that only a crash of the machine can take it:
// with acks=1 always, with acks=all when so configured.
func TestProduceAckWritten(t *testing.T) {
	ackWritten(t, broker.Config{}, 1)
	ackWritten(t, broker.Config{AckWritten: true}, -1)
}

func ackWritten(t *testing.T, cfg broker.Config, acks int16) {
	n := start(t, rig{broker: cfg})
	n.topic(t, "t", 2, nil)
	w := n.dial(t)
	for i := range 20 {
		resp := ask[kafkaproto.ProduceResponse](w, kafkaproto.KeyProduce, 9, produceReq(acks, "t", int32(i%2), raw(t, batch.Builder{}, "a")))
		p := resp.Topics[0].Partitions[0]
		if p.ErrorCode != 0 || p.BaseOffset != int64(i/2) {
			t.Fatalf("%+v", p)
		}
		n.on(t, "t", int32(i%2), func(p *shard.Partition) {
			if hw := p.HighWatermark(); hw != int64(i/2+1) {
				t.Errorf("acks=%d: acknowledged offset %d, written are %d", acks, i/2, hw)
			}
		})
	}
}
