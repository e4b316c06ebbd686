package rpo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"umbra/admin/api"
	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/bench/plain"
	"umbra/bench/shadow"
)

// patience bounds what a broker may take to come to its senses.
const patience = 60 * time.Second

// kills kills the source again and again, with a fresh topic and link each time.
func (r *run) kills(ctx context.Context, src *real) error {
	for i := range r.Kills {
		r.Say("kill %d of %d", i+1, r.Kills)
		d := &disaster{run: r, src: src, Kill: &Kill{Round: i + 1, Seed: r.Seed}}
		if err := d.happen(ctx); err != nil {
			return fmt.Errorf("kill %d (seed %d): %w", i+1, r.Seed, err)
		}
		r.out.Kills = append(r.out.Kills, d.Kill)
	}
	return nil
}

// disaster is one kill, from a fresh topic to the verdict.
type disaster struct {
	*run
	*Kill
	src *real

	pace    pace
	made    payload
	copy    *shadow.Copy
	sender  *delay.Sender
	killed  int64 // measure.Now of the signal
	receipt *api.Receipt
	held    map[int32]held
}

// moment is when a kill comes, after the load's first acknowledgement; it follows from the seed.
func moment(seed uint64, round int, within time.Duration) time.Duration {
	rng := rand.New(rand.NewPCG(seed, uint64(round)))
	return killAfter + time.Duration(rng.Int64N(int64(within-killAfter)+1))
}

