package broker_test

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"umbra/core/broker"
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
)

// sessionModel is what a client and its session must agree on.
type sessionModel struct {
	n       *node
	topics  []*metadata.Topic
	version int16
	id      int32
	epoch   int32
	parts   map[modelPart]*modelState
	ends    map[modelPart]int64
}

type modelPart struct {
	topic int
	index int32
}

// modelState is one partition of the session: where it is read from, and the
// high watermark the client was told, -1 for none.
type modelState struct{ offset, told int64 }

const modelTopics, modelPartitions = 2, 3

func (m *sessionModel) request(epoch int32, add []modelPart, forget []modelPart) *kafkaproto.FetchRequest {
	req := kafkaproto.NewFetchRequest()
	req.SessionID, req.SessionEpoch, req.MaxBytes = m.id, epoch, 1<<20
	for _, p := range add {
		part := kafkaproto.NewFetchRequestTopicPartition()
		part.Partition, part.FetchOffset, part.PartitionMaxBytes = p.index, m.parts[p].offset, 1<<20
		req.Topics = append(req.Topics, kafkaproto.FetchRequestTopic{Topic: m.topics[p.topic].Name, TopicID: m.topics[p.topic].ID, Partitions: []kafkaproto.FetchRequestTopicPartition{part}})
	}
	for _, p := range forget {
		req.ForgottenTopics = append(req.ForgottenTopics, kafkaproto.FetchRequestForgottenTopic{Topic: m.topics[p.topic].Name, TopicID: m.topics[p.topic].ID, Partitions: []int32{p.index}})
	}
	return &req
}

