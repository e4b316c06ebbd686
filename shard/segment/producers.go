package segment

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"umbra/kafkaproto/batch"
)

// Why a batch of an idempotent or transactional producer is refused. The
// errors returned wrap these and name the values.
var (
	// ErrOutOfOrderSequence: there is a hole before the batch, or it repeats one
	// that is older than the batches remembered.
	ErrOutOfOrderSequence = errors.New("producer sequence out of order")
	// ErrInvalidProducerEpoch: a newer producer with the same id has fenced it.
	ErrInvalidProducerEpoch = errors.New("producer epoch is older than the latest")
	// ErrInvalidTxnState: a batch outside of the transaction its producer has open.
	ErrInvalidTxnState = errors.New("batch is not part of its producer's open transaction")
)

// DuplicateError says that the batch is in the log already: a success for the
// producer, which gets the original's offset and time.
type DuplicateError struct {
	Offset     int64 // base offset of the original
	LastOffset int64
	Timestamp  int64 // its max timestamp, ms
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("batch is a duplicate of the one at offset %d", e.Offset)
}

// producerBatches is how many batches of a producer are remembered: as many as
// it may have in flight.
const producerBatches = 5

// producedBatch is one batch as needed to recognise it again.
type producedBatch struct {
	firstSequence, lastSequence int32
	offset, lastOffset          int64
	timestamp                   int64 // ms
}

type producer struct {
	epoch            int16
	coordinatorEpoch int32 // of the last marker, -1 if none
	timestamp        int64 // of the last batch or marker, ms
	count            int
	batches          [producerBatches]producedBatch // of this epoch, oldest first
}

func (p *producer) known() []producedBatch { return p.batches[:p.count] }

// enter makes epoch the producer's; batches of another epoch mean nothing now.
func (p *producer) enter(epoch int16) {
	if p.epoch != epoch {
		p.epoch, p.count = epoch, 0
	}
}

func (p *producer) remember(b producedBatch) {
	if p.count == producerBatches {
		copy(p.batches[:], p.batches[1:])
		p.count--
	}
	p.batches[p.count] = b
	p.count++
}

// lastSequence is -1 when no batch of the epoch is known, so that 0 is next.
func (p *producer) lastSequence() int32 {
	if p.count == 0 {
		return batch.NoProducer
	}
	return p.batches[p.count-1].lastSequence
}

// Producers is what a log knows of the producers that wrote to it, with the
// rules of Kafka's brokers. It follows from the log alone, so it is the same on
// a shadow as on the source. Pure data: no I/O, no clock; one owner. Its size is
// bounded by Expire only, as in Kafka: about 250 bytes per producer id.
type Producers struct {
	byID  map[int64]*producer
	idEnd uint64 // highest id seen + 1
}

// Check says whether a batch that a local producer sends may be appended. It
// changes nothing; after the append comes Observe. Batches without a producer
// always may. A producer without state (new, expired, or its data deleted) may
// begin at any sequence (KIP-360).
//
// A batch that is in the log already gives *DuplicateError; refusals wrap
// ErrOutOfOrderSequence or ErrInvalidProducerEpoch.
func (p *Producers) Check(h *batch.Head) error {
	if h.ProducerID < 0 {
		return nil
	}
	if h.BaseSequence < 0 {
		return fmt.Errorf("producer %d sends a batch with sequence %d: %w", h.ProducerID, h.BaseSequence, ErrOutOfOrderSequence)
	}
	e := p.byID[h.ProducerID]
	if e == nil {
		return nil
	}
	switch {
	case h.ProducerEpoch < e.epoch:
		return p.staleEpoch(h.ProducerID, h.ProducerEpoch, e)
	case h.ProducerEpoch > e.epoch:
		if h.BaseSequence != 0 {
			return fmt.Errorf("producer %d begins epoch %d at sequence %d, want 0: %w", h.ProducerID, h.ProducerEpoch, h.BaseSequence, ErrOutOfOrderSequence)
		}
		return nil
	}
	last := h.LastSequence()
	for _, b := range e.known() {
		if b.firstSequence == h.BaseSequence && b.lastSequence == last {
			return &DuplicateError{b.offset, b.lastOffset, b.timestamp}
		}
	}
	if want := nextSequence(e.lastSequence()); h.BaseSequence != want {
		return fmt.Errorf("producer %d epoch %d sends sequence %d, want %d: %w", h.ProducerID, h.ProducerEpoch, h.BaseSequence, want, ErrOutOfOrderSequence)
	}
	return nil
}

// CheckMarker says whether a transaction marker for the producer may be
// appended by the coordinator.
func (p *Producers) CheckMarker(id int64, epoch int16) error {
	if e := p.byID[id]; e != nil && epoch < e.epoch {
		return p.staleEpoch(id, epoch, e)
	}
	return nil
}

