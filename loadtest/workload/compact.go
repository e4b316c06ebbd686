package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/loadtest/rawfetch"
)

// writeCompacted writes few keys over and over until the cleaner has cut holes
// inside batches and between them, then turns the cleaner off for this topic and
// waits until the log stands still, so that it can be compared byte for byte.
func (m *Mix) writeCompacted(ctx context.Context) error {
	topic, err := m.topic(ctx, "compacted", 1, compacting("0.01", "500"))
	if err != nil {
		return err
	}
	m.Compacted = topic
	cl, err := m.producer(kgo.ProducerBatchCompression(kgo.SnappyCompression()))
	if err != nil {
		return err
	}
	defer cl.Close()
	reader, err := rawfetch.Open("source", m.cfg.Seeds...)
	if err != nil {
		return err
	}
	defer reader.Close()
	maker := NewMaker(m.cfg.Seed, 50)
	for {
		if err := m.send(ctx, cl, 100, func(int) *kgo.Record { return maker.Keyed(topic, 0, 60) }); err != nil {
			return err
		}
		inside, between, err := holes(ctx, reader, topic)
		if err != nil {
			return err
		}
		if inside > 0 && between > 0 {
			break
		}
		if err := pause(ctx, 600*time.Millisecond); err != nil {
			return fmt.Errorf("wait for the cleaner: %d holes in batches, %d between: %w", inside, between, err)
		}
	}
	if err := SetConfigs(ctx, m.cfg.Seeds, topic, compacting("1.0", "604800000")); err != nil {
		return err
	}
	return standsStill(ctx, reader, topic)
}

func compacting(dirtyRatio, segmentMs string) map[string]string {
	return map[string]string{
		"cleanup.policy":            "compact",
		"min.cleanable.dirty.ratio": dirtyRatio,
		"segment.ms":                segmentMs,
		"segment.bytes":             "1048576",
		"min.compaction.lag.ms":     "0",
		"delete.retention.ms":       "86400000",
		"retention.ms":              "-1",
	}
}

// holes counts batches that lack records and offsets that no batch covers.
func holes(ctx context.Context, r *rawfetch.Reader, topic string) (inside, between int, err error) {
	bounds, err := r.Bounds(ctx, topic, 0)
	if err != nil {
		return 0, 0, err
	}
	at := bounds.Start
	for b, err := range r.Batches(ctx, topic, 0, bounds.Start, bounds.HighWatermark) {
		if err != nil {
			return 0, 0, err
		}
		if b.Holes() {
			inside++
		}
		if b.Base > at {
			between++
		}
		at = b.Last + 1
	}
	return inside, between, nil
}

// standsStill waits until two readings a second apart are the same.
func standsStill(ctx context.Context, r *rawfetch.Reader, topic string) error {
	for {
		before, err := rawfetch.Record(ctx, r, topic, 0)
		if err != nil {
			return err
		}
		if err := pause(ctx, time.Second); err != nil {
			return fmt.Errorf("wait until %s stands still: %w", topic, err)
		}
		err = before.HeldBy(ctx, r, before.Bounds.Start, before.Bounds.HighWatermark)
		var differs *rawfetch.Difference
		if !errors.As(err, &differs) {
			return err
		}
	}
}

// pause waits, but not beyond ctx.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
