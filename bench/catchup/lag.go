package catchup

import (
	"context"
	"fmt"
	"slices"
	"time"

	"umbra/bench/measure"
	"umbra/bench/plain"
)

const (
	lookEach   = 50 * time.Millisecond
	stallLimit = 60 * time.Second // without progress: the link is broken
)

// Point is how far the shadow was behind at one moment.
type Point struct {
	At     int64 `json:"at"`     // measure.Now
	Behind int64 `json:"behind"` // bytes of record batches
	Held   int64 `json:"held"`   // bytes the shadow has
}

// A gauge reads how far a shadow is behind. One goroutine may use it at a time.
type gauge struct {
	topic        string
	partitions   []int32
	source, here *plain.Conn
	bytes        float64 // of a batch for each of its records
	points       []Point
}

func openGauge(ctx context.Context, topic string, partitions int, source, shadow string, bytes float64) (*gauge, error) {
	g := &gauge{topic: topic, bytes: bytes}
	for p := range partitions {
		g.partitions = append(g.partitions, int32(p))
	}
	var err error
	if g.source, err = plain.Dial(ctx, source); err != nil {
		return nil, err
	}
	if g.here, err = plain.Dial(ctx, shadow); err != nil {
		g.source.Close()
		return nil, err
	}
	return g, nil
}

func (g *gauge) close() {
	g.source.Close()
	g.here.Close()
}

// look reads the shadow first: the lag is never too small.
func (g *gauge) look() (Point, error) {
	at := measure.Now()
	held, err := g.here.Ends(g.topic, g.partitions)
	if err != nil {
		return Point{}, fmt.Errorf("the shadow: %w", err)
	}
	all, err := g.source.Ends(g.topic, g.partitions)
	if err != nil {
		return Point{}, fmt.Errorf("the source: %w", err)
	}
	p := Point{At: at, Behind: max(0, g.sized(all)-g.sized(held)), Held: g.sized(held)}
	g.points = append(g.points, p)
	return p, nil
}

func (g *gauge) sized(ends map[int32]int64) int64 {
	var records int64
	for _, end := range ends {
		records += end
	}
	return int64(float64(records) * g.bytes)
}

// until looks again and again until enough says so, and returns what it saw last.
// The shadow standing still is an error where it must move.
func (g *gauge) until(ctx context.Context, mustMove bool, enough func(Point) bool) (Point, error) {
	tick := time.NewTicker(lookEach)
	defer tick.Stop()
	var held, moved int64
	for {
		p, err := g.look()
		if err != nil || enough(p) {
			return p, err
		}
		if p.Held > held || moved == 0 {
			held, moved = p.Held, p.At
		}
		if mustMove && time.Duration(p.At-moved) > stallLimit {
			return p, fmt.Errorf("the shadow stands still with %d bytes to go", p.Behind)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
}

// between is the points in a stretch of time.
func between(points []Point, from, to int64) []Point {
	lo, _ := slices.BinarySearchFunc(points, from, func(p Point, at int64) int { return int(min(1, max(-1, p.At-at))) })
	hi, _ := slices.BinarySearchFunc(points, to, func(p Point, at int64) int { return int(min(1, max(-1, p.At-at))) })
	return points[lo:hi]
}
