package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"umbra/admin/api"
	"umbra/loadtest/rawfetch"
	"umbra/loadtest/umbra"
	"umbra/loadtest/wire"
	"umbra/loadtest/workload"
)

// Failover is what the end of the source came to.
type Failover struct {
	Ending   Ending    `json:"ending"`
	Killed   bool      `json:"killed_amid"` // umbra was killed in the middle and finished after its restart
	Seconds  float64   `json:"seconds"`     // as the receipt says; the time that umbra was down counts
	Topics   int       `json:"topics"`
	Records  Reckoning `json:"records"`     // what the source had acknowledged
	ToldLost int64     `json:"told_lost"`   // records, by the receipt
	TrueLost int64     `json:"true_lost"`   // offsets of the source's log beyond the cut, read when it was back
	Bound    string    `json:"bound"`       // how the receipt says it
	Aborted  int       `json:"aborted"`     // transactions that were open at the cut
	Later    Reckoning `json:"later"`       // what umbra acknowledged afterwards
	Bytes    int64     `json:"bytes_equal"` // copied, and the source's when it was back
}

// An ending is the day it is all for.
type ending struct {
	o        Options
	setup    Setup
	source   *source
	shadow   *shadow
	src, dst *rawfetch.Reader
	topics   *registry
	load     *load
	book     *book
	dir      string

	out   Failover
	final map[workload.TopicPartition]api.ReceiptPartition
}

func (e *ending) run(ctx context.Context) error {
	e.out.Ending, e.final = e.setup.Ending, map[workload.TopicPartition]api.ReceiptPartition{}
	e.book.phase("end", "the source dies, %s", e.setup.Ending)
	if err := e.die(ctx); err != nil {
		return err
	}
	receipt, err := e.failOver(ctx)
	if err != nil {
		e.book.violate("failover", link, "%v", err)
		return nil
	}
	e.receipt(receipt)
	e.reckon(ctx, e.load.ledger, &e.out.Records, "ledger", func(tp workload.TopicPartition) int64 { return e.final[tp].FinalOffset })
	e.stable(ctx)
	if err := e.goOn(ctx); err != nil {
		return err
	}
	e.again(ctx)
	return e.back(ctx)
}

// die ends the source as the seed has it.
func (e *ending) die(ctx context.Context) error {
	switch e.setup.Ending {
	case DiesIdle:
		f := full{o: e.o, source: e.source, shadow: e.shadow, src: e.src, dst: e.dst, topics: e.topics, load: e.load, book: e.book}
		quiet, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := e.load.pause(quiet); err != nil {
			return err
		}
		f.catchesUp(ctx)
		// The figures follow at once or with the next answer of the source.
		wait(ctx, 2*time.Second)
	case DiesCut:
		wait(ctx, 2*time.Second)
		e.source.eachProxy(func(p *wire.Proxy) { p.Freeze(true) })
		wait(ctx, 3*time.Second)
	default:
		wait(ctx, 3*time.Second)
	}
	if err := e.source.kill(); err != nil {
		return err
	}
	e.load.stop(0)
	return ctx.Err()
}

// failOver runs the command. Where the seed has it, umbra dies in the middle: then it
// must come to the same end by itself, or do all of it when it is asked again.
func (e *ending) failOver(ctx context.Context) (*api.Receipt, error) {
	within, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	e.out.Killed = e.setup.KillAmid
	if !e.setup.KillAmid {
		var r api.Receipt
		err := e.shadow.ask.JSON(within, &r, "failover", link, "--yes")
		return &r, err
	}
	begun := make(chan umbra.Output, 1)
	go func() {
		out, _ := e.shadow.ask.CLI(within, "failover", link, "--yes", "--no-wait")
		begun <- out
	}()
	wait(within, time.Duration(20+e.o.Seed*37%160)*time.Millisecond)
	if err := e.shadow.kill(); err != nil {
		return nil, err
	}
	<-begun
	if _, err := e.shadow.start(within); err != nil {
		return nil, err
	}
	return e.finish(within)
}

// finish waits for a failover that goes on after a kill, and asks for its receipt, which
// is stored last; if the kill came before anything was decided, it begins it.
func (e *ending) finish(ctx context.Context) (*api.Receipt, error) {
	for {
		status, err := e.shadow.admin.Link(ctx, link)
		if err == nil {
			moving, done := status.TopicsByState[api.StateFailingOver], status.TopicsByState[api.StateFailedOver]
			switch {
			case moving == 0 && done == 0:
				var r api.Receipt
				err := e.shadow.ask.JSON(ctx, &r, "failover", link, "--yes")
				return &r, err
			case done == status.Topics:
				var r *api.Receipt
				if r, err = e.shadow.admin.Receipt(ctx, link, ""); err == nil {
					return r, nil
				}
			}
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("failover that a kill had cut in two: still not done: %+v: %w", status, errors.Join(ctx.Err(), err))
		}
		wait(ctx, 50*time.Millisecond)
	}
}

