package broker_test

import (
	"fmt"
	"testing"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/compress"
	"umbra/shard"
)

func listReq(topic string, index int32, ts int64) *kafkaproto.ListOffsetsRequest {
	return &kafkaproto.ListOffsetsRequest{ReplicaID: -1, Topics: []kafkaproto.ListOffsetsRequestTopic{{Topic: topic,
		Partitions: []kafkaproto.ListOffsetsRequestTopicPartition{{Partition: index, CurrentLeaderEpoch: -1, Timestamp: ts}}}}}
}

func (w *wire) list(version int16, m *kafkaproto.ListOffsetsRequest) kafkaproto.ListOffsetsResponseTopicPartition {
	w.t.Helper()
	return ask[kafkaproto.ListOffsetsResponse](w, kafkaproto.KeyListOffsets, version, m).Topics[0].Partitions[0]
}

func TestListOffsets(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 2, nil)
	w := n.dial(t)
	const t0 = 1_700_000_000_000
	for index := range int32(2) {
		f := func(what string, version int16, ts, offset, stamp int64, want kafkaproto.ErrorCode) {
			t.Helper()
			p := w.list(version, listReq("t", index, ts))
			wantCode(t, what, p.ErrorCode, want)
			if p.Offset != offset || p.Timestamp != stamp || version >= 4 && offset >= 0 && offset < 30 && p.LeaderEpoch != 0 {
				t.Errorf("%s v%d: %+v, want offset %d time %d", what, version, p, offset, stamp)
			}
		}
		f("latest of nothing", 5, kafkaproto.TimestampLatest, 0, -1, kafkaproto.None)
		f("time in nothing", 5, t0, -1, -1, kafkaproto.None)
		f("max of nothing", 7, kafkaproto.TimestampMax, -1, -1, kafkaproto.None)
		for i := range int64(10) { // three records a batch, a second apart; every codec
			b := batch.Builder{Codec: compress.Codec(i % 5)}
			for j := range int64(3) {
				b.Add(batch.Record{Timestamp: t0 + 1000*(3*i+j), Value: []byte("v")})
			}
			out, err := b.Build(nil)
			check(t, err)
			wantCode(t, "produce", w.produce(9, "t", index, out).ErrorCode, kafkaproto.None)
		}
		for version := int16(1); version <= 8; version++ {
			f("latest", version, kafkaproto.TimestampLatest, 30, -1, kafkaproto.None)
			f("earliest", version, kafkaproto.TimestampEarliest, 0, -1, kafkaproto.None)
			f("inside a batch", version, t0+10_500, 11, t0+11_000, kafkaproto.None)
			f("the first", version, 0, 0, t0, kafkaproto.None)
			f("too late", version, t0+30_000, -1, -1, kafkaproto.None)
			unless := func(least int16) kafkaproto.ErrorCode {
				if version >= least {
					return kafkaproto.None
				}
				return kafkaproto.UnsupportedVersion
			}
			if unless(7) == kafkaproto.None {
				f("max", version, kafkaproto.TimestampMax, 29, t0+29_000, kafkaproto.None)
			} else {
				f("max", version, kafkaproto.TimestampMax, -1, -1, kafkaproto.UnsupportedVersion)
			}
			if unless(8) == kafkaproto.None {
				f("local", version, kafkaproto.TimestampEarliestLocal, 0, -1, kafkaproto.None)
			} else {
				f("local", version, kafkaproto.TimestampEarliestLocal, -1, -1, kafkaproto.UnsupportedVersion)
			}
			f("tiered", version, -5, -1, -1, kafkaproto.UnsupportedVersion)
		}
		n.deleteBefore(t, "t", index, 13)
		f("earliest after a deletion", 5, kafkaproto.TimestampEarliest, 13, -1, kafkaproto.None)
		f("time below the start", 5, t0, 13, t0+13_000, kafkaproto.None)

		// An open transaction ends read_committed.
		n.on(t, "t", index, func(p *shard.Partition) {
			_, err := p.Log.Append(raw(t, batch.Builder{Transactional: true, Producer: &batch.Producer{ID: 1}}, "a"), n.appendOptions(p))
			check(t, err)
		})
		wantCode(t, "produce", w.produce(9, "t", index, raw(t, batch.Builder{}, "a")).ErrorCode, kafkaproto.None)
		f("latest uncommitted", 5, kafkaproto.TimestampLatest, 32, -1, kafkaproto.None)
		m := listReq("t", index, kafkaproto.TimestampLatest)
		m.IsolationLevel = 1
		if p := w.list(2, m); p.Offset != 30 {
			t.Errorf("latest committed is %d, want 30", p.Offset)
		}
		m = listReq("t", index, t0+40_000)
		m.IsolationLevel = 1
		if p := w.list(5, m); p.Offset != -1 || p.ErrorCode != 0 {
			t.Errorf("a record in an open transaction was found: %+v", p)
		}
		n.on(t, "t", index, func(p *shard.Partition) { p.SetLeaderEpoch(2) })
		for epoch, want := range map[int32]kafkaproto.ErrorCode{1: kafkaproto.FencedLeaderEpoch, 2: kafkaproto.None, 3: kafkaproto.UnknownLeaderEpoch} {
			m := listReq("t", index, kafkaproto.TimestampLatest)
			m.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch
			p := w.list(4, m)
			wantCode(t, fmt.Sprint("epoch ", epoch), p.ErrorCode, want)
			if want == kafkaproto.None && p.LeaderEpoch != 2 {
				t.Errorf("leader epoch %d of the latest offset, want 2", p.LeaderEpoch)
			}
		}
	}
	wantCode(t, "unknown topic", w.list(5, listReq("nowhere", 0, -1)).ErrorCode, kafkaproto.UnknownTopicOrPartition)
	wantCode(t, "unknown partition", w.list(5, listReq("t", 2, -1)).ErrorCode, kafkaproto.UnknownTopicOrPartition)
}

