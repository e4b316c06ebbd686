package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/synthetic"
	"umbra/kafkaproto/compress"
)

// SourceCommand is the hidden command ServeSource stands behind.
const SourceCommand = "source"

// SourceConfig is a synthetic source's data.
type SourceConfig struct {
	Topic      string
	Topics     int   // how many of them, see Names; 0 is 1
	Partitions int   // of each topic
	Record     int   // bytes of a value
	Batch      int   // most bytes of a batch before compression
	Chunk      int   // most bytes of one partition in an answer
	Bytes      int64 // that all topics hold at the start, about
	Codec      compress.Codec
	Advertise  string // address that clients are told; empty: its own
}

// Names are the topics, in order.
func (c SourceConfig) Names() []string {
	return synthetic.Config{Topic: c.Topic, Topics: c.Topics}.Names()
}

// Args is the configuration as arguments of SourceCommand.
func (c SourceConfig) Args() []string {
	return []string{SourceCommand, "--topic", c.Topic, "--topics", strconv.Itoa(c.Topics), "--partitions", strconv.Itoa(c.Partitions),
		"--record", strconv.Itoa(c.Record), "--batch", strconv.Itoa(c.Batch), "--chunk", strconv.Itoa(c.Chunk), "--bytes", strconv.FormatInt(c.Bytes, 10),
		"--codec", c.Codec.String(), "--advertise", c.Advertise}
}

// Source is a synthetic source in a process of its own.
type Source struct {
	*child
	About About
}

// About is what a source says of itself when it serves.
type About struct {
	Addr       string `json:"addr"`
	BatchBytes int    `json:"batch_bytes"`
	PlainBytes int    `json:"plain_bytes"` // of a batch before compression
	Records    int64  `json:"records"`     // in a batch
	Bytes      int64  `json:"bytes"`       // record data it holds
}

// growth is a request to grow, the answer is the acks.
type growth struct {
	Rate float64       `json:"rate"` // bytes per second
	For  time.Duration `json:"for"`
}

// StartSource runs a source.
func StartSource(cfg SourceConfig) (*Source, error) {
	c, err := spawn("synthetic source", cfg.Args()...)
	if err != nil {
		return nil, err
	}
	s := &Source{child: c}
	if err := c.ask(&s.About); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return s, nil
}

// Step is the time between two batches at a rate in bytes per second.
func (a About) Step(rate float64) time.Duration {
	return time.Duration(float64(a.BatchBytes) / rate * float64(time.Second))
}

// Batches is how many batches a Grow adds to a partition: they take turns, the first
// one first. The partitions of several topics are counted through.
func (a About) Batches(rate float64, d time.Duration, partition, partitions int) int64 {
	step := a.Step(rate)
	steps := int64((d + step - 1) / step)
	return (steps + int64(partitions-1-partition)) / int64(partitions)
}

// Grow makes the source grow by whole batches, partition after partition, and
// returns when each was there; the partitions of several topics are counted through.
// It ends early, with an error, when ctx does.
func (s *Source) Grow(ctx context.Context, rate float64, d time.Duration) ([]delay.Ack, error) {
	stop := context.AfterFunc(ctx, s.kill)
	defer stop()
	if err := s.tell(growth{rate, d}); err != nil {
		return nil, err
	}
	var acks []delay.Ack
	return acks, s.ask(&acks)
}

// Kill ends the source with SIGKILL, as a disaster does, and waits until it is gone.
// It takes the place of Close.
func (s *Source) Kill() {
	s.kill()
	<-s.ended
	s.in.Close()
	s.out.Close()
}

// ServeSource is the child's side: it serves until in ends.
func ServeSource(ctx context.Context, cfg SourceConfig, in io.Reader, out io.Writer) error {
	partitions := max(1, cfg.Topics) * cfg.Partitions
	s, err := synthetic.Start(synthetic.Config{Topic: cfg.Topic, Topics: cfg.Topics, Partitions: cfg.Partitions, RecordSize: cfg.Record, BatchSize: cfg.Batch,
		ChunkBytes: cfg.Chunk, Bytes: cfg.Bytes / int64(partitions), Codec: cfg.Codec, Advertise: cfg.Advertise})
	if err != nil {
		return fmt.Errorf("start the synthetic source: %w", err)
	}
	defer s.Close()
	about := About{Addr: s.Addr(), BatchBytes: s.BatchBytes(), PlainBytes: s.PlainBytes(), Records: s.BatchRecords(), Bytes: s.TotalBytes()}
	say, hear := json.NewEncoder(out), json.NewDecoder(in)
	if err := say.Encode(about); err != nil {
		return err
	}
	for {
		var g growth
		if err := hear.Decode(&g); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if g.Rate <= 0 {
			return fmt.Errorf("grow by %v bytes per second: want more than 0", g.Rate)
		}
		var acks []delay.Ack
		delay.Pace(ctx, about.Step(g.Rate), g.For, func(i int, late time.Duration) {
			p := i % partitions
			end := s.Grow(p)
			acks = append(acks, delay.Ack{Partition: int32(p), End: end, At: measure.Now(), Late: int64(late)})
		})
		if err := say.Encode(acks); err != nil {
			return err
		}
	}
}
