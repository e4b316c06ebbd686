package broker_test

import (
	"testing"

	"umbra/core/broker"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
)

// TestRequestsMaxBoundsOneConnection: requests over the bound wait in the
// connection until an answer has left.
func TestRequestsMaxBoundsOneConnection(t *testing.T) {
	n := start(t, rig{shards: 1, broker: broker.Config{RequestsMax: 2}})
	n.topic(t, "t", 1, nil)
	n.topic(t, "u", 1, nil)
	w := n.dial(t)
	n.park(t, w, 12, patient("t", 0, 0))
	fetch := w.corr
	for range 3 {
		w.send(kafkaproto.KeyProduce, 9, produceReq(-1, "u", 0, raw(t, batch.Builder{}, "a")))
	}
	stats := func() broker.Stats {
		all, err := n.broker.Stats(t.Context())
		check(t, err)
		return all[0]
	}
	eventually(t, "the later ones wait", func() bool { return n.end(t, "u", 0) == 1 && stats().FrameBytes > 0 })
	if got := stats().Requests[kafkaproto.KeyProduce]; got != 1 {
		t.Errorf("%d produce requests were begun behind a fetch, the bound allows 1", got)
	}
	n.dial(t).produce(9, "t", 0, raw(t, batch.Builder{}, "a")) // ends the fetch
	var resp kafkaproto.FetchResponse
	w.next(kafkaproto.KeyFetch, 12, fetch, &resp)
	for i := range int32(3) {
		w.next(kafkaproto.KeyProduce, 9, fetch+1+i, new(kafkaproto.ProduceResponse))
	}
	if n.end(t, "u", 0) != 3 || stats().FrameBytes != 0 {
		t.Errorf("end %d, %d bytes of requests are held", n.end(t, "u", 0), stats().FrameBytes)
	}
}

// TestReadersOfAnImpossibleName: Kafka tells readers of a name that is not
// allowed what it tells them of any other topic that is not there.
func TestReadersOfAnImpossibleName(t *testing.T) {
	n := start(t, rig{shards: 1})
	w := n.dial(t)
	fetched := ask[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, 12, fetchReq("a/b", 0, 0))
	wantCode(t, "fetch", fetched.Topics[0].Partitions[0].ErrorCode, kafkaproto.UnknownTopicOrPartition)
	listed := ask[kafkaproto.ListOffsetsResponse](w, kafkaproto.KeyListOffsets, 5, &kafkaproto.ListOffsetsRequest{ReplicaID: -1,
		Topics: []kafkaproto.ListOffsetsRequestTopic{{Topic: "a/b", Partitions: []kafkaproto.ListOffsetsRequestTopicPartition{{Timestamp: -1, CurrentLeaderEpoch: -1}}}}})
	wantCode(t, "list offsets", listed.Topics[0].Partitions[0].ErrorCode, kafkaproto.UnknownTopicOrPartition)
	wantCode(t, "produce", w.produce(9, "a/b", 0, raw(t, batch.Builder{}, "a")).ErrorCode, kafkaproto.InvalidTopicException)
}

// TestSessionPartitionsMaxBoundsSessions: a client whose partitions do not fit
// is served without a session.
func TestSessionPartitionsMaxBoundsSessions(t *testing.T) {
	n := start(t, rig{shards: 1, broker: broker.Config{SessionPartitionsMax: 2}})
	n.topic(t, "t", 1, nil)
	w := n.dial(t)
	req := fetchReq("t", 0, 0)
	req.SessionEpoch = 0
	for i := range 4 {
		resp := ask[kafkaproto.FetchResponse](w, kafkaproto.KeyFetch, 12, req)
		if (resp.SessionID != 0) != (i < 2) || resp.ErrorCode != 0 || len(resp.Topics) != 1 {
			t.Errorf("session %d with room for 2: id %d, error %d", i+1, resp.SessionID, resp.ErrorCode)
		}
	}
}
