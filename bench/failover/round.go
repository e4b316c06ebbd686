package failover

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"umbra/admin/api"
	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/plain"
	"umbra/bench/process"
	"umbra/bench/shadow"
	"umbra/kafkaproto/batch"
)

const (
	topicPrefix = "umbra-bench-failover"
	recordSize  = 100     // bytes of a value
	batchSize   = 1 << 10 // most bytes of a batch: a few records
	batchesEach = 2       // in a partition before the last one comes
	growFor     = 200 * time.Millisecond
	// windowLeast is what others are judged over: the kernel counts their time in
	// hundredths of a second, and a failover may take no more than some of them.
	windowLeast = time.Second
)

// bout is a round under way.
type bout struct {
	*run
	*Round
	Shape
	names  []string // of the topics
	source *process.Source
	link   *shadow.Copy // of all topics
	here   *plain.Conn  // to the shadow
	forget func() bool  // has here outlive the context
	watch  *measure.Watch
	began  int64             // measure.Now of the request
	ends   []map[int32]int64 // where the partitions of each topic are to end
}

// round is one failover, from nothing to the verdict.
func (r *run) round(ctx context.Context, s Shape) (out *Round, err error) {
	b := &bout{run: r, Round: &Round{}, Shape: s}
	defer func() { err = errors.Join(err, b.close()) }()
	for _, step := range []func(context.Context) error{b.start, b.copy, b.strike, b.check, b.judge} {
		if err := step(ctx); err != nil {
			return nil, b.broken(ctx, err)
		}
	}
	return b.Round, nil
}

// broken adds to an error what umbra says, where it can.
func (b *bout) broken(ctx context.Context, err error) error {
	if b.link == nil {
		return err
	}
	return b.link.Broken(ctx, err)
}

// close ends what is there. Umbra is killed: a clean stop closes log after log, which
// takes its time where there are thousands and is not what is measured.
func (b *bout) close() error {
	var errs []error
	if b.here != nil && b.forget() {
		errs = append(errs, b.here.Close())
	}
	if b.source != nil {
		errs = append(errs, b.source.Close())
	}
	if b.link != nil {
		errs = append(errs, b.link.Daemon.Kill(), b.link.Shadow.Close())
	}
	return errors.Join(errs...)
}

// start runs the source and umbra, and makes the link.
func (b *bout) start(ctx context.Context) (err error) {
	cfg := process.SourceConfig{Topic: topicPrefix, Topics: b.Topics, Partitions: b.Shape.Partitions, Record: recordSize, Batch: batchSize, Chunk: 1 << 20,
		Bytes: int64(batchesEach * batchSize * b.All())}
	b.names = cfg.Names()
	if b.source, err = process.StartSource(cfg); err != nil {
		return err
	}
	s, err := shadow.Start(ctx, b.Umbra, filepath.Join(b.dir, "umbra"), "auto")
	if err != nil {
		return err
	}
	b.out.Umbra = fmt.Sprintf("%s, engine %s (%s)", s.About, s.Chosen, s.Reason)
	if b.link, err = s.Begin(ctx, b.source.About.Addr, topicPrefix+"*"); err != nil {
		return errors.Join(err, s.Close())
	}
	if b.here, err = plain.Dial(ctx, s.Daemon.Listen); err != nil {
		return err
	}
	b.forget = context.AfterFunc(ctx, func() { b.here.Close() })
	return nil
}

// copy waits until everything is on the shadow and mirrored, then has every partition
// grow by a batch and waits for that.
func (b *bout) copy(ctx context.Context) error {
	began := measure.Now()
	if err := b.level(ctx); err != nil {
		return err
	}
	b.Copied = since(began)
	if err := b.mirrored(ctx); err != nil {
		return err
	}
	rate := float64(b.source.About.BatchBytes) * float64(b.All()) / growFor.Seconds()
	if _, err := b.source.Grow(ctx, rate, time.Duration(b.All())*b.source.About.Step(rate)); err != nil {
		return err
	}
	return b.level(ctx)
}

