package batch

import "encoding/binary"

// ControlType is what a control batch says, from the key of its one record.
type ControlType int16

const (
	// ControlNone: no control batch, an empty one (compaction took the
	// transaction and its marker away), or one that cannot be read.
	ControlNone   ControlType = -1
	ControlAbort  ControlType = 0
	ControlCommit ControlType = 1
)

// Marker is the end of a transaction as its control batch tells it.
type Marker struct {
	Type             ControlType
	CoordinatorEpoch int32 // -1 if it does not say
}

const (
	markerKeySize   = 4 // version i16, type i16
	markerValueSize = 6 // version i16, coordinator epoch i32
)

// Marker reads the control record of v. Types other than abort and commit
// belong to other subsystems and come back as they are.
func (v View) Marker() Marker {
	m := Marker{ControlNone, -1}
	if !v.IsControl() || v.Codec() != 0 || v.Count() < 1 {
		return m
	}
	in := decoder{buf: v.Records()}
	var s Scratch
	r, ok := in.record(v, &s)
	if !ok || len(r.Key) < markerKeySize {
		return m
	}
	m.Type = ControlType(binary.BigEndian.Uint16(r.Key[2:]))
	if len(r.Value) >= markerValueSize {
		m.CoordinatorEpoch = int32(binary.BigEndian.Uint32(r.Value[2:]))
	}
	return m
}

// EndTxnMarker makes the control batch that ends a transaction of a producer.
// Base offset and leader epoch are 0 until the log stamps them; ts is in ms.
func EndTxnMarker(producerID int64, producerEpoch int16, commit bool, coordinatorEpoch int32, ts int64) []byte {
	kind := ControlAbort
	if commit {
		kind = ControlCommit
	}
	key := make([]byte, markerKeySize)
	binary.BigEndian.PutUint16(key[2:], uint16(kind))
	value := make([]byte, markerValueSize)
	binary.BigEndian.PutUint32(value[2:], uint32(coordinatorEpoch))
	b := Builder{Transactional: true, Control: true, Producer: &Producer{producerID, producerEpoch, NoProducer}}
	b.Add(Record{Timestamp: ts, Key: key, Value: value})
	out, err := b.Build(nil)
	if err != nil {
		panic("BUG: uncompressed marker: " + err.Error())
	}
	return out
}
