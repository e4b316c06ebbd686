package broker

import (
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// partitionView is what clients are told of where a partition is.
type partitionView struct {
	err     kafkaproto.ErrorCode
	leader  int32 // -1: nobody serves it now
	epoch   int32
	replica []int32 // the one broker that has it
	inSync  []int32
	offline []int32
}

// viewer shows partitions of one snapshot; the answers share its slices.
type viewer struct {
	broker *Broker
	snap   *metadata.Snapshot
	self   []int32
}

func (b *Broker) viewer(snap *metadata.Snapshot) viewer {
	return viewer{broker: b, snap: snap, self: []int32{snap.Broker.ID}}
}

// partition combines the metadata with what the shards publish. The epoch is
// the higher of the two: a log with mirrored batches may hold a later one than
// the metadata, and a client that saw it must not be sent back (S7).
//
// A partition that is not open has no leader: LEADER_NOT_AVAILABLE while it is
// being opened, KAFKA_STORAGE_ERROR when its log does not open. One whose log
// failed later keeps its leader, because it still serves what it has.
func (w viewer) partition(t *metadata.Topic, index int) partitionView {
	v := partitionView{leader: w.self[0], epoch: t.Partitions[index].LeaderEpoch, replica: w.self, inSync: w.self}
	id := partitionID(t, int32(index))
	if p, open := w.broker.group().Published(id); open {
		v.epoch = max(v.epoch, p.LeaderEpoch)
		return v
	}
	v.leader, v.inSync, v.offline, v.err = -1, nil, w.self, kafkaproto.LeaderNotAvailable
	if w.broker.keeper().Err(id) != nil {
		v.err = kafkaproto.KafkaStorageError
	}
	return v
}

// What an unrestricted client may do, as bits by ACL operation. A client that
// asks gets all of them: umbra has no access rules yet. That a shadow topic
// refuses writes is its state, not a right that somebody lacks.
const (
	opRead = 3 + iota
	opWrite
	opCreate
	opDelete
	opAlter
	opDescribe
	opClusterAction
	opDescribeConfigs
	opAlterConfigs
	opIdempotentWrite
)

const (
	topicOperations int32 = 1<<opRead | 1<<opWrite | 1<<opCreate | 1<<opDelete | 1<<opAlter | 1<<opDescribe |
		1<<opDescribeConfigs | 1<<opAlterConfigs
	clusterOperations int32 = 1<<opCreate | 1<<opAlter | 1<<opDescribe | 1<<opClusterAction |
		1<<opDescribeConfigs | 1<<opAlterConfigs | 1<<opIdempotentWrite
)

// operations gives the bits when they were asked for.
func operations(asked bool, all int32) int32 {
	if !asked {
		return kafkaproto.AuthorizedOperationsNone
	}
	return all
}