func TestOffsetForLeaderEpoch(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 2, nil)
	w := n.dial(t)
	for index := range int32(2) {
		for _, epoch := range []int32{0, 0, 2, 5, 5} { // 0: 0-1, 2: 2, 5: 3-4
			n.on(t, "t", index, func(p *shard.Partition) { p.SetLeaderEpoch(epoch) })
			wantCode(t, "produce", w.produce(9, "t", index, raw(t, batch.Builder{}, "a")).ErrorCode, kafkaproto.None)
		}
		n.on(t, "t", index, func(p *shard.Partition) { p.SetLeaderEpoch(7) })
		f := func(current, asked, epoch int32, end int64, want kafkaproto.ErrorCode) {
			t.Helper()
			for version := int16(2); version <= 4; version++ {
				resp := ask[kafkaproto.OffsetForLeaderEpochResponse](w, kafkaproto.KeyOffsetForLeaderEpoch, version, &kafkaproto.OffsetForLeaderEpochRequest{ReplicaID: -1,
					Topics: []kafkaproto.OffsetForLeaderEpochRequestTopic{{Topic: "t", Partitions: []kafkaproto.OffsetForLeaderEpochRequestTopicPartition{
						{Partition: index, CurrentLeaderEpoch: current, LeaderEpoch: asked}}}}})
				p := resp.Topics[0].Partitions[0]
				wantCode(t, fmt.Sprintf("epoch %d", asked), p.ErrorCode, want)
				if p.LeaderEpoch != epoch || p.EndOffset != end {
					t.Errorf("epoch %d: %d ends at %d, want %d at %d", asked, p.LeaderEpoch, p.EndOffset, epoch, end)
				}
			}
		}
		f(-1, 0, 0, 2, kafkaproto.None)
		f(7, 1, 0, 2, kafkaproto.None)
		f(7, 2, 2, 3, kafkaproto.None)
		f(7, 4, 2, 3, kafkaproto.None)
		f(7, 5, 5, 5, kafkaproto.None)
		f(7, 6, 5, 5, kafkaproto.None)
		f(7, 7, 7, 5, kafkaproto.None) // has no batch yet
		f(7, 8, -1, -1, kafkaproto.None)
		f(6, 0, -1, -1, kafkaproto.FencedLeaderEpoch)
		f(8, 0, -1, -1, kafkaproto.UnknownLeaderEpoch)
	}
}

