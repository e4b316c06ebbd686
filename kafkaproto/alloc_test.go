package kafkaproto

import (
	"fmt"
	"testing"
)

func benchFetchResponse(version int16, partitions int) []byte {
	m := FetchResponse{SessionID: 9, Topics: []FetchResponseTopic{{Topic: "orders", TopicID: TopicID{1, 2}}}}
	for i := range partitions {
		p := NewFetchResponseTopicPartition()
		p.Partition, p.HighWatermark, p.LastStableOffset = int32(i), 1000, 1000
		p.RecordBatches = make([]byte, 10_000)
		m.Topics[0].Partitions = append(m.Topics[0].Partitions, p)
	}
	w := NewWriter(nil, version >= 12)
	m.Encode(&w, version)
	return w.Bytes()
}

func benchFetchRequest(version int16, partitions int) []byte {
	m := NewFetchRequest()
	m.Rack = "rack-a"
	m.Topics = []FetchRequestTopic{{Topic: "orders", TopicID: TopicID{1, 2}}}
	m.ForgottenTopics = []FetchRequestForgottenTopic{{Topic: "old", Partitions: []int32{1, 2, 3}}}
	for i := range partitions {
		p := NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(i), 77, 1<<20
		m.Topics[0].Partitions = append(m.Topics[0].Partitions, p)
	}
	w := NewWriter(nil, version >= 12)
	m.Encode(&w, version)
	return w.Bytes()
}

func benchProduceRequest(version int16, partitions int) []byte {
	id := "tx-1"
	m := ProduceRequest{TransactionID: &id, Acks: -1, TimeoutMillis: 30000, Topics: []ProduceRequestTopic{{Topic: "orders"}}}
	for i := range partitions {
		m.Topics[0].Partitions = append(m.Topics[0].Partitions, ProduceRequestTopicPartition{int32(i), make([]byte, 1000)})
	}
	w := NewWriter(nil, version >= 9)
	m.Encode(&w, version)
	return w.Bytes()
}

// hotDecoders are the messages that a loop decodes for every batch, into one
// struct per connection.
func hotDecoders() map[string]func() error {
	out := map[string]func() error{}
	var r Reader // a connection has one too: it escapes through the interface
	add := func(name string, m Message, body []byte, flexible bool, version int16) {
		out[name] = func() error {
			r = NewReader(body, flexible)
			m.Decode(&r, version)
			return r.Err()
		}
	}
	for _, v := range []int16{3, 8, 9, 11} {
		add(fmt.Sprintf("Produce request v%d", v), new(ProduceRequest), benchProduceRequest(v, 16), v >= 9, v)
	}
	for _, v := range []int16{4, 11, 12, 17} {
		add(fmt.Sprintf("Fetch request v%d", v), new(FetchRequest), benchFetchRequest(v, 16), v >= 12, v)
		add(fmt.Sprintf("Fetch response v%d", v), new(FetchResponse), benchFetchResponse(v, 16), v >= 12, v)
	}
	return out
}

func TestHotDecodersDoNotAllocate(t *testing.T) {
	for name, decode := range hotDecoders() {
		if err := decode(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n := testing.AllocsPerRun(50, func() { decode() }); n != 0 {
			t.Errorf("%s: %v allocations into a used struct", name, n)
		}
	}
}

func TestHeaderDoesNotAllocate(t *testing.T) {
	id := "console-producer"
	w := NewWriter(nil, false)
	(&RequestHeader{Key: KeyProduce, Version: 9, CorrelationID: 1, ClientID: &id}).Encode(&w)
	var h RequestHeader
	decode := func() {
		r := NewReader(w.Bytes(), false)
		h.Decode(&r)
	}
	decode()
	if n := testing.AllocsPerRun(50, decode); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What does it cost to walk a response of 16 partitions as it arrives?
func BenchmarkFetchStream(b *testing.B) {
	body := benchFetchResponse(17, 16)
	var s FetchStream
	b.ReportAllocs()
	for b.Loop() {
		drainFetch(b, &s, 17, body, 16<<10)
	}
}

// What does it cost to decode the requests of the hot path?
func BenchmarkHotDecoders(b *testing.B) {
	for name, decode := range hotDecoders() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
