package kafkaproto

// InitProducerIDRequest (key 22, versions 0-5) asks for a producer id.
//
//	v2: flexible
//	v3: the producer's present id and epoch, to raise the epoch (KIP-360)
type InitProducerIDRequest struct {
	TransactionalID          *string // nil: an idempotent producer without transactions
	TransactionTimeoutMillis int32
	ProducerID               int64 // v3+, default -1
	ProducerEpoch            int16 // v3+, default -1
}

// Encode writes the body.
func (m *InitProducerIDRequest) Encode(w *Writer, version int16) {
	w.NullableString(m.TransactionalID)
	w.Int32(m.TransactionTimeoutMillis)
	if version >= 3 {
		w.Int64(m.ProducerID)
		w.Int16(m.ProducerEpoch)
	}
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *InitProducerIDRequest) Decode(r *Reader, version int16) {
	*m = InitProducerIDRequest{ProducerID: -1, ProducerEpoch: -1}
	m.TransactionalID = r.NullableString()
	m.TransactionTimeoutMillis = r.Int32()
	if version >= 3 {
		m.ProducerID = r.Int64()
		m.ProducerEpoch = r.Int16()
	}
	r.Tags()
}

// InitProducerIDResponse carries the id; -1 with an error.
type InitProducerIDResponse struct {
	ThrottleMillis int32
	ErrorCode      int16
	ProducerID     int64
	ProducerEpoch  int16
}

// Encode writes the body.
func (m *InitProducerIDResponse) Encode(w *Writer, version int16) {
	w.Int32(m.ThrottleMillis)
	w.Int16(m.ErrorCode)
	w.Int64(m.ProducerID)
	w.Int16(m.ProducerEpoch)
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *InitProducerIDResponse) Decode(r *Reader, version int16) {
	m.ThrottleMillis = r.Int32()
	m.ErrorCode = r.Int16()
	m.ProducerID = r.Int64()
	m.ProducerEpoch = r.Int16()
	r.Tags()
}
