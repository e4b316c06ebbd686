package linktest

import (
	"fmt"
	"slices"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
)

// Topic is a topic of the cluster; its fields are guarded by the cluster.
type topic struct {
	name       string
	id         kafkaproto.TopicID
	configs    map[string]string
	partitions []*partition
	denied     bool // not described to the link's principal
	unreadable bool // described, not readable
}

// epochStart is where a leader epoch begins.
type epochStart struct {
	epoch  int32
	offset int64
}

// partition is one log and who leads it.
type partition struct {
	leader  int32
	epoch   int32
	batches []batch.View
	start   int64
	end     int64 // log end offset
	high    int64
	epochs  []epochStart
	faults  faults
}

// lead makes a broker the leader under the next epoch, as an election does.
func (p *partition) lead(broker, epoch int32) {
	p.leader, p.epoch = broker, epoch
	p.assign(epoch)
}

func (p *partition) assign(epoch int32) {
	if n := len(p.epochs); n > 0 && p.epochs[n-1].epoch >= epoch {
		return
	}
	if n := len(p.epochs); n > 0 && p.epochs[n-1].offset == p.end {
		p.epochs = p.epochs[:n-1] // an epoch that wrote nothing
	}
	p.epochs = append(p.epochs, epochStart{epoch, p.end})
}

// append takes the batch as it is; it must begin at or behind the end.
func (p *partition) append(v batch.View) {
	if v.BaseOffset() < p.end {
		panic(fmt.Sprintf("linktest: batch at %d appended to a log that ends at %d", v.BaseOffset(), p.end))
	}
	p.assign(v.LeaderEpoch())
	p.batches = append(p.batches, v)
	p.end = v.LastOffset() + 1
	p.high = p.end
}

// truncate drops every batch that ends at or above the offset.
func (p *partition) truncate(to int64) {
	for n := len(p.batches); n > 0 && p.batches[n-1].LastOffset() >= to; n-- {
		p.batches = p.batches[:n-1]
	}
	p.end = min(p.end, to)
	if n := len(p.batches); n > 0 {
		p.end = p.batches[n-1].LastOffset() + 1
	}
	p.end = max(p.end, p.start)
	p.high = min(p.high, p.end)
	p.epochs = slices.DeleteFunc(p.epochs, func(e epochStart) bool { return e.offset >= p.end && e.offset > 0 })
}

// trim moves the start, perhaps into a batch; batches below it go.
func (p *partition) trim(to int64) {
	p.start = max(p.start, to)
	for len(p.batches) > 0 && p.batches[0].LastOffset() < p.start {
		p.batches = p.batches[1:]
	}
	for len(p.epochs) > 1 && p.epochs[1].offset <= p.start {
		p.epochs = p.epochs[1:]
	}
	if len(p.epochs) > 0 && p.epochs[0].offset < p.start {
		p.epochs[0].offset = p.start
	}
	p.end, p.high = max(p.end, p.start), max(p.high, p.start)
}

// epochEnd is Kafka's answer to OffsetForLeaderEpoch.
func (p *partition) epochEnd(epoch int32) (int32, int64) {
	n := len(p.epochs)
	switch {
	case epoch < 0 || n == 0 || epoch > p.epochs[n-1].epoch && epoch > p.epoch:
		return -1, -1
	case epoch >= p.epochs[n-1].epoch:
		return p.epochs[n-1].epoch, p.end
	case epoch < p.epochs[0].epoch:
		return epoch, p.epochs[0].offset
	}
	for i := n - 2; ; i-- {
		if p.epochs[i].epoch <= epoch {
			return p.epochs[i].epoch, p.epochs[i+1].offset
		}
	}
}

// from is the index of the first batch that ends at or above the offset.
func (p *partition) from(offset int64) int {
	i, _ := slices.BinarySearchFunc(p.batches, offset, func(v batch.View, o int64) int {
		if v.LastOffset() < o {
			return -1
		}
		return 1
	})
	return i
}

// read gives committed record bytes from the offset on: whole batches up to the
// limit, then a cut one as Kafka's files give it.
func (p *partition) read(offset int64, limit int, whole bool) []byte {
	var out []byte
	for _, v := range p.batches[p.from(offset):] {
		if v.LastOffset() >= p.high {
			break
		}
		if room := limit - len(out); len(v) > room && (len(out) > 0 || !whole) {
			if len(out) > 0 && room > 0 {
				out = append(out, v[:room]...)
			}
			break
		}
		out = append(out, v...)
	}
	return out
}

// at is the first offset whose record is at or after the time; -1 if none.
func (p *partition) at(ms int64) (offset, stamp int64) {
	var s batch.Scratch
	for _, v := range p.batches {
		if v.MaxTimestamp() < ms || v.LastOffset() < p.start {
			continue
		}
		offset, stamp = -1, -1
		if err := batch.Each(v, &s, func(r batch.Record) error {
			if offset < 0 && r.Timestamp >= ms && r.Offset >= p.start {
				offset, stamp = r.Offset, r.Timestamp
			}
			return nil
		}); err == nil && offset >= 0 {
			return offset, stamp
		}
	}
	return -1, -1
}
