package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"umbra/loadtest/rawfetch"
	"umbra/loadtest/workload"
)

// A run is all that one soak has started.
type run struct {
	o     Options
	setup Setup
	dir   string

	book    *book
	source  *source
	shadow  *shadow
	topics  *registry
	ledger  *ledger
	load    *load
	watch   *watch
	prefix  *prefixes
	full    *full
	nemesis *nemesis
	out     *Result

	closers []func() error
}

// Run runs a soak. An error means that it could not be run; a violation is in the result,
// which is there in either case once the run has begun.
func Run(ctx context.Context, o Options) (*Result, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	r := &run{o: o, setup: Draw(o), topics: &registry{}}
	begin := time.Now()
	if err := r.open(); err != nil {
		return nil, err
	}
	r.out = &Result{Seed: o.Seed, Started: begin.UTC(), Command: o.Command(), Setup: r.setup, Journal: o.Journal, Dir: r.dir, Events: map[Kind]int{}}
	err := r.story(ctx)
	r.out.Seconds = time.Since(begin).Seconds()
	r.collect()
	if err != nil {
		r.out.Verdict = "NONE"
		r.book.phase("stopped", "%v", err)
	}
	r.book.phase("verdict", "%s", r.out.Verdict)
	return r.out, errors.Join(err, r.close(ctx.Err() != nil))
}

// open makes the folder and the journal.
func (r *run) open() (err error) {
	if r.o.Dir != "" {
		if err := os.MkdirAll(r.o.Dir, 0o755); err != nil {
			return err
		}
	}
	if r.dir, err = os.MkdirTemp(r.o.Dir, "umbra-soak-"); err != nil {
		return err
	}
	if r.o.Journal == "" {
		r.o.Journal = filepath.Join(os.TempDir(), fmt.Sprintf("umbra-soak-%d-%s.jsonl", r.o.Seed, time.Now().UTC().Format("20060102-150405")))
	}
	f, err := os.Create(r.o.Journal)
	if err != nil {
		return errors.Join(fmt.Errorf("create the journal: %w", err), os.RemoveAll(r.dir))
	}
	r.closers = append(r.closers, f.Close)
	r.book = newBook(f)
	return nil
}

// story is the run from its beginning to the source's end and beyond.
func (r *run) story(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	looking, stop := context.WithCancel(ctx)
	var watchers sync.WaitGroup
	watchers.Go(func() { r.watch.followSource(looking) })
	watchers.Go(func() { r.watch.followShadow(looking) })
	watchers.Go(func() { r.prefix.run(looking) })
	end := sync.OnceFunc(func() { stop(); watchers.Wait() })
	defer end()
	for i, events := range Plan(r.o) {
		if err := r.round(ctx, i, events); err != nil {
			return err
		}
		if !r.book.clean() {
			break // what comes after it would only hide it
		}
	}
	end()
	r.o.Say("the source dies, %s", r.setup.Ending)
	src, dst, err := r.readers()
	if err != nil {
		return err
	}
	e := &ending{o: r.o, setup: r.setup, source: r.source, shadow: r.shadow, src: src, dst: dst, topics: r.topics, load: r.load, book: r.book, dir: r.dir}
	err = e.run(ctx)
	r.out.Failover = e.out
	r.watch.log.scan(r.book, r.topics)
	return err
}

// begin starts everything.
func (r *run) begin(ctx context.Context) (err error) {
	r.o.Say("start Kafka (%d brokers) and umbra", r.o.Brokers)
	r.book.phase("begin", "%s; %+v", r.o.Command(), r.setup)
	if r.source, err = startSource(ctx, r.o, filepath.Join(r.dir, "source")); err != nil {
		return err
	}
	r.closers = append(r.closers, r.source.close)
	if r.ledger, err = newLedger(filepath.Join(r.dir, "ledger")); err != nil {
		return err
	}
	r.closers = append(r.closers, func() error { r.ledger.close(); return nil })
	for _, t := range first() {
		if err := r.source.insist(ctx, r.o, t); err != nil {
			return err
		}
		r.topics.add(t)
		if err := r.source.write(ctx, r.ledger, t, r.o.Seed, 200); err != nil {
			return err
		}
	}
	if r.shadow, err = startShadow(ctx, r.o.Binary, filepath.Join(r.dir, "shadow"), r.setup.Engine); err != nil {
		return err
	}
	r.closers = append(r.closers, r.shadow.close)
	if v, err := r.shadow.ask.Do(ctx, "version"); err == nil {
		r.out.Umbra, _, _ = strings.Cut(strings.TrimSpace(v.Stdout), "\n")
	}
	args := []string{"link", "create", link, "--from", strings.Join(r.source.fronts(), ","), "--topics", prefix + "*"}
	for _, o := range r.setup.LinkOptions {
		args = append(args, "--option", o)
	}
	if _, err := r.shadow.ask.Do(ctx, args...); err != nil {
		return err
	}
	return r.watchers()
}

