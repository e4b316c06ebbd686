package batch

import (
	"encoding/binary"
	"math"

	"umbra/kafkaproto/compress"
)

// Head is what a log keeps of a batch. It holds no reference to its bytes.
type Head struct {
	Pos           int // where the batch begins in the buffer it was read from
	Size          int // bytes, the whole batch
	BaseOffset    int64
	LastOffset    int64
	MaxTimestamp  int64 // ms
	ProducerID    int64 // NoProducer if none
	LeaderEpoch   int32
	BaseSequence  int32
	Count         int32
	ProducerEpoch int16
	Attributes    Attributes
}

// LastSequence is the sequence number of the last offset of the batch, -1 if
// it has none.
func (h *Head) LastSequence() int32 {
	if h.BaseSequence < 0 {
		return NoProducer
	}
	return AddSequence(h.BaseSequence, int32(h.LastOffset-h.BaseOffset))
}

// AddSequence moves a producer's sequence number on by n >= 0. They wrap from
// 2^31-1 to 0.
func AddSequence(seq, n int32) int32 {
	return int32((int64(seq) + int64(n)) & math.MaxInt32)
}

// read fills h from the head of a batch; b has at least HeadSize bytes.
func (h *Head) read(b []byte, pos int) {
	v := View(b[:HeadSize])
	h.Pos = pos
	h.Size = v.Size()
	h.BaseOffset = v.BaseOffset()
	h.LastOffset = v.LastOffset()
	h.MaxTimestamp = v.MaxTimestamp()
	h.ProducerID = v.ProducerID()
	h.LeaderEpoch = v.LeaderEpoch()
	h.BaseSequence = v.BaseSequence()
	h.Count = v.Count()
	h.ProducerEpoch = v.ProducerEpoch()
	h.Attributes = v.Attributes()
}

// recordSizeMin is the shortest record: seven fields of one byte each.
const recordSizeMin = 7

// check tests what can be told from the head alone; ok is the empty Reason.
func (h *Head) check() (broken Reason, got, want int64) {
	delta := h.LastOffset - h.BaseOffset // int32 by origin, exact even when the sum wrapped
	body := int64(h.Size - HeadSize)
	switch {
	case delta < 0:
		return ReasonDelta, delta, 0
	case h.BaseOffset < 0 || h.LastOffset < h.BaseOffset || h.LastOffset == math.MaxInt64:
		return ReasonOffset, h.BaseOffset, 0
	case h.LeaderEpoch < -1:
		return ReasonLeaderEpoch, int64(h.LeaderEpoch), -1
	case h.Count < 0 || int64(h.Count) > delta+1:
		return ReasonCount, int64(h.Count), delta + 1
	case h.Count > 0 && body == 0:
		return ReasonCount, int64(h.Count), 0
	case h.Attributes.Codec() == compress.None && int64(h.Count) > body/recordSizeMin:
		return ReasonCount, int64(h.Count), body / recordSizeMin
	}
	return "", 0, 0
}

// sizeAt reads the size of the batch that b begins with, and refuses a length
// or a format that cannot be. known is false while too few bytes are there to
// say; sizeMax bounds the size.
func sizeAt(b []byte, pos, sizeMax int) (size int, known bool, err error) {
	if len(b) < LogOverhead {
		return 0, false, nil
	}
	offset := int64(binary.BigEndian.Uint64(b))
	length := int64(int32(binary.BigEndian.Uint32(b[posLength:])))
	switch lengthMax := int64(sizeMax - LogOverhead); {
	case length < magicEnd-LogOverhead:
		return 0, false, ErrCorrupt{offset, pos, ReasonLength, length, HeadSize - LogOverhead}
	case length > lengthMax:
		return 0, false, ErrCorrupt{offset, pos, ReasonLength, length, lengthMax}
	}
	if len(b) < magicEnd {
		return 0, false, nil
	}
	switch magic := int8(b[posMagic]); {
	case magic == 0 || magic == 1:
		return 0, false, ErrOldMagic
	case magic != Magic:
		return 0, false, ErrCorrupt{offset, pos, ReasonMagic, int64(magic), Magic}
	case length < HeadSize-LogOverhead:
		return 0, false, ErrCorrupt{offset, pos, ReasonLength, length, HeadSize - LogOverhead}
	}
	return int(length) + LogOverhead, true, nil
}
