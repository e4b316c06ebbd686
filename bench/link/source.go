package link

import (
	"context"
	"path/filepath"
	"time"

	"umbra/bench/delay"
)

// topicPrefix begins the names of all topics that are made in a cluster.
const topicPrefix = "umbra-bench-"

// An origin is a cluster that has the topics of cells.
type origin interface {
	// Open makes a cell's topic, with its data.
	Open(ctx context.Context, c Cell) (source, error)
	// Load makes an empty topic of the base's shape that grows on demand.
	Load(ctx context.Context, base Cell, rate float64) (load, error)
	// Together says whether all cells may be open at once. Their rounds are then
	// taken in turns, and cells compare as well as the two sides of a pair do.
	Together() bool
	Close() error
}

// A source is a topic to copy.
type source interface {
	Bootstrap() string
	Topic() string
	Bytes() int64   // of record batches in the topic
	Plain() float64 // bytes before compression for each byte of Bytes
	// Watch is the processes that serve it, none where they run elsewhere.
	Watch() map[string]int
	Close(ctx context.Context) error
}

// A load is an empty topic that grows at a given rate.
type load interface {
	Bootstrap() string
	Topic() string
	Watch() map[string]int
	Step() time.Duration // of the timetable
	Burst() int          // bytes sent at a step
	Send(ctx context.Context, d time.Duration) ([]delay.Ack, error)
	Close(ctx context.Context) error
}

func (r *run) origin(ctx context.Context, name string) (origin, error) {
	switch name {
	case SourceSynthetic:
		return synthetics{}, nil
	case SourceKafka:
		return startKafka(ctx, filepath.Join(r.dir, "kafka"), r.Line)
	}
	return attachKafka(name, r.Line)
}
