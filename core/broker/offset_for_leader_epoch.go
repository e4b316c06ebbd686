package broker

import (
	"umbra/kafkaproto"
	"umbra/shard"
)

// OffsetForLeaderEpoch (key 23, versions 2-4) tells where a leader epoch ends
// in the log: the largest epoch that is not above the one asked for, and its end
// offset; -1, -1 for one that is newer than the partition's. The history is
// that of the batches, a shadow's is its source's.
//
//	v2-v4: as Kafka; the current leader epoch is fenced
func handleOffsetForLeaderEpoch(r *request) {
	var m kafkaproto.OffsetForLeaderEpochRequest
	if !decode(r, &m) {
		return
	}
	snap := r.snapshot()
	var targets []*target[epochAnswer]
	for i := range m.Topics {
		for _, p := range m.Topics[i].Partitions {
			t := aim[epochAnswer](r, snap, m.Topics[i].Topic, p.Partition)
			t.val = epochAnswer{current: p.CurrentLeaderEpoch, asked: p.LeaderEpoch, epoch: -1, end: -1}
			targets = append(targets, t)
		}
	}
	scatter(r, targets, askEpochEnd, func() {
		resp := &kafkaproto.OffsetForLeaderEpochResponse{}
		n := 0
		for i := range m.Topics {
			t := kafkaproto.OffsetForLeaderEpochResponseTopic{Topic: m.Topics[i].Topic}
			for _, p := range m.Topics[i].Partitions {
				a := targets[n]
				n++
				r.countError("offset for leader epoch", a.err)
				t.Partitions = append(t.Partitions, kafkaproto.OffsetForLeaderEpochResponseTopicPartition{ErrorCode: int16(code(a.err)),
					Partition: p.Partition, LeaderEpoch: a.val.epoch, EndOffset: a.val.end})
			}
			resp.Topics = append(resp.Topics, t)
		}
		r.reply(resp)
	})
}

// epochAnswer is the question and the answer for one partition.
type epochAnswer struct {
	current, asked int32
	epoch          int32
	end            int64
}

func askEpochEnd(p *shard.Partition, t *target[epochAnswer], done func()) {
	if t.err = checkEpoch(t.val.current, p.LeaderEpoch()); t.err == nil {
		t.val.epoch, t.val.end = epochEnd(p.Log, t.val.asked, p.LeaderEpoch())
	}
	done()
}