func (d *disaster) happen(ctx context.Context) error {
	d.pace = pace{"kill", d.KillRate, d.Partitions, d.Record, d.Burst / d.Record * d.Record, 0, time.Hour, lagEvery}
	d.made = payload{seed: d.Seed + uint64(d.Round)<<32, size: d.Record}
	after := moment(d.Seed, d.Round, d.Within)
	d.AfterMs = ms(after)
	for _, step := range []func(context.Context) error{
		d.prepare,
		func(ctx context.Context) error { return d.strike(ctx, after) },
		d.read,
		d.revive,
		d.forget,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the topic, the link and the producer.
func (d *disaster) prepare(ctx context.Context) error {
	d.Topic = d.src.topic()
	if _, err := d.src.Create(ctx, d.Topic, d.Partitions); err != nil {
		return err
	}
	var err error
	if d.copy, err = d.shadow.Begin(ctx, d.src.Bootstrap(), d.Topic); err != nil {
		return err
	}
	empty := map[int32]int64{}
	for i := range d.Partitions {
		empty[int32(i)] = 0
	}
	if err := d.copy.Await(ctx, empty); err != nil {
		return err
	}
	l := d.pace.load(d.Topic)
	l.Value = d.made.make
	d.sender, err = delay.NewSender(d.src.Bootstrap(), l)
	return err
}

// strike runs the load, kills the source and fails over.
func (d *disaster) strike(ctx context.Context, after time.Duration) error {
	sending, stopSending := context.WithCancel(ctx)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		d.sender.Run(sending, d.pace.length)
	}()
	defer func() {
		stopSending()
		<-sent
		d.sender.Close()
		d.Sent, d.Acked = d.sender.Sent(), int64(len(d.sender.Acks()))
	}()
	w, err := measure.Begin(map[string]int{watchUmbra: d.copy.Daemon.PID(), watchSource: d.src.PID()})
	if err != nil {
		return err
	}
	if err := d.firstAck(ctx); err != nil {
		return err
	}
	if !delay.SleepUntil(ctx, measure.Now()+int64(after)) {
		return ctx.Err()
	}
	if d.Window, err = w.End(d.rule); err != nil {
		return err
	}
	probe, err := newProbe(ctx, d.copy.Daemon.Listen, d.Topic, d.Partitions)
	if err != nil {
		return err
	}
	defer probe.end()
	gone := make(chan error, 1)
	d.killed = measure.Now()
	go func() {
		err := d.src.Kafka().Brokers[0].Kill()
		stopSending()
		gone <- err
	}()
	probe.begin()
	err = d.failOver(ctx)
	if err == nil {
		err = probe.await(ctx, patience)
	}
	if err = errors.Join(err, <-gone); err != nil {
		return d.copy.Broken(ctx, err)
	}
	d.FailoverMs, d.WritableMs = since(d.killed, probe.first), since(d.killed, probe.last)
	return nil
}

// firstAck waits until the load is under way.
func (d *disaster) firstAck(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for len(d.sender.Acks()) == 0 {
		if !delay.SleepUntil(ctx, measure.Now()+int64(time.Millisecond)) {
			return fmt.Errorf("wait for the first acknowledgement of the load: %w", ctx.Err())
		}
	}
	return nil
}

// failOver does what an operator does: look at the plan, give the command.
func (d *disaster) failOver(ctx context.Context) error {
	began := measure.Now()
	plan, err := d.shadow.Admin.PlanFailover(ctx, d.copy.Link, nil)
	if err != nil {
		return err
	}
	for _, c := range plan.Checks {
		if c.Level == api.CheckFail {
			return fmt.Errorf("plan the failover of link %q: %s: %s", d.copy.Link, c.Name, c.Detail)
		}
	}
	confirmed := measure.Now()
	d.PlanMs = since(began, confirmed)
	op, err := d.shadow.Admin.Failover(ctx, d.copy.Link, nil, d.copy.Link+"-"+strconv.FormatInt(d.killed, 10))
	if err == nil {
		op, err = d.shadow.Admin.Await(ctx, op.ID, nil)
	}
	d.CommandMs = since(confirmed, measure.Now())
	switch {
	case err != nil:
		return err
	case op.State != api.Succeeded:
		return fmt.Errorf("failover of link %q: %w", d.copy.Link, op.Error)
	case op.Receipt == nil || op.Receipt.Outcome != api.OutcomeFailedOver:
		return fmt.Errorf("failover of link %q: its receipt is %+v", d.copy.Link, op.Receipt)
	}
	d.receipt = op.Receipt
	return nil
}

func since(from, to int64) float64 { return ms(time.Duration(to - from)) }

// read reads the shadow to its end and settles what is lost.
func (d *disaster) read(ctx context.Context) error {
	var err error
	if d.held, err = readAll(ctx, d.copy.Daemon.Listen, d.Topic, d.Partitions, d.made); err != nil {
		return fmt.Errorf("read the shadow: %w", err)
	}
	burst := int64(d.pace.burst / d.pace.record)
	t := account(d.sender.Acks(), d.held, d.killed, d.Sent, func(number int64) int32 { return int32(number / burst % int64(d.Partitions)) })
	d.LostRecords, d.LostMs, d.Unacked, d.Wrong = t.lost, ms(t.lostFor), t.unacked, t.wrong
	for _, h := range d.held {
		d.Verified += int64(len(h.numbers))
		d.VerifiedBytes += h.bytes
	}
	return nil
}

// revive starts the source on its data and holds the receipt against what it has.
func (d *disaster) revive(ctx context.Context) error {
	if err := d.src.Kafka().Brokers[0].Start(ctx); err != nil {
		return err
	}
	ends, err := endsOf(ctx, d.src.Bootstrap(), d.Topic, d.Partitions)
	if err != nil {
		return err
	}
	d.Missing = missing(ends, d.held)
	d.Claim = claimOf(d.receipt, d.held, ends)
	d.Claim.OffRecords, d.Claim.OffMs = d.Claim.Records-d.Missing, d.Claim.Ms-d.LostMs
	return nil
}

// endsOf waits until the source leads the topic again and says where it ends.
func endsOf(ctx context.Context, addr, topic string, partitions int) (map[int32]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		ends, err := endsOnce(ctx, addr, topic)
		if err == nil && len(ends) == partitions {
			return ends, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("read the ends of topic %q after the restart: %d of %d partitions: %w", topic, len(ends), partitions, errors.Join(err, ctx.Err()))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func endsOnce(ctx context.Context, addr, topic string) (map[int32]int64, error) {
	leaders, err := plain.FindLeaders(ctx, addr, topic)
	if err != nil {
		return nil, err
	}
	return plain.Ends(ctx, leaders, topic)
}

// forget leaves both sides as they were.
func (d *disaster) forget(ctx context.Context) error {
	if err := d.shadow.Admin.DeleteLink(ctx, d.copy.Link, false); err != nil {
		return err
	}
	if _, err := d.shadow.Kafka.DeleteTopic(ctx, d.Topic); err != nil {
		return err
	}
	return d.src.Drop(ctx, d.Topic)
}
