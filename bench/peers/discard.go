package peers

import (
	"context"
	"errors"
	"fmt"

	"umbra/bench/process"
)

const (
	chunkBytes  = 1 << 20  // of one partition in an answer, as a link asks
	answerBytes = 16 << 20 // of an answer
)

// discarding fetches and throws away: the floor.
type discarding struct{ *stage }

func (d *discarding) transfer(ctx context.Context, t topic) (out Sample, err error) {
	p, err := process.StartDiscard(process.DiscardConfig{Bootstrap: d.source.addr, Topic: t.name, Chunk: chunkBytes, Answer: answerBytes})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	w, err := d.begin(map[string]int{Discard: p.PID()})
	if err != nil {
		return out, err
	}
	total, err := p.Run(ctx)
	if err != nil {
		return out, err
	}
	if out, err = d.end(w, t.bytes, Discard, ""); err == nil && total.Bytes != t.bytes {
		err = fmt.Errorf("read topic %q: got %d bytes of %d", t.name, total.Bytes, t.bytes)
	}
	return out, err
}
