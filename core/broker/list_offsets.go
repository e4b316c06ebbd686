package broker

import (
	"umbra/kafkaproto"
	"umbra/shard"
	"umbra/shard/segment"
)

// ListOffsets (key 2, versions 1-8) finds offsets: the ends of a log, or the
// first record that is at least as new as a time, found inside its batch away
// from the loop. No such record is offset -1 and timestamp -1 without an error.
//
//	v2: isolation level: read_committed ends at the last stable offset
//	v4: current leader epoch is fenced; the answer has the epoch of its record
//	v7: -3, the record with the largest timestamp
//	v8: -4, the first offset on local disk, which is the log start here
//
// Other negative timestamps are UNSUPPORTED_VERSION, as in Kafka.
func handleListOffsets(r *request) {
	var m kafkaproto.ListOffsetsRequest
	if !decode(r, &m) {
		return
	}
	q := listOffsets{version: r.version(), committed: m.IsolationLevel == 1}
	snap := r.snapshot()
	var targets []*target[offsetAnswer]
	for i := range m.Topics {
		for _, p := range m.Topics[i].Partitions {
			t := aim[offsetAnswer](r, snap, m.Topics[i].Topic, p.Partition)
			t.val = offsetAnswer{time: p.Timestamp, epoch: p.CurrentLeaderEpoch, found: segment.TimeOffset{Offset: -1, Timestamp: -1, LeaderEpoch: -1}}
			targets = append(targets, t)
		}
	}
	scatter(r, targets, q.ask, func() {
		resp := &kafkaproto.ListOffsetsResponse{}
		n := 0
		for i := range m.Topics {
			t := kafkaproto.ListOffsetsResponseTopic{Topic: m.Topics[i].Topic}
			for _, p := range m.Topics[i].Partitions {
				a := targets[n]
				n++
				r.countError("list offsets", a.err)
				t.Partitions = append(t.Partitions, kafkaproto.ListOffsetsResponseTopicPartition{Partition: p.Partition, ErrorCode: int16(code(a.err)),
					Timestamp: a.val.found.Timestamp, Offset: a.val.found.Offset, LeaderEpoch: a.val.found.LeaderEpoch})
			}
			resp.Topics = append(resp.Topics, t)
		}
		r.reply(resp)
	})
}

type listOffsets struct {
	version   int16
	committed bool
}

// offsetAnswer is the question and the answer for one partition.
type offsetAnswer struct {
	time  int64
	epoch int32
	found segment.TimeOffset
}

// ask answers for one partition on its loop.
func (q listOffsets) ask(p *shard.Partition, t *target[offsetAnswer], done func()) {
	end := p.HighWatermark()
	if q.committed {
		end = p.Log.LastStableOffset()
	}
	if t.err = checkEpoch(t.val.epoch, p.LeaderEpoch()); t.err != nil {
		done()
		return
	}
	keep := func(found segment.TimeOffset, err error) {
		if t.err = err; err == nil && found.Found && found.Offset < end {
			t.val.found = found
		}
		done()
	}
	switch ts := t.val.time; {
	case ts == kafkaproto.TimestampLatest:
		t.val.found.Offset, t.val.found.LeaderEpoch = end, p.LeaderEpoch()
	case ts == kafkaproto.TimestampEarliest, ts == kafkaproto.TimestampEarliestLocal && q.version >= 8:
		t.val.found.Offset = p.Log.StartOffset()
		if epoch, ok := p.Log.EpochAt(p.Log.StartOffset()); ok {
			t.val.found.LeaderEpoch = epoch
		}
	case ts == kafkaproto.TimestampMax && q.version >= 7:
		p.Log.OffsetOfMaxTimestamp(keep)
		return
	case ts < 0:
		t.err = refuse(kafkaproto.UnsupportedVersion, "timestamp %d means nothing in version %d", ts, q.version)
	default:
		p.Log.OffsetForTime(ts, keep)
		return
	}
	done()
}
