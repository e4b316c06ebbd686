package peers

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/bench/plain"
	"umbra/bench/process"
)

// CopyCommand is the hidden command ServeCopy stands behind.
const CopyCommand = "copy"

// copying is a program of its own that consumes and produces.
type copying struct{ *stage }

func (c *copying) transfer(ctx context.Context, t topic) (out Sample, err error) {
	if _, err := c.target.create(ctx, t.name, len(t.ends)); err != nil {
		return out, err
	}
	p, err := process.StartPart("copying client", CopyCommand, "--source", c.source.addr, "--target", c.target.addr, "--topic", t.name)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	var word struct{}
	if err := p.Ask(ctx, &word); err != nil { // it is connected
		return out, err
	}
	w, err := c.begin(map[string]int{Go: p.PID()})
	if err != nil {
		return out, err
	}
	if err := p.Tell(word); err != nil {
		return out, err
	}
	if err := p.Ask(ctx, &word); err != nil { // every record is acknowledged
		return out, err
	}
	if out, err = c.end(w, t.bytes, Go, procTarget); err != nil {
		return out, err
	}
	far, err := c.target.tally(ctx, t)
	if err != nil {
		return out, err
	}
	defer far.Close()
	return out, errors.Join(far.reach(ctx, t.records), c.target.drop(ctx, t.name))
}

// ServeCopy is the child's side: it connects, says so, waits for a word, copies the
// topic once, says so, and waits for the end of in, so that it can be measured.
func ServeCopy(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	f := flag.NewFlagSet(CopyCommand, flag.ContinueOnError)
	source, target, topic := f.String("source", "", ""), f.String("target", "", ""), f.String("topic", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	ends, err := endsOf(ctx, *source, *topic)
	if err != nil {
		return err
	}
	p, err := newPump(*source, *target, *topic, ends)
	if err != nil {
		return err
	}
	defer p.close()
	if err := errors.Join(p.from.Ping(ctx), p.to.Ping(ctx)); err != nil {
		return err
	}
	say, hear := json.NewEncoder(out), json.NewDecoder(in)
	var word struct{}
	if err := say.Encode(word); err != nil {
		return err
	}
	if err := hear.Decode(&word); err != nil {
		return fmt.Errorf("the measuring process is gone: %w", err)
	}
	if err := p.run(ctx); err != nil {
		return err
	}
	if err := say.Encode(word); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

func endsOf(ctx context.Context, addr, topic string) (map[int32]int64, error) {
	leaders, err := plain.FindLeaders(ctx, addr, topic)
	if err != nil {
		return nil, err
	}
	return plain.Ends(ctx, leaders, topic)
}

// A pump consumes from one cluster and produces to another, keeping partition, key,
// value, headers and timestamp of each record.
type pump struct {
	from, to *kgo.Client
	topic    string
	left     int64 // records to read

	mu  sync.Mutex
	err error // the first that a record met
}

// bufferedMost bounds the records on their way; a poll and a batch are as large as
// the tuned MirrorMaker's.
const (
	polledMost   = 20_000
	bufferedMost = 100_000
)

func newPump(source, target, topic string, ends map[int32]int64) (*pump, error) {
	p := &pump{topic: topic}
	starts := map[int32]kgo.Offset{}
	for n, end := range ends {
		starts[n] = kgo.NewOffset().At(0)
		p.left += end
	}
	var err error
	p.from, err = kgo.NewClient(kgo.SeedBrokers(source), kgo.ClientID("umbra-bench-copy"),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}), kgo.FetchMaxPartitionBytes(8<<20))
	if err != nil {
		return nil, fmt.Errorf("consume from %s: %w", source, err)
	}
	p.to, err = kgo.NewClient(kgo.SeedBrokers(target), kgo.ClientID("umbra-bench-copy"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(1<<20), kgo.MaxBufferedRecords(bufferedMost))
	if err != nil {
		p.from.Close()
		return nil, fmt.Errorf("produce to %s: %w", target, err)
	}
	return p, nil
}

func (p *pump) close() {
	p.from.Close()
	p.to.Close()
}

// run copies until everything is acknowledged.
func (p *pump) run(ctx context.Context) error {
	for p.left > 0 {
		got := p.from.PollRecords(ctx, polledMost)
		if err := errors.Join(ctx.Err(), got.Err(), p.failed()); err != nil {
			return fmt.Errorf("copy topic %q: %w", p.topic, err)
		}
		got.EachRecord(func(r *kgo.Record) {
			p.left--
			p.to.Produce(ctx, &kgo.Record{Topic: p.topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}, p.acknowledged)
		})
	}
	if err := errors.Join(p.to.Flush(ctx), p.failed()); err != nil {
		return fmt.Errorf("copy topic %q: %w", p.topic, err)
	}
	return nil
}

func (p *pump) acknowledged(_ *kgo.Record, err error) {
	if err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

func (p *pump) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
