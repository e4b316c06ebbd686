package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"umbra/admin/api"
	"umbra/loadtest/rawfetch"
	"umbra/loadtest/umbra"
	"umbra/loadtest/workload"
)

// topics of the demo, with their partitions.
func topics() []struct {
	name       string
	partitions int32
} {
	return []struct {
		name       string
		partitions int32
	}{{"orders", 4}, {"payments", 2}}
}

// demo is one run: what it has started, to be taken down in the end.
type demo struct {
	binary string
	watch  time.Duration

	dir    string
	source source
	shadow *umbra.Daemon
	loads  []*workload.Load
}

func (d *demo) run(ctx context.Context, kind string) error {
	var err error
	if d.binary, err = filepath.Abs(d.binary); err != nil {
		return err
	}
	if d.dir, err = os.MkdirTemp("", "umbra-demo-"); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return d.startSource(ctx, kind) },
		d.startShadow, d.startLoad, d.watchLag, d.killSource, d.failOver,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// cleanUp stops whatever runs and removes the data.
func (d *demo) cleanUp() error {
	d.stopLoad()
	var errs []error
	if d.shadow != nil {
		errs = append(errs, d.shadow.Stop())
	}
	if d.source != nil {
		errs = append(errs, d.source.close())
	}
	if d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

func say(format string, args ...any) { fmt.Printf("\n== "+format+"\n", args...) }

func (d *demo) startSource(ctx context.Context, kind string) (err error) {
	say("1. Start a source cluster (%s)", kind)
	if d.source, err = startSource(ctx, kind, d.binary, filepath.Join(d.dir, "source")); err != nil {
		return err
	}
	for _, t := range topics() {
		if err := workload.CreateTopic(ctx, d.source.seeds(), t.name, t.partitions, 1, nil); err != nil {
			return err
		}
		fmt.Printf("topic %s, %d partitions\n", t.name, t.partitions)
	}
	return nil
}

func (d *demo) startShadow(ctx context.Context) error {
	say("2. Start the shadow and link it to the source")
	dir := filepath.Join(d.dir, "shadow")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	d.shadow = &umbra.Daemon{Binary: d.binary, Dir: dir}
	took, err := d.shadow.Start(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("umbra serves on %s after %d ms\n", d.shadow.Listen, took.Milliseconds())
	return d.show(ctx, "link", "create", "dr", "--from", strings.Join(d.source.seeds(), ","), "--topics", "orders,payments")
}

// show runs a command of the CLI and prints what it says.
func (d *demo) show(ctx context.Context, args ...string) error {
	fmt.Printf("$ umbra %s\n", strings.Join(args, " "))
	out, err := d.shadow.CLI(ctx, args...)
	if err != nil {
		return err
	}
	fmt.Print(out.Stdout)
	if out.Code != 0 && out.Code != 10 { // 10: something needs a person, which is so here
		return fmt.Errorf("umbra %s: exit status %d\n%s", strings.Join(args, " "), out.Code, out.Stderr)
	}
	return nil
}

func (d *demo) startLoad(ctx context.Context) error {
	say("3. Three producers per topic write to the source, in every codec")
	for i, t := range topics() {
		load, err := workload.StartLoad(workload.LoadConfig{Seeds: d.source.seeds(), Topic: t.name, Partitions: t.partitions,
			Producers: 3, PerSecond: 1500, Seed: uint64(i)})
		if err != nil {
			return err
		}
		d.loads = append(d.loads, load)
	}
	for _, l := range d.loads {
		if err := l.AwaitAcked(ctx, 500); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) stopLoad() (acked int64) {
	for _, l := range d.loads {
		n, _ := l.Stop(0)
		acked += n
	}
	return acked
}

// watchLag prints a line a second.
func (d *demo) watchLag(ctx context.Context) error {
	say("4. The lag, live")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.Now().Add(d.watch); time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		var s api.LinkStatus
		if err := d.shadow.JSON(ctx, &s, "link", "status", "dr"); err != nil {
			return err
		}
		fmt.Printf("%s  %-8s  recovery point %s  lag %s  %6.0f records/s  %5.2f MiB/s\n",
			s.Now.Format("15:04:05"), s.State, point(s.RPO), records(s.Lag), s.RecordsPerSec, s.BytesPerSecond/(1<<20))
	}
	return nil
}

func point(r api.RPO) string {
	if !r.Known() {
		return "unknown"
	}
	return fmt.Sprintf("%s%.3f s", atLeast(r.Bound), r.Seconds)
}

func records(l api.Lag) string {
	if !l.Known() {
		return "unknown"
	}
	return fmt.Sprintf("%s%d records", atLeast(l.Bound), l.Records)
}

func atLeast(b api.Bound) string {
	if b == api.AtLeast {
		return "at least "
	}
	return ""
}

func (d *demo) killSource(ctx context.Context) error {
	say("5. Kill the source (SIGKILL) in the middle of a write")
	if err := d.source.kill(); err != nil {
		return err
	}
	acked := d.stopLoad()
	fmt.Printf("the source had acknowledged %d records\n", acked)
	if err := d.awaitLoss(ctx); err != nil {
		return err
	}
	return d.show(ctx, "status")
}

// awaitLoss waits until the shadow has noticed that its source is away.
func (d *demo) awaitLoss(ctx context.Context) error {
	for {
		var s api.LinkStatus
		if err := d.shadow.JSON(ctx, &s, "link", "status", "dr"); err != nil {
			return err
		}
		if !s.Source.Reachable {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until the shadow notices that its source is away: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (d *demo) failOver(ctx context.Context) error {
	say("6. Fail over; the source is not needed")
	if err := d.show(ctx, "failover", "dr", "--yes"); err != nil {
		return err
	}
	receipt, err := d.receipt()
	if err != nil {
		return err
	}
	if receipt.Outcome != api.OutcomeFailedOver {
		return fmt.Errorf("outcome %s", receipt.Outcome)
	}
	if err := d.goOn(ctx); err != nil {
		return err
	}
	return d.prove(ctx, receipt)
}

// goOn writes to the shadow and reads every acknowledged record back.
func (d *demo) goOn(ctx context.Context) error {
	say("7. Producers go on, at the shadow's address")
	seeds := []string{d.shadow.Listen}
	load, err := workload.StartLoad(workload.LoadConfig{Seeds: seeds, Topic: "orders", Partitions: 4, Producers: 3, PerSecond: 2000, Seed: 77})
	if err != nil {
		return err
	}
	d.loads = append(d.loads, load)
	if err := load.AwaitAcked(ctx, 4000); err != nil {
		return err
	}
	acked, failed := load.Stop(10 * time.Second)
	verdict, err := load.Ledger.Check(ctx, workload.Verify{Seeds: seeds})
	if err != nil {
		return err
	}
	if failed > 0 || verdict.Present != int(acked) {
		return fmt.Errorf("%d acknowledged, %d failed, read back %+v", acked, failed, verdict)
	}
	fmt.Printf("%d records acknowledged, all read back at their offset\n", acked)
	return nil
}

// prove starts the dead source again, only to compare: every byte that was copied is
// what the source has.
func (d *demo) prove(ctx context.Context, receipt api.Receipt) error {
	say("8. Proof: start the source again and compare every byte up to the cut")
	if err := d.source.start(ctx); err != nil {
		return err
	}
	src, err := rawfetch.Open("source", d.source.seeds()...)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := rawfetch.Open("shadow", d.shadow.Listen)
	if err != nil {
		return err
	}
	defer dst.Close()
	cut := map[workload.TopicPartition]int64{}
	for _, t := range receipt.Topics {
		for _, p := range t.Partitions {
			cut[workload.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = p.FinalOffset
			eq, err := rawfetch.CompareRange(ctx, src, dst, t.Topic, p.Partition, p.StartOffset, p.FinalOffset)
			if err != nil {
				return err
			}
			fmt.Println(eq)
		}
	}
	return d.account(ctx, cut)
}

// account says how many of the records the source acknowledged are on the shadow.
func (d *demo) account(ctx context.Context, cut map[workload.TopicPartition]int64) error {
	var sum workload.Verdict
	for _, l := range d.loads[:len(topics())] {
		v, err := l.Ledger.Check(ctx, workload.Verify{Seeds: []string{d.shadow.Listen},
			Below: func(tp workload.TopicPartition) int64 { return cut[tp] }})
		if err != nil {
			return err
		}
		sum.Present += v.Present
		sum.Beyond += v.Beyond
	}
	fmt.Printf("of the source's acknowledged records %d are on the shadow, %d were lost with the source\n", sum.Present, sum.Beyond)
	return nil
}

// receipt reads the file the CLI wrote.
func (d *demo) receipt() (r api.Receipt, err error) {
	files, err := filepath.Glob(filepath.Join(d.shadow.Dir, "failover-dr-*.json"))
	if err != nil || len(files) == 0 {
		return r, fmt.Errorf("find the receipt in %s: %w", d.shadow.Dir, errors.Join(err, os.ErrNotExist))
	}
	b, err := os.ReadFile(slices.Max(files))
	if err != nil {
		return r, err
	}
	if err := api.CheckSeal(b); err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}
