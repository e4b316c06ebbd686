package verify

import (
	"context"
	"errors"

	"umbra/shard/segment"
)

var errNotOpen = errors.New("the partition is not open on its shard")

// localRange reads the local log's ends.
func localRange(ctx context.Context, t Target) (start, end int64, err error) {
	open := false
	err = t.Shard.Call(ctx, func() {
		if p := t.Shard.Partition(t.Local); p != nil {
			open, start, end = true, p.Log.StartOffset(), p.HighWatermark()
		}
	})
	if err == nil && !open {
		err = errNotOpen
	}
	return start, end, err
}

// readLocal copies whole batches out of the local log.
func readLocal(ctx context.Context, t Target, offset, upTo int64) ([]byte, error) {
	type answer struct {
		b   []byte
		err error
	}
	done := make(chan answer, 1)
	err := t.Shard.Call(ctx, func() {
		p := t.Shard.Partition(t.Local)
		if p == nil {
			done <- answer{err: errNotOpen}
			return
		}
		p.Log.Read(segment.ReadRequest{Offset: offset, UpTo: upTo, MaxBytes: chunkBytes, MinOneBatch: true}, func(res segment.ReadResult) {
			a := answer{err: res.Err}
			for _, s := range res.Spans {
				a.b = append(a.b, s.Bytes...)
				s.Release()
			}
			done <- a
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
