package rpo

import (
	"context"
	"errors"
	"fmt"

	"umbra/kafkaproto/batch"
	"umbra/loadtest/rawfetch"
)

// held is what a partition of the shadow holds of what was sent.
type held struct {
	numbers []int64 // of the record at each offset, from 0
	bytes   int64   // of their batches
	local   int64   // offset of the first record that was written to the shadow itself; -1: none
	wrong   []string
}

// readAll reads every partition of a topic to its end and checks each byte.
func readAll(ctx context.Context, addr, topic string, partitions int, made payload) (map[int32]held, error) {
	reader, err := rawfetch.Open("shadow", addr)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	out := map[int32]held{}
	for p := range int32(partitions) {
		h, err := readPartition(ctx, reader, topic, p, made)
		if err != nil {
			return nil, err
		}
		out[p] = h
	}
	return out, nil
}

func readPartition(ctx context.Context, reader *rawfetch.Reader, topic string, partition int32, made payload) (held, error) {
	h := held{local: -1}
	bounds, err := reader.Bounds(ctx, topic, partition)
	if err != nil {
		return h, err
	}
	if bounds.Start != 0 {
		return h, fmt.Errorf("topic %q partition %d begins at %d: nothing was deleted", topic, partition, bounds.Start)
	}
	for b, err := range reader.Batches(ctx, topic, partition, 0, bounds.HighWatermark) {
		if err == nil {
			err = h.take(batch.View(b.Raw), made)
		}
		if errors.Is(err, errLocal) {
			return h, nil
		}
		if err != nil {
			return h, fmt.Errorf("topic %q partition %d: %w", topic, partition, err)
		}
	}
	return h, nil
}

// errLocal ends the reading: from here on it is the shadow's own.
var errLocal = errors.New("a record of the shadow's own")

// wrongMax is how many faults are told one by one.
const wrongMax = 10

// take checks a batch, whose checksum has been checked.
func (h *held) take(v batch.View, made payload) error {
	if err := v.Validate(); err != nil {
		return err
	}
	err := batch.Each(v, nil, func(r batch.Record) error {
		if string(r.Value) == probeValue {
			h.local = r.Offset
			return errLocal
		}
		if want := int64(len(h.numbers)); r.Offset != want {
			return fmt.Errorf("offset %d follows where %d is due", r.Offset, want)
		}
		number, err := made.check(r.Value)
		if err != nil {
			h.fault("offset %d: %v", r.Offset, err)
			number = -1
		}
		h.numbers = append(h.numbers, number)
		return nil
	})
	if err == nil {
		h.bytes += int64(len(v))
	}
	return err
}

func (h *held) fault(format string, args ...any) {
	if len(h.wrong) < wrongMax {
		h.wrong = append(h.wrong, fmt.Sprintf(format, args...))
	}
}
