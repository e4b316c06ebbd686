package link

import (
	"errors"

	"umbra/core/link/replicate"
	"umbra/core/link/spec"
	"umbra/kafkaproto/batch"
	"umbra/shard/segment"
)

// faultReason turns what stopped a partition into what an operator reads.
func faultReason(err error) spec.Reason {
	return spec.Reason{Code: faultCode(err), Detail: err.Error()}
}

func faultCode(err error) spec.Code {
	var corrupt batch.ErrCorrupt
	switch {
	case errors.Is(err, batch.ErrOldMagic):
		return spec.OldMessageFormat
	case errors.Is(err, replicate.ErrTooLarge):
		return spec.RecordTooLarge
	case errors.Is(err, segment.ErrFailed), errors.Is(err, segment.ErrCorrupt):
		return spec.LocalStorage
	case errors.As(err, &corrupt), errors.Is(err, replicate.ErrOverlap), errors.Is(err, segment.ErrOutOfOrder),
		errors.Is(err, replicate.ErrNoWholeBatch), errors.Is(err, replicate.ErrProtocol):
		return spec.CorruptSource
	}
	return spec.InternalInconsistency
}
