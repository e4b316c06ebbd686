package link

import (
	"errors"
	"fmt"

	"umbra/core/link/replicate"
	"umbra/core/link/spec"
	"umbra/ioring/buf"
	"umbra/kafkaproto/batch"
	"umbra/shard/segment"
)

// faultReason turns what stopped a partition into what an operator reads.
func faultReason(e replicate.Event) spec.Reason {
	detail := fmt.Sprintf("partition %d: %v", e.Partition.Index, e.Err)
	return spec.Reason{Code: faultCode(e.Err), Detail: detail}
}

func faultCode(err error) spec.Code {
	var corrupt batch.ErrCorrupt
	switch {
	case errors.Is(err, batch.ErrOldMagic):
		return spec.OldMessageFormat
	case errors.Is(err, replicate.ErrTooLarge), errors.Is(err, buf.ErrBudget):
		return spec.RecordTooLarge
	case errors.Is(err, segment.ErrFailed), errors.Is(err, segment.ErrCorrupt), errors.Is(err, segment.ErrClosed):
		return spec.LocalStorage
	case errors.As(err, &corrupt), errors.Is(err, replicate.ErrOverlap), errors.Is(err, segment.ErrOutOfOrder):
		return spec.CorruptSource
	case errors.Is(err, replicate.ErrProtocol):
		return spec.CorruptSource
	}
	return spec.InternalInconsistency
}