// watchers makes what looks on, and starts the load.
func (r *run) watchers() error {
	src, dst, err := r.readers()
	if err != nil {
		return err
	}
	fullSrc, fullDst, err := r.readers()
	if err != nil {
		return err
	}
	rec := &recoveries{}
	r.load = startLoad(r.source.cluster.Seeds(), r.topics, r.ledger, r.o.Seed, r.o.Rate, writersOf("soak-"))
	r.closers = append(r.closers, func() error { r.load.stop(0); return nil })
	r.watch = &watch{source: r.source, shadow: r.shadow, topics: r.topics, book: r.book, history: &history{}, recoveries: rec,
		log: &logScan{file: filepath.Join(r.shadow.ask.Dir, "umbra.log")}}
	r.prefix = newPrefixes(r.o, src, dst, r.topics, r.book)
	r.full = &full{o: r.o, source: r.source, shadow: r.shadow, src: fullSrc, dst: fullDst, topics: r.topics, load: r.load, book: r.book,
		kept: map[workload.TopicPartition]rawfetch.Bounds{}}
	r.nemesis = &nemesis{o: r.o, source: r.source, shadow: r.shadow, topics: r.topics, ledger: r.ledger, book: r.book, recoveries: rec}
	return nil
}

// readers are a pair for one goroutine.
func (r *run) readers() (src, dst *rawfetch.Reader, err error) {
	if src, err = rawfetch.Open("source", r.source.cluster.Seeds()...); err != nil {
		return nil, nil, err
	}
	r.closers = append(r.closers, func() error { src.Close(); return nil })
	if dst, err = rawfetch.Open("shadow", r.shadow.listen); err != nil {
		return nil, nil, err
	}
	r.closers = append(r.closers, func() error { dst.Close(); return nil })
	return src, dst, nil
}

// round lets the nemesis act for as long as a round lasts and then compares everything.
// A violation ends the round early.
func (r *run) round(ctx context.Context, i int, events []Event) error {
	length := min(r.o.Every, r.o.For-time.Duration(i)*r.o.Every)
	r.book.phase("round", "%d: %v, %d events", i, length, len(events))
	within, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	r.book.mu.Lock()
	r.book.onFirst = cancel
	r.book.mu.Unlock()
	telling, stop := context.WithCancel(ctx)
	var teller sync.WaitGroup
	teller.Go(func() { r.tell(telling, i) })
	r.nemesis.round(within, events)
	<-within.Done()
	stop()
	teller.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	r.o.Say("round %d: compare everything", i+1)
	r.book.phase("compare", "after round %d", i)
	return r.full.run(ctx)
}

// tell keeps a person at a terminal informed.
func (r *run) tell(ctx context.Context, round int) {
	rounds := int((r.o.For + r.o.Every - 1) / r.o.Every)
	for ctx.Err() == nil {
		r.book.mu.Lock()
		events, failed := len(r.book.marks), r.book.failed
		last := ""
		if n := len(r.book.recent); n > 0 {
			last = r.book.recent[n-1]
		}
		prefixes := r.book.count("prefix").Done
		r.book.mu.Unlock()
		r.o.Say("%.0fs round %d/%d: %d records acked, %d events, %d prefixes (%s) compared, %d violations; %.60s",
			r.book.since(), round+1, rounds, r.load.acked.Load(), events, prefixes, bytesText(r.prefix.bytes.Load()), failed, last)
		wait(ctx, time.Second)
	}
}

// collect fills the result in.
func (r *run) collect() {
	o := r.out
	r.book.mu.Lock()
	o.Violations, o.Marks = r.book.violations, r.book.marks
	o.Checks = map[string]Count{}
	for name, c := range r.book.counts {
		o.Checks[name] = *c
	}
	r.book.mu.Unlock()
	o.Verdict = "PASS"
	if len(o.Violations) > 0 {
		o.Verdict = "FAIL"
	}
	for _, m := range o.Marks {
		o.Events[m.Kind]++
	}
	if r.load != nil {
		r.load.stop(0)
		o.Acked, o.AckedBytes, o.Failed = r.ledger.len(), r.load.bytes.Load(), r.load.failed.Load()
		o.Committed, o.AbortedTxns = r.load.committed.Load(), r.load.aborted.Load()
	}
	if r.watch != nil {
		o.Recoveries, o.Interrupted, o.Samples = r.watch.recoveries.done, r.watch.recoveries.interrupted, r.watch.samples
		o.LogLines, o.LogErrors = r.watch.log.lines, r.watch.log.errors
		o.Rounds, o.CompareSecs = r.full.rounds, r.full.elapsed.Seconds()
		o.BytesCompared = r.prefix.bytes.Load() + r.full.bytes + o.Failover.Bytes
	}
	if r.source != nil {
		for _, p := range r.source.proxies {
			o.Resets += p.Resets()
		}
	}
}

// close takes everything down. What a violation was found in stays, and what could not be
// run, unless somebody only had enough of it.
func (r *run) close(interrupted bool) error {
	var errs []error
	for i := len(r.closers) - 1; i >= 0; i-- {
		errs = append(errs, r.closers[i]())
	}
	if (r.out.Pass() || interrupted && r.book.clean()) && !r.o.Keep {
		r.out.Dir = ""
		errs = append(errs, os.RemoveAll(r.dir))
	}
	return errors.Join(errs...)
}