func TestInitProducerID(t *testing.T) {
	n := start(t, rig{})
	w := n.dial(t)
	last := int64(-1)
	for version := int16(0); version <= 5; version++ {
		p := ask[kafkaproto.InitProducerIDResponse](w, kafkaproto.KeyInitProducerID, version, &kafkaproto.InitProducerIDRequest{ProducerID: -1, ProducerEpoch: -1})
		if p.ErrorCode != 0 || p.ProducerID <= last || p.ProducerEpoch != 0 {
			t.Errorf("v%d: %+v after id %d", version, p, last)
		}
		last = p.ProducerID
		p = ask[kafkaproto.InitProducerIDResponse](w, kafkaproto.KeyInitProducerID, version, &kafkaproto.InitProducerIDRequest{TransactionalID: ptr("tx"), ProducerID: -1, ProducerEpoch: -1})
		wantCode(t, "transactional", p.ErrorCode, kafkaproto.UnsupportedVersion)
		if p.ProducerID != -1 {
			t.Errorf("id %d with an error", p.ProducerID)
		}
		p = ask[kafkaproto.InitProducerIDResponse](w, kafkaproto.KeyInitProducerID, version, &kafkaproto.InitProducerIDRequest{TransactionalID: ptr(""), ProducerID: -1, ProducerEpoch: -1})
		wantCode(t, "empty transactional id", p.ErrorCode, kafkaproto.InvalidRequest)
	}
	check(t, n.store.RaiseProducerIDFloor(t.Context(), last+5000)) // as a failover does
	p := ask[kafkaproto.InitProducerIDResponse](w, kafkaproto.KeyInitProducerID, 5, &kafkaproto.InitProducerIDRequest{ProducerID: last, ProducerEpoch: 0})
	if p.ErrorCode != 0 || p.ProducerID < last+5000 {
		t.Errorf("%+v, want an id from %d on", p, last+5000)
	}
}

func TestFindCoordinatorSaysThereIsNone(t *testing.T) {
	n := start(t, rig{})
	w := n.dial(t)
	for version := int16(0); version <= 5; version++ {
		resp := ask[kafkaproto.FindCoordinatorResponse](w, kafkaproto.KeyFindCoordinator, version, &kafkaproto.FindCoordinatorRequest{CoordinatorKey: "g", CoordinatorKeys: []string{"g", "h"}})
		if version < 4 {
			wantCode(t, "group", resp.ErrorCode, kafkaproto.CoordinatorNotAvailable)
			if version >= 1 && text(resp.ErrorMessage) == "<null>" {
				t.Errorf("v%d: no message", version)
			}
			continue
		}
		if len(resp.Coordinators) != 2 || resp.Coordinators[1].Key != "h" || resp.Coordinators[0].ErrorMessage == nil {
			t.Errorf("v%d: %+v", version, resp.Coordinators)
		}
		wantCode(t, "group", resp.Coordinators[0].ErrorCode, kafkaproto.CoordinatorNotAvailable)
	}
	resp := ask[kafkaproto.FindCoordinatorResponse](w, kafkaproto.KeyFindCoordinator, 3, &kafkaproto.FindCoordinatorRequest{CoordinatorKey: "g", CoordinatorType: 9})
	wantCode(t, "type 9", resp.ErrorCode, kafkaproto.InvalidRequest)
}
