package link

import (
	"fmt"
	"slices"
	"time"

	"umbra/kafkaproto/compress"
)

// A Cell is one shape of the data and of the way to it. A grid is the base cell and
// others that differ from it along one axis.
type Cell struct {
	Name string  `json:"name"`           // as in names of figures
	Axis string  `json:"axis,omitempty"` // along which it differs from the base; empty: the base
	At   float64 `json:"at,omitempty"`   // where on the axis, in its unit

	Partitions int            `json:"partitions"`
	Record     int            `json:"record_bytes"` // of a value
	Batch      int            `json:"batch_bytes"`  // at most, before compression
	Codec      compress.Codec `json:"-"`
	Packing    string         `json:"codec"`           // its name
	Chunk      int            `json:"chunk_bytes"`     // most of one partition in an answer
	Bytes      int64          `json:"bytes,omitempty"` // of record batches in the topic, about; 0 where it grows

	RTT  time.Duration `json:"rtt_ns,omitempty"`
	Line float64       `json:"bits_per_second,omitempty"` // of the way; 0: there is none

	Live    float64       `json:"live_bytes_per_second,omitempty"` // the topic grows while it is copied; 0: it is all there before
	LiveFor time.Duration `json:"live_ns,omitempty"`

	Journal bool `json:"journal,omitempty"` // umbra's data lies on an ext4 with a journal, wherever --dir is
}

// The axes.
const (
	AxisRecord     = "record"
	AxisCodec      = "codec"
	AxisBatch      = "batch"
	AxisPartitions = "partitions"
	AxisRTT        = "rtt"
	AxisLive       = "live"
	AxisJournal    = "live-journal" // the same on an ext4 with a journal
)

// The cells that figures compare.
const (
	cellBase       = "base"
	cellHot        = "hot" // one partition
	cellSmallBatch = "batch-5KiB"
	cellLargeBatch = "batch-1MiB"
	cellMany       = "partitions-5000"
	cellFar        = "rtt-85ms"
	cellLiveFew    = "live-10"
	cellLiveMany   = "live-5000"
	cellLogFew     = "live-journal-10"
	cellLogMany    = "live-journal-5000"
)

// lineRate is the way of the cells with a round trip: 1 Gbit/s.
const lineRate = 1e9

// wholeAnswer is the chunk of cells with one partition: what the source sends of it
// is then bounded by what was asked for.
const wholeAnswer = answerBytes

// farAnswer is the same where a round trip calls for larger answers: a real source
// has no bound of its own below it either.
const farAnswer = 64 << 20

// base is the cell that the options describe.
func (o Options) base(bytes int64) Cell {
	return Cell{Name: cellBase, Partitions: o.Partitions, Record: o.Record, Batch: o.Batch, Codec: o.Codec, Packing: o.Codec.String(), Chunk: o.Chunk, Bytes: bytes}
}

// Cells are those to be measured at a source, the base first unless it was left out.
func (o Options) Cells(source string) []Cell {
	bytes := o.KafkaBytes
	if source == SourceSynthetic {
		bytes = o.Bytes
	}
	base := o.base(bytes)
	cells := []Cell{base}
	if o.Grid == GridNone {
		return cells
	}
	cells = append(cells, o.grid(base, source)...)
	return slices.DeleteFunc(cells, func(c Cell) bool { return len(o.Only) > 0 && !slices.Contains(o.Only, c.Name) })
}

// grid lists the cells beside the base. Each is reached from the base by one change. A real
// source's are measured in this order for as long as time allows, so those with targets
// come first; a synthetic one's are measured together.
func (o Options) grid(base Cell, source string) (cells []Cell) {
	full := o.Grid == GridFull
	add := func(axis string, at float64, name string, change func(*Cell)) {
		c := base
		c.Axis, c.At, c.Name = axis, at, axis+"-"+name
		change(&c)
		cells = append(cells, c)
	}
	size := func(axis string, n int, change func(*Cell, int)) {
		add(axis, float64(n), short(n), func(c *Cell) { change(c, n) })
	}
	for _, n := range pick(full, []int{5 << 10, 1 << 20}, 2) {
		size(AxisBatch, n, func(c *Cell, n int) { c.Batch = n })
	}
	for _, rtt := range o.roundTrips(source) {
		add(AxisRTT, float64(rtt.Milliseconds()), rtt.String(), func(c *Cell) {
			c.Partitions, c.Chunk, c.RTT, c.Line, c.Bytes = 1, farAnswer, rtt, lineRate, min(c.Bytes, o.FarBytes)
			if rtt == 0 {
				c.Name = "rtt-0ms"
			}
		})
	}
	add(AxisPartitions, 1, "1", func(c *Cell) { c.Name, c.Partitions, c.Chunk = cellHot, 1, wholeAnswer })
	for _, n := range pick(full, []int{100, 10 << 10}, 1) {
		size(AxisRecord, n, func(c *Cell, n int) { c.Record = n })
	}
	for _, codec := range pick(full, []compress.Codec{compress.LZ4, compress.Zstd}, 1) {
		add(AxisCodec, float64(codec), codec.String(), func(c *Cell) { c.Codec, c.Packing = codec, codec.String() })
	}
	for _, n := range pick(full, []int{1000, 100, 5000}, 1) {
		if n > partitionsAt(source) {
			continue
		}
		add(AxisPartitions, float64(n), fmt.Sprint(n), func(c *Cell) { c.Partitions = n })
	}
	if source != SourceSynthetic || o.LiveFor == 0 {
		return cells
	}
	for _, n := range pick(full, []int{10, 5000}, 1) {
		add(AxisLive, float64(n), fmt.Sprint(n), func(c *Cell) { c.grow(n, o.LiveFor) })
	}
	for _, n := range pick(full, []int{10, 5000}, 1) {
		add(AxisJournal, float64(n), fmt.Sprint(n), func(c *Cell) { c.grow(n, o.LiveFor); c.Journal = true })
	}
	return cells
}

// grow makes it a cell whose topic of n partitions grows for d while it is copied.
func (c *Cell) grow(n int, d time.Duration) {
	c.Partitions, c.Bytes, c.Live, c.LiveFor = n, 0, liveRate, d
}

// liveRate is what the topics of live cells grow by: 50 MB/s, in all partitions together.
const liveRate = 50e6

// What a cell of many partitions costs beside the base is for the greater part what it
// costs to make their logs, which are made while it is measured. At a rate, after
// that, is what live cells are for.

// partitionsAt is the most partitions that are tried: a Kafka of one small node
// takes minutes to make and unmake more.
func partitionsAt(source string) int {
	if source == SourceSynthetic {
		return 5000
	}
	return 1000
}

// roundTrips are those of a source; none at a cluster that was there before, which
// knows nothing of a proxy.
func (o Options) roundTrips(source string) []time.Duration {
	far := 85 * time.Millisecond
	switch {
	case source == SourceSynthetic && o.Grid == GridFull:
		return []time.Duration{0, 20 * time.Millisecond, far}
	case source == SourceSynthetic || source == SourceKafka && o.Grid == GridFull:
		return []time.Duration{far}
	}
	return nil
}

// pick is all of list in a full grid, and the first few of it in a short one.
func pick[T any](full bool, list []T, few int) []T {
	if full {
		return list
	}
	return list[:few]
}

// short is a size without a blank: 100B, 5KiB.
func short(n int) string {
	switch {
	case n%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%dKiB", n>>10)
	}
	return fmt.Sprintf("%dB", n)
}
