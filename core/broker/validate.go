package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/compress"
)

// recordErrors are the records of a batch that made it be refused, with the
// error for the batch (KIP-467).
type recordErrors struct {
	refusal
	records []kafkaproto.ProduceResponseTopicPartitionErrorRecord
}

func (e *recordErrors) Unwrap() error { return &e.refusal }

// rules are what a topic asks of a produced batch.
type rules struct {
	version int16
	now     time.Time
	*metadata.TopicSettings
	seen int // about how many bytes records has unpacked
}

// oneBatch is what the protocol allows per partition, in the order in which
// Kafka looks: exactly one batch, of format 2, in a codec of the version.
func (u *rules) oneBatch(records []byte) (batch.View, error) {
	if len(records) == 0 {
		return nil, refuse(kafkaproto.InvalidRecord, "the request has no record batch for the partition")
	}
	v, rest, err := batch.Next(records)
	switch {
	case errors.Is(err, batch.ErrOldMagic):
		return nil, refuse(kafkaproto.InvalidRecord, "produce version %d takes record batches of message format 2 only", u.version)
	case errors.Is(err, batch.ErrCutShort):
		return nil, refuse(kafkaproto.InvalidRecord, "the record batch is cut short")
	case err != nil:
		return nil, refuse(kafkaproto.CorruptMessage, "%v", err)
	case len(rest) > 0:
		return nil, refuse(kafkaproto.InvalidRecord, "the request has more than one record batch for the partition")
	case v.Codec() == compress.Zstd && u.version < 7:
		return nil, refuse(kafkaproto.UnsupportedCompressionType, "zstd needs produce version 7, this is %d", u.version)
	}
	return v, nil
}

// head checks what can be told without looking at the records.
func (u *rules) head(v batch.View) error {
	switch {
	case v.BaseOffset() != 0:
		return refuse(kafkaproto.InvalidRecord, "the batch's base offset is %d, want 0", v.BaseOffset())
	case len(v) > u.MaxMessageBytes:
		return refuse(kafkaproto.MessageTooLarge, "the batch has %d bytes, more than max.message.bytes = %d", len(v), u.MaxMessageBytes)
	case !v.CheckCRC():
		return refuse(kafkaproto.CorruptMessage, "the batch's CRC-32C does not match its bytes")
	case v.LastOffsetDelta() < 0:
		return refuse(kafkaproto.InvalidRecord, "the batch's last offset delta is %d", v.LastOffsetDelta())
	case v.Count() <= 0 || int64(v.Count()) != int64(v.LastOffsetDelta())+1:
		return refuse(kafkaproto.InvalidRecord, "the batch says it has %d records for %d offsets", v.Count(), int64(v.LastOffsetDelta())+1)
	case v.IsControl():
		return refuse(kafkaproto.InvalidRecord, "clients may not write control records")
	case v.IsTransactional():
		return errTransactions()
	case v.ProducerID() >= 0 && v.BaseSequence() < 0:
		return refuse(kafkaproto.InvalidRecord, "the batch of producer %d has sequence %d", v.ProducerID(), v.BaseSequence())
	case !v.Codec().Valid():
		return refuse(kafkaproto.UnsupportedCompressionType, "compression codec %d is unknown", v.Codec())
	}
	if err := v.Validate(); err != nil {
		return refuse(kafkaproto.InvalidRecord, "%v", err)
	}
	return nil
}

func errTransactions() error {
	return refuse(kafkaproto.InvalidTxnState, "this broker has no transaction coordinator yet; produce without a transactional id")
}

// recordOverhead is a record without its contents, at most.
const recordOverhead = 32

// recordErrorsMax bounds how many records of one batch are named.
const recordErrorsMax = 1000

// records checks every record of v: offset deltas 0, 1, 2, ..., timestamps, and
// keys where the topic is compacted; it may correct v's max timestamp. compress.ErrTooLarge (wrapped) when they
// unpack to more than s allows; everything else is a refusal.
func (u *rules) records(v batch.View, s *batch.Scratch) error {
	var bad recordErrors
	note := func(code kafkaproto.ErrorCode, index int32, text string) {
		if bad.code != kafkaproto.InvalidTimestamp {
			bad.code = code
		}
		if len(bad.records) < recordErrorsMax {
			bad.records = append(bad.records, kafkaproto.ProduceResponseTopicPartitionErrorRecord{RelativeOffset: index, ErrorMessage: &text})
		}
	}
	oldest, newest := u.timeBounds()
	index, maxTime := int32(0), int64(-1)
	err := batch.Each(v, s, func(r batch.Record) error {
		switch {
		case r.OffsetDelta != index:
			note(kafkaproto.InvalidRecord, index, fmt.Sprintf("offset delta is %d, want %d", r.OffsetDelta, index))
		case u.Compact && r.Key == nil:
			note(kafkaproto.InvalidRecord, index, "a compacted topic does not accept records without a key")
		case u.LogAppendTime:
		case v.IsLogAppendTime():
			note(kafkaproto.InvalidTimestamp, index, "a producer must not set the timestamp type LogAppendTime")
		case r.Timestamp != -1 && (r.Timestamp < oldest || r.Timestamp > newest):
			note(kafkaproto.InvalidTimestamp, index, fmt.Sprintf("timestamp %d is outside %d to %d", r.Timestamp, oldest, newest))
		}
		index++
		u.seen += recordOverhead + len(r.Key) + len(r.Value)
		for _, h := range r.Headers {
			u.seen += len(h.Key) + len(h.Value)
		}
		maxTime = max(maxTime, r.Timestamp)
		return nil
	})
	switch {
	case errors.Is(err, compress.ErrTooLarge):
		return err
	case err != nil:
		return refuse(kafkaproto.InvalidRecord, "%v", err)
	case bad.code == kafkaproto.None:
		if maxTime != v.MaxTimestamp() && !u.LogAppendTime {
			setMaxTimestamp(v, maxTime)
		}
		return nil
	case bad.code == kafkaproto.InvalidTimestamp:
		bad.text = "one or more records have been rejected because of their timestamps"
	default:
		bad.text = fmt.Sprintf("%d of %d records have been rejected; the first: %s", len(bad.records), v.Count(), *bad.records[0].ErrorMessage)
	}
	return &bad
}

// setMaxTimestamp corrects the head of a batch whose producer got it wrong, as
// Kafka does: retention and the time index go by it. The layout is in package
// batch.
func setMaxTimestamp(v batch.View, ts int64) {
	const posCRC, posAttributes, posMaxTimestamp = 17, 21, 35
	binary.BigEndian.PutUint64(v[posMaxTimestamp:], uint64(ts))
	binary.BigEndian.PutUint32(v[posCRC:], crc32.Checksum(v[posAttributes:], crc32.MakeTable(crc32.Castagnoli)))
}

// timeBounds are the timestamps accepted now, in ms.
func (u *rules) timeBounds() (oldest, newest int64) {
	now := u.now.UnixMilli()
	oldest, newest = math.MinInt64, math.MaxInt64
	if d := u.TimestampBeforeMax; d != math.MaxInt64 {
		oldest = now - d.Milliseconds()
	}
	if d := u.TimestampAfterMax; d != math.MaxInt64 {
		newest = now + d.Milliseconds()
	}
	return oldest, newest
}