// expect is what a response must hold, as text: every partition of a full one,
// what changed of an incremental one. It takes the answer as told.
func (m *sessionModel) expect(full bool) string {
	var out []string
	for p, s := range m.parts {
		end := m.ends[p]
		switch {
		case p.index >= modelPartitions:
			s.told = -1
			out = append(out, fmt.Sprintf("%d/%d error %d", p.topic, p.index, int16(kafkaproto.UnknownTopicOrPartition)))
		case s.offset > end:
			s.told = -1
			out = append(out, fmt.Sprintf("%d/%d error %d", p.topic, p.index, int16(kafkaproto.OffsetOutOfRange)))
		case full || s.told != end || s.offset < end:
			s.told = end
			out = append(out, fmt.Sprintf("%d/%d to %d: %d records", p.topic, p.index, end, end-s.offset))
		}
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

func (m *sessionModel) read(resp *kafkaproto.FetchResponse) string {
	var out []string
	for _, topic := range resp.Topics {
		at := 0
		for i, t := range m.topics {
			if m.version >= 13 && t.ID == topic.TopicID || m.version < 13 && t.Name == topic.Topic {
				at = i
			}
		}
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 {
				out = append(out, fmt.Sprintf("%d/%d error %d", at, p.Partition, p.ErrorCode))
				continue
			}
			records := 0
			for rest := p.RecordBatches; len(rest) > 0; records++ {
				_, more, err := batch.Next(rest)
				if err != nil {
					return err.Error()
				}
				rest = more
			}
			out = append(out, fmt.Sprintf("%d/%d to %d: %d records", at, p.Partition, p.HighWatermark, records))
		}
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

func (m *sessionModel) keys() []modelPart {
	return slices.SortedFunc(maps.Keys(m.parts), func(a, b modelPart) int { return int(a.topic-b.topic)*1000 + int(a.index-b.index) })
}

// TestFetchSessionsFollowTheModel drives sessions with every kind of request.
func TestFetchSessionsFollowTheModel(t *testing.T) {
	n := start(t, rig{})
	w := n.dial(t)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		m := &sessionModel{n: n, version: rapid.Int16Range(7, 17).Draw(rt, "version"), parts: map[modelPart]*modelState{}, ends: map[modelPart]int64{}}
		for i := range modelTopics {
			m.topics = append(m.topics, n.topic(t, fmt.Sprintf("t%d-%d", round, i), modelPartitions, nil))
		}
		drawPart := func() modelPart {
			return modelPart{rapid.IntRange(0, modelTopics-1).Draw(rt, "topic"), rapid.Int32Range(0, modelPartitions).Draw(rt, "partition")}
		}
		fetch := func(req *kafkaproto.FetchRequest, version int16) *kafkaproto.FetchResponse {
			return ask[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, version, req)
		}
		open := func() {
			m.parts = map[modelPart]*modelState{}
			for range rapid.IntRange(1, 5).Draw(rt, "parts") {
				m.parts[drawPart()] = &modelState{offset: rapid.Int64Range(0, 4).Draw(rt, "offset"), told: -1}
			}
			resp := fetch(m.request(0, m.keys(), nil), m.version)
			if resp.ErrorCode != 0 || resp.SessionID == 0 || resp.SessionID == m.id {
				rt.Fatalf("new session: error %d, id %d after %d", resp.ErrorCode, resp.SessionID, m.id)
			}
			m.id, m.epoch = resp.SessionID, 1
			if got, want := m.read(resp), m.expect(true); got != want {
				rt.Fatalf("full fetch: %s, want %s", got, want)
			}
		}
		open()
		rt.Repeat(map[string]func(*rapid.T){
			"produce": func(rt *rapid.T) {
				p := modelPart{rapid.IntRange(0, modelTopics-1).Draw(rt, "topic"), rapid.Int32Range(0, modelPartitions-1).Draw(rt, "partition")}
				if got := w.produce(9, m.topics[p.topic].Name, p.index, raw(t, batch.Builder{}, "a")); got.ErrorCode != 0 {
					rt.Fatalf("produce: %d", got.ErrorCode)
				}
				m.ends[p]++
			},
			"incremental": func(rt *rapid.T) {
				var add, forget []modelPart
				for range rapid.IntRange(0, 2).Draw(rt, "add") {
					p := drawPart()
					if slices.Contains(add, p) {
						continue
					}
					if s := m.parts[p]; s != nil {
						s.offset = rapid.Int64Range(0, 6).Draw(rt, "offset")
					} else {
						m.parts[p] = &modelState{offset: rapid.Int64Range(0, 6).Draw(rt, "offset"), told: -1}
					}
					add = append(add, p)
				}
				if keys := m.keys(); len(keys) > 1 && rapid.Bool().Draw(rt, "forget") {
					forget = append(forget, keys[rapid.IntRange(0, len(keys)-1).Draw(rt, "which")])
				}
				req := m.request(m.epoch, add, forget)
				for _, p := range forget {
					delete(m.parts, p)
				}
				resp := fetch(req, m.version)
				if resp.ErrorCode != 0 || resp.SessionID != m.id {
					rt.Fatalf("incremental fetch: error %d, session %d, want %d", resp.ErrorCode, resp.SessionID, m.id)
				}
				m.epoch++
				if got, want := m.read(resp), m.expect(false); got != want {
					rt.Fatalf("incremental fetch: %s, want %s", got, want)
				}
			},
			"wrong epoch": func(rt *rapid.T) {
				wrong := m.epoch + rapid.SampledFrom([]int32{-1, 1, 5}).Draw(rt, "by")
				if wrong <= 0 {
					wrong = m.epoch + 7
				}
				if resp := fetch(m.request(wrong, nil, nil), m.version); resp.ErrorCode != int16(kafkaproto.InvalidFetchSessionEpoch) || len(resp.Topics) != 0 {
					rt.Fatalf("epoch %d at %d: %+v", wrong, m.epoch, resp)
				}
			},
			"unknown session": func(rt *rapid.T) {
				req := m.request(m.epoch, nil, nil)
				req.SessionID ^= 1 << 20
				if resp := fetch(req, m.version); resp.ErrorCode != int16(kafkaproto.FetchSessionIDNotFound) {
					rt.Fatalf("unknown session: %+v", resp)
				}
			},
			"other naming": func(rt *rapid.T) {
				version := int16(12)
				if m.version < 13 {
					version = 13
				}
				if resp := fetch(m.request(m.epoch, nil, nil), version); resp.ErrorCode != int16(kafkaproto.FetchSessionTopicIDError) {
					rt.Fatalf("v%d in a session of v%d: %+v", version, m.version, resp)
				}
			},
			"without a session": func(rt *rapid.T) {
				req := m.request(-1, m.keys(), nil)
				req.SessionID = 0
				told := maps.Clone(m.parts)
				for p, s := range told {
					saved := *s
					told[p] = &saved
				}
				if resp := fetch(req, m.version); resp.SessionID != 0 || m.read(resp) != m.expect(true) {
					rt.Fatalf("sessionless: %+v", resp)
				}
				m.parts = told
			},
			"close and open": func(rt *rapid.T) {
				if rapid.Bool().Draw(rt, "close") {
					fetch(m.request(-1, nil, nil), m.version)
					if resp := fetch(m.request(m.epoch, nil, nil), m.version); resp.ErrorCode != int16(kafkaproto.FetchSessionIDNotFound) {
						rt.Fatalf("closed session: %+v", resp)
					}
				}
				open()
			},
		})
	})
	stats, err := n.broker.Stats(t.Context())
	check(t, err)
	sum := 0
	for _, s := range stats {
		sum += s.Sessions
	}
	if sum > round {
		t.Errorf("%d sessions are left of %d clients", sum, round)
	}
}

// TestFetchSessionRotates: a budget of one batch reaches every partition in turn.
func TestFetchSessionRotates(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 4, nil)
	w := n.dial(t)
	one := raw(t, batch.Builder{}, "0123456789")
	req := fetchReq("t", 0, 0)
	part := req.Topics[0].Partitions[0]
	req.Topics[0].Partitions = nil
	for index := range int32(4) {
		w.produce(9, "t", index, one)
		part.Partition = index
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, part)
	}
	req.MaxBytes, req.SessionEpoch = int32(len(one)), 0
	seen := map[int32]int{}
	for i := range int32(12) {
		resp := ask[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, 12, req)
		for _, topic := range resp.Topics {
			for _, p := range topic.Partitions {
				if len(p.RecordBatches) > 0 {
					seen[p.Partition]++
				}
			}
		}
		req = &kafkaproto.FetchRequest{ReplicaID: -1, MaxBytes: int32(len(one)), MinBytes: 1, SessionID: resp.SessionID, SessionEpoch: i + 1}
	}
	for index := range int32(4) {
		if seen[index] != 3 {
			t.Errorf("partition %d was read %d times of 12, want 3: %v", index, seen[index], seen)
		}
	}
}

