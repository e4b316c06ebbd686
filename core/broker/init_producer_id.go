package broker

import (
	"context"

	"umbra/kafkaproto"
)

// InitProducerId (key 22, versions 0-5) gives an idempotent producer its id:
// one that nobody has, and above every id found in mirrored logs. It always
// comes with epoch 0.
//
// A transactional id is refused with UNSUPPORTED_VERSION, since there is no
// transaction coordinator yet: clients report that one as fatal and as
// something the broker lacks, where the coordinator errors make them retry.
//
//	v3: the producer's present id and epoch: a new id is always a right answer
//	    for an idempotent producer, whose sequences begin again with it (KIP-360)
func handleInitProducerID(r *request) {
	var m kafkaproto.InitProducerIDRequest
	if !decode(r, &m) {
		return
	}
	none := kafkaproto.InitProducerIDResponse{ProducerID: -1, ProducerEpoch: -1}
	switch {
	case m.TransactionalID != nil && *m.TransactionalID == "":
		none.ErrorCode = int16(kafkaproto.InvalidRequest)
	case m.TransactionalID != nil:
		none.ErrorCode = int16(kafkaproto.UnsupportedVersion)
	}
	if none.ErrorCode != 0 {
		r.loop.stats.countError(kafkaproto.ErrorCode(none.ErrorCode))
		r.reply(&none)
		return
	}
	store := r.broker.store
	r.offLoop(func(ctx context.Context) kafkaproto.Message {
		id, err := store.NextProducerID(ctx)
		if err != nil {
			none.ErrorCode = int16(producerIDError(err))
			return &none
		}
		return &kafkaproto.InitProducerIDResponse{ProducerID: id, ProducerEpoch: 0}
	})
}

// producerIDError makes a producer try again where a later try may succeed.
func producerIDError(err error) kafkaproto.ErrorCode {
	if c := code(err); c != kafkaproto.RequestTimedOut && c != kafkaproto.NotController {
		return c
	}
	return kafkaproto.CoordinatorNotAvailable
}
