package broker_test

import (
	"fmt"
	"testing"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

type cutTo = kafkaproto.DeleteRecordsRequestTopicPartition

// trim sends DeleteRecords for partitions of one topic.
func (w *wire) trim(version int16, topic string, partitions ...cutTo) []kafkaproto.DeleteRecordsResponseTopicPartition {
	w.t.Helper()
	r := ask[kafkaproto.DeleteRecordsResponse](w, kafkaproto.KeyDeleteRecords, version, &kafkaproto.DeleteRecordsRequest{TimeoutMillis: long,
		Topics: []kafkaproto.DeleteRecordsRequestTopic{{Topic: topic, Partitions: partitions}}})
	if len(r.Topics) != 1 || r.Topics[0].Topic != topic || len(r.Topics[0].Partitions) != len(partitions) {
		w.t.Fatalf("answer %+v", r)
	}
	return r.Topics[0].Partitions
}

func TestDeleteRecords(t *testing.T) {
	for v := int16(0); v <= 2; v++ {
		n := startAdmin(t, nil)
		top := n.make("orders", 2)
		n.fill(top, 0, 10)
		n.fill(top, 1, 4)
		w := n.dial()
		f := func(what string, p int32, offset, low int64, want kafkaproto.ErrorCode) {
			t.Helper()
			a := w.trim(v, "orders", cutTo{Partition: p, Offset: offset})[0]
			wantCode(t, fmt.Sprintf("v%d %s", v, what), a.ErrorCode, want)
			if a.LowWatermark != low || a.Partition != p {
				t.Errorf("v%d %s: partition %d low watermark %d, want %d", v, what, a.Partition, a.LowWatermark, low)
			}
		}
		f("to the start", 0, 0, 0, kafkaproto.None)
		f("forward", 0, 3, 3, kafkaproto.None)
		f("backward", 0, 1, 3, kafkaproto.None)
		f("beyond the high watermark", 0, 11, -1, kafkaproto.OffsetOutOfRange)
		f("below -1", 0, -2, -1, kafkaproto.OffsetOutOfRange)
		f("no such partition", 2, 0, -1, kafkaproto.UnknownTopicOrPartition)
		f("negative partition", -1, 0, -1, kafkaproto.UnknownTopicOrPartition)
		f("to the high watermark", 0, -1, 10, kafkaproto.None)
		eventually(t, "the log is empty, at offset 10", func() bool {
			p := n.published(top, 0)
			return p.LogStart == 10 && p.LogEnd == 10
		})
		if p := n.published(top, 1); p.LogStart != 0 {
			t.Errorf("v%d: the other partition starts at %d", v, p.LogStart)
		}
		a := w.trim(v, "orders", cutTo{Partition: 1, Offset: 2}, cutTo{Partition: 7, Offset: 2}, cutTo{Partition: 0, Offset: -1})
		if a[0].LowWatermark != 2 || a[1].ErrorCode != int16(kafkaproto.UnknownTopicOrPartition) || a[2].LowWatermark != 10 {
			t.Errorf("v%d: several: %+v", v, a)
		}
		wantCode(t, "unknown topic", w.trim(v, "nope", cutTo{})[0].ErrorCode, kafkaproto.UnknownTopicOrPartition)
	}
}

// TestDeleteRecordsFollowsThePolicy: a topic that is only compacted refuses.
func TestDeleteRecordsFollowsThePolicy(t *testing.T) {
	n := startAdmin(t, nil)
	w := n.dial()
	f := func(policy string, want kafkaproto.ErrorCode) {
		t.Helper()
		name := fmt.Sprintf("policy-%d", len(policy))
		n.fill(n.make(name, 1, "cleanup.policy", policy), 0, 2)
		wantCode(t, policy, w.trim(2, name, cutTo{Offset: 1})[0].ErrorCode, want)
	}
	f("delete", kafkaproto.None)
	f("compact", kafkaproto.PolicyViolation)
	f("compact,delete", kafkaproto.None)
	f("", kafkaproto.None)
}

// TestDeleteRecordsWithoutTime: the log is local, so a timeout of 0 works.
func TestDeleteRecordsWithoutTime(t *testing.T) {
	n := startAdmin(t, nil)
	n.fill(n.make("orders", 1), 0, 5)
	r := ask[kafkaproto.DeleteRecordsResponse](n.dial(), kafkaproto.KeyDeleteRecords, 1, &kafkaproto.DeleteRecordsRequest{
		Topics: []kafkaproto.DeleteRecordsRequestTopic{{Topic: "orders", Partitions: []cutTo{{Offset: 4}}}}})
	if a := r.Topics[0].Partitions[0]; a.ErrorCode != 0 || a.LowWatermark != 4 {
		t.Errorf("%+v", a)
	}
}

// TestDeleteRecordsIsDurable: the new start is there after a restart.
func TestDeleteRecordsIsDurable(t *testing.T) {
	dir := t.TempDir()
	first := boot(t, rig{dir: dir})
	n := &adminNode{node: first, t: t, dir: dir}
	n.fill(n.make("orders", 1), 0, 5)
	if a := n.dial().trim(2, "orders", cutTo{Offset: 3})[0]; a.LowWatermark != 3 {
		t.Fatalf("%+v", a)
	}
	first.stop(t)
	n.node = start(t, rig{dir: dir})
	var top *metadata.Topic
	eventually(t, "the topic is open again", func() bool {
		top = n.store.Snapshot().Topics["orders"]
		return top != nil && n.keeper.Wait(t.Context(), top.ID, 1) == nil
	})
	if p := n.published(top, 0); p.LogStart != 3 || p.LogEnd != 5 {
		t.Errorf("log %d to %d after a restart, want 3 to 5", p.LogStart, p.LogEnd)
	}
}
