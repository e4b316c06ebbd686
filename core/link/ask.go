package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"umbra/core/link/replicate"
	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard/segment"
)

// ask asks the leader where the candidates' logs begin and end, and where the
// last epoch that the shadow holds ended there.
func (f *flight) ask(ctx context.Context, list []*candidate) {
	var all, held []source.Place
	epochs := map[source.PartitionKey]int32{}
	for _, c := range list {
		if c.err != nil {
			continue
		}
		all = append(all, c.place())
		if c.local.Epoch >= 0 {
			held = append(held, c.place())
			epochs[c.key()] = c.local.Epoch
		}
	}
	starts := f.client.Offsets(ctx, kafkaproto.TimestampEarliest, all)
	if err := allFailed(starts); err != nil { // the broker does not answer: no need to wait for it three times
		for _, c := range list {
			c.err = errors.Join(c.err, err)
		}
		return
	}
	ends := f.client.Offsets(ctx, kafkaproto.TimestampLatest, all)
	history := f.client.EpochEnds(ctx, epochs, held)
	for _, c := range list {
		if c.err != nil {
			continue
		}
		from, to := starts[c.key()], ends[c.key()]
		c.source = replicate.SourceEnd{Start: from.Offset, HighWatermark: to.Offset, LeaderEpoch: c.want.LeaderEpoch, HistoryEpoch: -1}
		c.err = errors.Join(from.Err, to.Err)
		if h, ok := history[c.key()]; ok {
			c.source.HistoryEpoch, c.source.HistoryEnd = h.Epoch, h.End
			c.err = errors.Join(c.err, h.Err)
		}
	}
	f.askStart(ctx, list)
	f.askLast(ctx, list)
}

// allFailed is one of the errors if there is nothing else.
func allFailed(m map[source.PartitionKey]source.Offset) (err error) {
	for _, o := range m {
		if o.Err == nil {
			return nil
		}
		err = o.Err
	}
	return err
}

// askStart moves the start of partitions that begin now to where the topic's
// start option says.
func (f *flight) askStart(ctx context.Context, list []*candidate) {
	fresh := map[int64][]source.Place{} // by the time that is asked for
	for _, c := range list {
		if at, ok := startTime(c.topic.Shadow.Start); ok && c.err == nil && c.beginsNow() {
			fresh[at] = append(fresh[at], c.place())
		}
	}
	for at, places := range fresh {
		offsets := f.client.Offsets(ctx, at, places)
		for _, c := range list {
			if when, ok := startTime(c.topic.Shadow.Start); !ok || when != at {
				continue
			}
			o, ok := offsets[c.key()]
			switch {
			case !ok:
			case o.Err != nil:
				c.err = o.Err
			case o.Offset < 0: // no record is that late: begin at the end
				c.source.Start = max(c.source.Start, c.source.HighWatermark)
			default:
				c.source.Start = max(c.source.Start, o.Offset)
			}
		}
	}
}

// startTime is the time to look up; false where a log begins at its start.
func startTime(s spec.Start) (ms int64, ok bool) {
	switch s.Kind {
	case spec.StartLatest:
		return kafkaproto.TimestampLatest, true
	case spec.StartTimestamp:
		return s.At.UnixMilli(), true
	}
	return 0, false
}

// askLast compares the last batch of partitions that are fetched by name with
// what the source has in its place: a topic that was deleted and made again is
// else told apart only while it is shorter, or has other epochs (S6). Topics
// have no id before Kafka 2.8, and are fetched by it from Kafka 3.1 on. A
// compacted topic may have lost the batch meanwhile and is not compared.
func (f *flight) askLast(ctx context.Context, list []*candidate) {
	byID, err := f.client.FetchesByID(ctx, f.addr)
	for _, c := range list {
		if c.err == nil {
			c.err = err
		}
		if c.err != nil || byID && !c.want.SourceID.IsZero() || c.local.End <= max(c.local.Start, c.source.Start) || c.source.HighWatermark < c.local.End ||
			f.l.cfg.Store.Configs().Settings(c.topic.Configs).Compact {
			continue
		}
		c.source.LastDiffers, c.err = f.lastDiffers(ctx, c)
		if ctx.Err() != nil {
			return
		}
	}
}

// lastDiffers says how the source's batch at our last offset differs from ours,
// "" when it does not.
func (f *flight) lastDiffers(ctx context.Context, c *candidate) (string, error) {
	at := c.local.End - 1
	ours, err := f.readLocal(ctx, c, at)
	if err != nil {
		return "", err
	}
	got, err := f.client.Fetch(ctx, c.place(), kafkaproto.TopicID{}, at, 1)
	if err != nil {
		return "", err
	}
	a, _, errA := batch.Next(got.Records)
	b, _, errB := batch.Next(ours)
	switch {
	case errA != nil || errB != nil:
		return "", fmt.Errorf("compare topic %q partition %d at offset %d with its source: %w", c.topic.Name, c.index, at, errors.Join(errA, errB))
	case !a.CheckCRC(): // a bad wire or disk is no other topic
		return "", fmt.Errorf("compare topic %q partition %d at offset %d with its source: the source's batch fails its checksum", c.topic.Name, c.index, at)
	}
	if bytes.Equal(a, b) || a.BaseOffset() == b.BaseOffset() && a.LastOffset() == b.LastOffset() && a.Count() < b.Count() { // the log cleaner was at it
		return "", nil
	}
	return fmt.Sprintf("the batch at offset %d is another one at the source (offsets %d to %d, CRC %08x; here %d to %d, CRC %08x): it was probably deleted and created again",
		at, a.BaseOffset(), a.LastOffset(), a.CRC(), b.BaseOffset(), b.LastOffset(), b.CRC()), nil
}

// readLocal copies the batch that holds an offset out of a stopped log.
func (f *flight) readLocal(ctx context.Context, c *candidate, at int64) ([]byte, error) {
	type answer struct {
		b   []byte
		err error
	}
	done := make(chan answer, 1)
	s := f.l.cfg.Group.Shard(c.shard())
	err := s.Call(ctx, func() {
		p := s.Partition(c.id())
		if p == nil {
			done <- answer{err: replicate.ErrNotOpen}
			return
		}
		// Also what is not written yet: wait for it.
		p.Log.Flush(func(err error) {
			if err != nil {
				done <- answer{err: err}
				return
			}
			p.Log.Read(segment.ReadRequest{Offset: at, UpTo: at + 1, MaxBytes: 1, MinOneBatch: true}, func(res segment.ReadResult) {
				a := answer{err: res.Err}
				for _, s := range res.Spans {
					a.b = append(a.b, s.Bytes...)
					s.Release()
				}
				done <- a
			})
		})
	})
	if err != nil {
		return nil, err
	}
	select {
	case a := <-done:
		return a.b, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
