package broker

import (
	"errors"

	"umbra/ioring/buf"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard/segment"
)

// found is what a round found at one partition.
type found struct {
	err           error
	highWatermark int64
	lastStable    int64
	logStart      int64
	epoch         int32 // the partition's leader epoch; -1 unknown
	diverging     kafkaproto.FetchResponseTopicPartitionDivergingEpoch
	aborted       []kafkaproto.FetchResponseTopicPartitionAbortedTransaction
	spans         []buf.Span // whole batches; one reference each
	bytes         int
	large         bool // there is a batch, and it is larger than what it may have
	short         bool // no memory to read into: nothing was read though there is something
}

func nothing() found {
	return found{highWatermark: -1, lastStable: -1, logStart: -1, epoch: -1,
		diverging: kafkaproto.FetchResponseTopicPartitionDivergingEpoch{Epoch: -1, EndOffset: -1}}
}

// bound is the offset a reader may read up to.
func (d *found) bound(committed bool) int64 {
	if committed {
		return d.lastStable
	}
	return d.highWatermark
}

func (d *found) release() {
	for _, s := range d.spans {
		s.Release()
	}
	d.spans, d.bytes = nil, 0
}

// visit reads partitions of one fetch on the loop that owns them with what the round has
// left of its budget, as if one after the other; a watch that fires reads with all of it.
// From begin until done the items belong to the owner.
type visit struct {
	// Set once.
	done      func() // home's, runs there
	home      *loop
	owner     *loop
	committed bool

	items   []*fetchItem
	next    int
	reading int  // items that are being read
	running bool // run is on the stack
	left    int  // bytes that nothing being read may use; below 0 when the first batch was larger
	any     bool // this round has read something: no batch comes beyond the budget any more
}

func (v *visit) add(it *fetchItem) { v.items = append(v.items, it) }

// most is what all items together may have.
func (v *visit) most() int {
	most := 0
	for _, it := range v.items {
		most += it.maxBytes
	}
	return most
}

// release gives back what was read.
func (v *visit) release() {
	for _, it := range v.items {
		it.found.release()
	}
}

func (v *visit) begin() {
	if v.owner == v.home {
		v.run()
		return
	}
	if err := v.owner.shard.Post(v.run); err != nil {
		for _, it := range v.items {
			it.found.err = err
		}
		v.done()
	}
}

// run begins items in their order, several while they wait for the disk, as far as
// that makes no difference to what each may read (owner).
func (v *visit) run() {
	if v.running { // the one below goes on
		return
	}
	v.running = true
	for v.next < len(v.items) && v.mayBegin(v.items[v.next]) {
		v.next++
		v.readNext(v.items[v.next-1])
	}
	v.running = false
	if v.reading == 0 && v.next == len(v.items) {
		v.end()
	}
}

func (v *visit) readNext(it *fetchItem) {
	left := v.left
	v.reading++
	v.left -= it.maxBytes
	v.read(it, left, func() {
		v.reading--
		v.left += it.maxBytes - it.found.bytes
		v.any = v.any || it.found.bytes > 0
		v.run()
	})
}

// mayBegin: the first batch may be beyond the budget, but no other, so nothing is read
// beside what may be the first one; and all that is being read must leave room for all
// that the item may have.
func (v *visit) mayBegin(it *fetchItem) bool {
	return v.reading == 0 || v.any && v.left >= it.maxBytes
}

func (v *visit) end() {
	if v.owner == v.home {
		v.done()
		return
	}
	v.owner.post(v.home.shard, v.done, v.release)
}

// read looks at one partition and reads what there is, left bytes at most (owner); done
// comes now or later.
func (v *visit) read(it *fetchItem, left int, done func()) {
	p := v.owner.shard.Partition(it.pid)
	if p == nil {
		it.found.err = v.owner.broker.notOpen(it.pid)
		done()
		return
	}
	d := &it.found
	d.highWatermark, d.lastStable, d.logStart, d.epoch = p.HighWatermark(), p.Log.LastStableOffset(), p.Log.StartOffset(), p.LeaderEpoch()
	if d.err = checkEpoch(it.currentEpoch, d.epoch); d.err != nil {
		done()
		return
	}
	if v.diverged(it, p.Log) {
		done()
		return
	}
	if it.offset < d.logStart || it.offset > p.Log.EndOffset() {
		d.err = refuse(kafkaproto.OffsetOutOfRange, "offset %d is outside %d to %d", it.offset, d.logStart, p.Log.EndOffset())
		done()
		return
	}
	if v.committed {
		d.aborted = []kafkaproto.FetchResponseTopicPartitionAbortedTransaction{}
	}
	upTo, most := d.bound(v.committed), min(it.maxBytes, left)
	if it.offset >= upTo || most <= 0 && v.any {
		d.large = it.offset < upTo
		done()
		return
	}
	p.Log.Read(segment.ReadRequest{Offset: it.offset, UpTo: upTo, MaxBytes: max(most, 0), MinOneBatch: !v.any}, func(r segment.ReadResult) {
		d.take(r, it.offset, v.committed, p.Log)
		done()
	})
}

// diverged compares the epoch a follower read last with the log's history
// (KIP-595) and says whether that is the answer.
func (v *visit) diverged(it *fetchItem, l *segment.Log) bool {
	if it.lastEpoch < 0 {
		return false
	}
	epoch, end := epochEnd(l, it.lastEpoch, it.found.epoch)
	switch {
	case epoch < 0:
		it.found.err = refuse(kafkaproto.OffsetOutOfRange, "the log knows no end of leader epoch %d", it.lastEpoch)
	case epoch < it.lastEpoch || end < it.offset:
		it.found.diverging = kafkaproto.FetchResponseTopicPartitionDivergingEpoch{Epoch: epoch, EndOffset: end}
	default:
		return false
	}
	return true
}

// epochEnd is Log.EpochEnd for a partition whose leader epoch is current: that
// one ends at the log's end even before it has a batch.
func epochEnd(l *segment.Log, epoch, current int32) (int32, int64) {
	if epoch == current {
		return epoch, l.EndOffset()
	}
	if latest, ok := l.LatestEpoch(); ok && epoch > latest && epoch < current {
		return l.EpochEnd(latest)
	}
	return l.EpochEnd(epoch)
}

// take keeps the result of a read.
func (d *found) take(r segment.ReadResult, offset int64, committed bool, l *segment.Log) {
	switch {
	case errors.Is(r.Err, buf.ErrBudget):
		d.short = true
		return
	case r.Err != nil:
		d.err = r.Err
		return
	}
	d.spans, d.bytes, d.large = append(d.spans, r.Spans...), r.Bytes, r.Bytes == 0
	if committed && r.Bytes > 0 {
		for _, a := range l.Aborted(nil, offset, nextOffset(d.spans)) {
			d.aborted = append(d.aborted, kafkaproto.FetchResponseTopicPartitionAbortedTransaction{ProducerID: a.ProducerID, FirstOffset: a.FirstOffset})
		}
	}
}

// nextOffset is the offset behind the last batch of spans, which hold whole
// batches.
func nextOffset(spans []buf.Span) int64 {
	next := int64(0)
	for rest := spans[len(spans)-1].Bytes; len(rest) > 0; {
		v := batch.View(rest)
		next, rest = v.LastOffset()+1, rest[v.Size():]
	}
	return next
}