// strike kills the source and does what an operator does: look at the plan, give the
// command, write. The connection to write over is there before.
func (b *bout) strike(ctx context.Context) error {
	record, err := oneRecord()
	if err != nil {
		return err
	}
	b.Say("%v: killing the source", b.Shape)
	b.source.Kill()
	b.source = nil
	if err := b.plan(ctx); err != nil {
		return err
	}
	pid := b.link.Daemon.PID()
	if b.watch, err = measure.Begin(map[string]int{umbraProcess: pid}); err != nil {
		return err
	}
	used, err := measure.ProcessCPU(pid)
	if err != nil {
		return err
	}
	b.began = measure.Now()
	if err := b.failOver(ctx); err != nil {
		return err
	}
	b.Seconds = since(b.began)
	if err := b.write(record); err != nil {
		return err
	}
	b.Writable = since(b.began)
	now, err := measure.ProcessCPU(pid)
	b.CPU = (now - used).Seconds()
	return err
}

// write has the last partition of the last topic take a record, the first of its own.
func (b *bout) write(record []byte) error {
	topic, partition := len(b.names)-1, int32(b.Shape.Partitions-1)
	at, err := b.here.Produce(b.names[topic], partition, record)
	if err != nil {
		return err
	}
	if end := b.ends[topic][partition]; at != end {
		return fmt.Errorf("topic %q partition %d: the first record of its own is at offset %d, and the source ended at %d: %w", b.names[topic], partition, at, end, ErrWrong)
	}
	b.ends[topic][partition]++
	return nil
}

// judge ends the window, which is long enough then.
func (b *bout) judge(ctx context.Context) (err error) {
	if !delay.SleepUntil(ctx, b.began+int64(windowLeast)) {
		return ctx.Err()
	}
	b.Window, err = b.watch.End(b.rule)
	return err
}

func oneRecord() ([]byte, error) {
	var b batch.Builder
	b.Add(batch.Record{Value: []byte(topicPrefix), Timestamp: time.Now().UnixMilli()})
	return b.Build(nil)
}

func since(began int64) float64 { return time.Duration(measure.Now() - began).Seconds() }

// plan asks what would be failed over: all of it.
func (b *bout) plan(ctx context.Context) error {
	began := measure.Now()
	p, err := b.link.Admin.PlanFailover(ctx, b.link.Link, nil)
	if err != nil {
		return err
	}
	b.Plan = since(began)
	for _, c := range p.Checks {
		if c.Level == api.CheckFail {
			return fmt.Errorf("plan the failover of link %q: %s: %s", b.link.Link, c.Name, c.Detail)
		}
	}
	if len(p.Topics) != b.Topics || p.Partitions != b.All() {
		return fmt.Errorf("plan the failover of link %q: it has %d topics with %d partitions, want %d with %d: %w", b.link.Link, len(p.Topics), p.Partitions, b.Topics, b.All(), ErrWrong)
	}
	return nil
}

// failOver gives the command and waits for its end.
func (b *bout) failOver(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, copyLimit) // one that hangs
	defer cancel()
	op, err := b.link.Admin.Failover(ctx, b.link.Link, nil, b.link.Link)
	if err == nil {
		op, err = b.link.Admin.Await(ctx, op.ID, nil)
	}
	switch {
	case err != nil:
		return err
	case op.State != api.Succeeded:
		return fmt.Errorf("failover of link %q: %w", b.link.Link, op.Error)
	case op.Receipt == nil || op.Receipt.Outcome != api.OutcomeFailedOver:
		return fmt.Errorf("failover of link %q ended without a receipt of all its topics: %w", b.link.Link, ErrWrong)
	}
	b.Told, b.Phases = op.Receipt.Seconds, op.Receipt.Phases
	return nil
}