// receipt holds the receipt against itself. What follows holds it against the logs.
func (e *ending) receipt(r *api.Receipt) {
	e.out.Topics, e.out.Seconds, e.out.ToldLost, e.out.Bound = len(r.Topics), r.Seconds, r.EstimatedLoss.Records, string(r.EstimatedLoss.Bound)
	if r.Outcome != api.OutcomeFailedOver {
		e.book.violate("receipt", link, "outcome %s", r.Outcome)
	}
	var sum int64
	for _, t := range r.Topics {
		if t.State != api.StateFailedOver || t.StateBefore == api.StateFailingOver {
			e.book.violate("receipt", t.Topic, "from %s to %s, %s", t.StateBefore, t.State, reasonText(t.Reason))
		}
		for _, p := range t.Partitions {
			subject := fmt.Sprintf("%s/%d", t.Topic, p.Partition)
			e.final[workload.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = p
			markers := int(p.EndOffset - p.FinalOffset)
			e.out.Aborted += markers
			sum += p.Loss.Records
			// Which transactions they end is not known any more after a kill.
			if known := len(p.Aborted); markers < known || markers > known && !e.out.Killed || p.LeaderEpochAfter <= p.LeaderEpochBefore {
				e.book.violate("receipt", subject, "%+v", p)
			}
			if p.SourceEndOffset != nil && p.Loss.Known() && p.Loss.Records != max(0, *p.SourceEndOffset-p.FinalOffset) {
				e.book.violate("receipt", subject, "it says %d lost; the source ended at %d and the copy at %d", p.Loss.Records, *p.SourceEndOffset, p.FinalOffset)
			}
			e.book.passed("receipt", subject, "")
		}
	}
	if sum != r.EstimatedLoss.Records {
		e.book.violate("receipt", link, "it says %d lost, its partitions %d", r.EstimatedLoss.Records, sum)
	}
	if !e.out.Killed { // who asked was told
		e.seals()
	}
}

// seals: the receipt lies in a file, as it was written.
func (e *ending) seals() {
	files, _ := filepath.Glob(filepath.Join(e.shadow.ask.Dir, "failover-"+link+"-*.json"))
	if len(files) == 0 {
		e.book.violate("receipt", "file", "no failover-%s-*.json in %s", link, e.shadow.ask.Dir)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err == nil {
			err = api.CheckSeal(b)
		}
		if err != nil {
			e.book.violate("receipt", "file", "%s: %v", name, err)
		}
	}
}

// reckon holds a ledger against the shadow.
func (e *ending) reckon(ctx context.Context, l *ledger, into *Reckoning, check string, end func(workload.TopicPartition) int64) {
	dst := sideOf(e.dst)
	for _, tp := range l.partitions() {
		subject := fmt.Sprintf("%s/%d", tp.Topic, tp.Partition)
		t, _ := e.topics.find(tp.Topic)
		held, err := e.dst.Bounds(ctx, tp.Topic, tp.Partition)
		if err != nil {
			// A topic, or a partition, that the source had for so short a time that
			// umbra never saw it. That is so at the end, too, for what was just made.
			if _, copied := e.final[tp]; !copied {
				acks, _ := l.of(tp)
				into.add(Reckoning{Acked: int64(len(acks)), Unseen: int64(len(acks))})
				continue
			}
			e.book.violate(check, subject, "it was copied, and cannot be read: %v", err)
			continue
		}
		if t.fate == recreated {
			if copied, err := e.dst.Topic(ctx, tp.Topic); err != nil || copied.ID != t.id {
				// umbra never saw the first of the name: what is here is the second.
				acks, _ := l.of(tp)
				into.add(Reckoning{Acked: int64(len(acks)), Unseen: int64(len(acks))})
				continue
			}
		}
		r, err := l.reckon(ctx, dst, tp, held, end(tp), t.role == compacted)
		into.add(r)
		e.book.judge(check, subject, fmt.Sprintf("%+v", r), err)
	}
}

// stable: nothing holds a reader of committed records back.
func (e *ending) stable(ctx context.Context) {
	for tp, p := range e.final {
		subject := fmt.Sprintf("%s/%d", tp.Topic, tp.Partition)
		held, err := e.dst.Bounds(ctx, tp.Topic, tp.Partition)
		if err == nil && (held.LastStable != held.HighWatermark || held.HighWatermark != p.EndOffset) {
			err = wrongf("after the failover: %+v; the receipt says it ends at %d", held, p.EndOffset)
		}
		e.book.judge("stable", subject, "", err)
	}
}

// goOn: producers of every kind write to what was the shadow; it is killed in the middle
// and started again; all it has acknowledged is there.
func (e *ending) goOn(ctx context.Context) error {
	l, err := newLedger(filepath.Join(e.dir, "ledger-after"))
	if err != nil {
		return err
	}
	defer l.close()
	var writers []writer
	for _, w := range writersOf("after-") {
		if w.id == "" { // no transactions yet
			writers = append(writers, w)
		}
	}
	ld := startLoad([]string{e.shadow.listen}, e.topics, l, e.o.Seed+1, min(e.o.Rate, 2e6), writers)
	wait(ctx, 3*time.Second)
	acked := ld.acked.Load()
	if err := e.shadow.kill(); err != nil {
		return err
	}
	if _, err := e.shadow.start(ctx); err != nil {
		e.book.violate("starts", "umbra", "%v", err)
		ld.stop(0)
		return nil
	}
	wait(ctx, 3*time.Second)
	e.book.phase("after", "%d records acknowledged before the kill, %d after it", acked, ld.acked.Load()-acked)
	ld.stop(30 * time.Second)
	e.reckon(ctx, l, &e.out.Later, "later ledger", func(tp workload.TopicPartition) int64 { return 1<<63 - 1 })
	if e.out.Later.Acked == 0 {
		e.book.violate("later ledger", "all", "not one record was acknowledged after the failover")
	}
	return nil
}

// again: a second failover changes nothing.
func (e *ending) again(ctx context.Context) {
	before, err := e.everyBounds(ctx)
	if err != nil {
		e.book.skipped("second failover", link, err)
		return
	}
	out, err := e.shadow.ask.CLI(ctx, "failover", link, "--yes")
	after, errB := e.everyBounds(ctx)
	if err := errors.Join(err, errB); err != nil {
		e.book.skipped("second failover", link, err)
		return
	}
	for tp, b := range before { // the start may move: retention is umbra's own now
		if a := after[tp]; a.HighWatermark != b.HighWatermark || a.LastStable != b.LastStable {
			e.book.violate("second failover", fmt.Sprintf("%s/%d", tp.Topic, tp.Partition), "it was %+v, and is %+v", b, a)
		}
	}
	if out.Code != 4 {
		e.book.violate("second failover", link, "exit status %d, want 4 (refused): %s%s", out.Code, out.Stdout, out.Stderr)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(out.Stderr), "\n")
	e.book.passed("second failover", link, first)
}

func (e *ending) everyBounds(ctx context.Context) (map[workload.TopicPartition]rawfetch.Bounds, error) {
	out := map[workload.TopicPartition]rawfetch.Bounds{}
	for tp := range e.final {
		b, err := e.dst.Bounds(ctx, tp.Topic, tp.Partition)
		if err != nil {
			return nil, err
		}
		out[tp] = b
	}
	return out, nil
}

// back: the source returns. What was copied is its own, byte for byte; what the receipt
// says was lost was not more than was; and nothing of it comes into the topics any more.
func (e *ending) back(ctx context.Context) error {
	before, err := e.everyBounds(ctx)
	if err != nil {
		return err
	}
	e.source.eachProxy(func(p *wire.Proxy) { p.Freeze(false) })
	if err := e.source.revive(ctx); err != nil {
		return err
	}
	for _, t := range e.topics.living() {
		for _, tp := range logs([]topic{t}) {
			e.sourceHas(ctx, t, tp)
		}
	}
	if e.out.Bound != "" && e.out.ToldLost > e.out.TrueLost {
		e.book.violate("loss", link, "the receipt says %d records were lost, the source has %d beyond the cut", e.out.ToldLost, e.out.TrueLost)
	}
	if e.setup.Ending == DiesIdle && (e.out.TrueLost > 0 || e.out.ToldLost > 0) {
		e.book.violate("loss", link, "everything was copied when the source died; the receipt says %d lost, the source has %d beyond the cut", e.out.ToldLost, e.out.TrueLost)
	}
	e.book.passed("loss", link, fmt.Sprintf("receipt %s %d, the source has %d more, acknowledged of these %d", e.out.Bound, e.out.ToldLost, e.out.TrueLost, e.out.Records.Lost))
	after, err := e.everyBounds(ctx)
	if err != nil {
		return err
	}
	for tp, b := range before {
		if a := after[tp]; a.HighWatermark != b.HighWatermark || a.LastStable != b.LastStable {
			e.book.violate("fenced", fmt.Sprintf("%s/%d", tp.Topic, tp.Partition), "with the source back it went from %+v to %+v", b, a)
			continue
		}
		e.book.passed("fenced", "", "")
	}
	return nil
}

// sourceHas compares what was copied of a partition, and counts what was not.
func (e *ending) sourceHas(ctx context.Context, t topic, tp workload.TopicPartition) {
	subject := fmt.Sprintf("%s/%d", tp.Topic, tp.Partition)
	truth, err := e.src.Bounds(ctx, tp.Topic, tp.Partition)
	if err != nil {
		e.book.skipped("copied", subject, err)
		return
	}
	p, copied := e.final[tp]
	if !copied {
		e.out.TrueLost += truth.HighWatermark - truth.Start
		return
	}
	e.out.TrueLost += max(0, truth.HighWatermark-p.FinalOffset)
	if truth.HighWatermark < p.FinalOffset {
		e.book.violate("copied", subject, "the copy ends at %d, the source at %d", p.FinalOffset, truth.HighWatermark)
		return
	}
	held, err := e.dst.Bounds(ctx, tp.Topic, tp.Partition)
	if err != nil || t.role == compacted {
		return // its cleaner has worked on
	}
	s, err := equalBatches(ctx, sideOf(e.src), sideOf(e.dst), tp.Topic, tp.Partition, max(truth.Start, held.Start), p.FinalOffset)
	e.out.Bytes += s.bytes
	e.book.judge("copied", subject, "", err)
}