func (p *Producers) staleEpoch(id int64, epoch int16, e *producer) error {
	return fmt.Errorf("producer %d has epoch %d, the latest is %d: %w", id, epoch, e.epoch, ErrInvalidProducerEpoch)
}

// nextSequence follows last, or is 0 after "none".
func nextSequence(last int32) int32 {
	if last == math.MaxInt32 {
		return 0
	}
	return last + 1
}

// Observe takes over what a data batch in the log says. It never refuses: the
// batch is there, be it appended after Check, mirrored, or replayed.
func (p *Producers) Observe(h *batch.Head) {
	if h.ProducerID < 0 {
		return
	}
	e := p.entry(h.ProducerID, h.ProducerEpoch)
	e.timestamp = h.MaxTimestamp
	if h.BaseSequence >= 0 {
		e.remember(producedBatch{h.BaseSequence, h.LastSequence(), h.BaseOffset, h.LastOffset, h.MaxTimestamp})
	}
}

// ObserveMarker takes over what a transaction marker in the log says: it may
// raise the epoch, which fences whoever still has the older one.
func (p *Producers) ObserveMarker(h *batch.Head, coordinatorEpoch int32) {
	if h.ProducerID < 0 {
		return
	}
	e := p.entry(h.ProducerID, h.ProducerEpoch)
	e.timestamp = h.MaxTimestamp
	e.coordinatorEpoch = coordinatorEpoch
}

func (p *Producers) entry(id int64, epoch int16) *producer {
	e := p.byID[id]
	if e == nil {
		if p.byID == nil {
			p.byID = make(map[int64]*producer)
		}
		e = &producer{epoch: epoch, coordinatorEpoch: -1}
		p.byID[id] = e
		p.RaiseMaxProducerID(id)
	}
	e.enter(epoch)
	return e
}

// Len is the number of producers with state.
func (p *Producers) Len() int { return len(p.byID) }

// MaxProducerID is the highest id ever seen, expired ones included; -1 if none.
// An id given out after failover must be above it.
func (p *Producers) MaxProducerID() int64 { return int64(p.idEnd - 1) }

// RaiseMaxProducerID makes MaxProducerID at least id: for ids that were in a
// part of the log which was cut off, and whose producers may come back.
func (p *Producers) RaiseMaxProducerID(id int64) {
	if id >= 0 {
		p.idEnd = max(p.idEnd, uint64(id)+1)
	}
}

// Expire forgets producers whose last batch is at least expiry old at now (ms
// since the epoch), except those that keep says true for (a transaction is
// open). It returns how many went.
func (p *Producers) Expire(now int64, expiry time.Duration, keep func(id int64) bool) int {
	before := len(p.byID)
	for id, e := range p.byID {
		if now-e.timestamp >= expiry.Milliseconds() && !keep(id) {
			delete(p.byID, id)
		}
	}
	return before - len(p.byID)
}

func (p *Producers) encode(e *stateEncoder) {
	e.uvarint(p.idEnd)
	ids := make([]int64, 0, len(p.byID))
	for id := range p.byID {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	e.uvarint(uint64(len(ids)))
	for _, id := range ids {
		e.varint(id)
		p.byID[id].encode(e)
	}
}

func (p *producer) encode(e *stateEncoder) {
	e.varint(int64(p.epoch))
	e.varint(int64(p.coordinatorEpoch))
	e.varint(p.timestamp)
	e.uvarint(uint64(p.count))
	for _, b := range p.known() {
		e.varint(int64(b.firstSequence))
		e.varint(int64(b.lastSequence))
		e.varint(b.offset)
		e.varint(b.lastOffset - b.offset)
		e.varint(b.timestamp)
	}
}

func (p *Producers) decode(d *stateDecoder) {
	*p = Producers{idEnd: d.uvarint()}
	if p.idEnd > 1<<63 {
		d.fail("a producer id is out of range")
	}
	last := int64(-1)
	for range d.count(5) {
		id := d.ranged(0, maxInt64)
		if id <= last || uint64(id) >= p.idEnd {
			d.fail("producer ids do not rise")
		}
		e := new(producer)
		e.decode(d)
		if d.err != nil {
			return
		}
		if p.byID == nil {
			p.byID = make(map[int64]*producer)
		}
		p.byID[id], last = e, id
	}
}

func (p *producer) decode(d *stateDecoder) {
	p.epoch = int16(d.ranged(math.MinInt16, math.MaxInt16))
	p.coordinatorEpoch = int32(d.ranged(math.MinInt32, maxInt32))
	p.timestamp = d.varint()
	n := d.count(5)
	if n > producerBatches {
		d.fail("more batches than are remembered")
		return
	}
	for range n {
		b := producedBatch{firstSequence: int32(d.ranged(0, maxInt32)), lastSequence: int32(d.ranged(0, maxInt32)), offset: d.offset()}
		b.lastOffset = b.offset + d.ranged(0, min(maxInt32, maxOffset-b.offset))
		b.timestamp = d.varint()
		p.remember(b)
	}
}