// TestFetchSessionsAreBounded: with all slots in use by living clients, a new
// one is served without a session.
func TestFetchSessionsAreBounded(t *testing.T) {
	var ahead atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	n := start(t, rig{shards: 1, broker: broker.Config{Now: clock}, properties: map[string]string{"max.incremental.fetch.session.cache.slots": "3"}})
	n.topic(t, "t", 1, nil)
	w := n.dial(t)
	req := fetchReq("t", 0, 0)
	req.SessionEpoch = 0
	for i := range 5 {
		resp := ask[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, 12, req)
		if (resp.SessionID != 0) != (i < 3) || resp.ErrorCode != 0 || len(resp.Topics) != 1 {
			t.Errorf("session %d of 3: id %d, error %d", i+1, resp.SessionID, resp.ErrorCode)
		}
	}
	stats, err := n.broker.Stats(t.Context())
	check(t, err)
	if stats[0].Sessions != 3 || stats[0].SessionsRefused != 2 || stats[0].SessionPartitions != 3 {
		t.Errorf("%d sessions, %d partitions, %d refused", stats[0].Sessions, stats[0].SessionPartitions, stats[0].SessionsRefused)
	}
	ahead.Store(int64(3 * time.Minute))
	if resp := ask[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, 12, req); resp.SessionID == 0 {
		t.Error("no session although all of them have been idle for 3 minutes")
	}
	stats, err = n.broker.Stats(t.Context())
	check(t, err)
	if stats[0].Sessions != 3 || stats[0].SessionsEvicted != 1 {
		t.Errorf("%d sessions, %d evicted", stats[0].Sessions, stats[0].SessionsEvicted)
	}
}
