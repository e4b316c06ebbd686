package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"umbra/loadtest/wire"
	"umbra/loadtest/workload"
)

const (
	// actLimit bounds one act that a source may be too ill to answer.
	actLimit = 15 * time.Second
	// partitionsMax is what Grow stops at.
	partitionsMax = 8
	// churnMax is how many topics may be there that the nemesis has made.
	churnMax = 12
)

// A nemesis carries out a plan. What it is doing it tells the book and the recoveries.
type nemesis struct {
	o          Options
	source     *source
	shadow     *shadow
	topics     *registry
	ledger     *ledger
	book       *book
	recoveries *recoveries
}

// round carries out a round's events, each class on its own, and returns when all are
// over and healed. A context that ends lets no further event begin.
func (n *nemesis) round(ctx context.Context, events []Event) {
	begin := time.Now()
	var wg sync.WaitGroup
	for _, c := range classes() {
		wg.Go(func() {
			for _, e := range events {
				if e.Class != c.name {
					continue
				}
				if wait(ctx, time.Until(begin.Add(e.At))); ctx.Err() != nil {
					return
				}
				n.act(ctx, e)
			}
		})
	}
	wg.Wait()
}

// act is one event from its beginning to its end. The end comes in any case: ctx only
// shortens what lies between.
func (n *nemesis) act(ctx context.Context, e Event) {
	rng := rand.New(rand.NewPCG(e.Draw, 1))
	detail := n.choose(e, rng)
	if detail == "" {
		return // nothing to do it to, now
	}
	healed := n.book.event(e, detail)
	done := n.recoveries.begin(e.Kind)
	err := n.do(ctx, e, rand.New(rand.NewPCG(e.Draw, 1)))
	healed(err)
	done()
}

// choose says what an event will hit; empty when there is nothing.
func (n *nemesis) choose(e Event, rng *rand.Rand) string {
	hold := fmt.Sprintf("for %.1fs", e.Hold.Seconds())
	switch e.Kind {
	case KillBroker, StopBroker:
		return fmt.Sprintf("broker %d %s", n.broker(rng)+1, hold)
	case RestartBroker:
		return fmt.Sprintf("broker %d", n.broker(rng)+1)
	case Reset:
		return fmt.Sprintf("after %d bytes", rng.Int64N(400_000))
	case Slow:
		return fmt.Sprintf("%d bytes/s %s", slowRate(rng), hold)
	case Elect:
		if n.o.Brokers < 2 {
			return ""
		}
		return "preferred leaders"
	case Trim, Grow, Create, Delete, Recreate:
		t, ok := n.victim(e.Kind, rng)
		if !ok {
			return ""
		}
		return t.name
	case RestartUmbra:
		return "SIGTERM"
	}
	return hold
}

func (n *nemesis) broker(rng *rand.Rand) int { return rng.IntN(len(n.source.cluster.Brokers)) }

func slowRate(rng *rand.Rand) int64 { return 20_000 + rng.Int64N(400_000) }

// victim is the topic that an event hits; for Create, the one it makes.
func (n *nemesis) victim(k Kind, rng *rand.Rand) (topic, bool) {
	var from []topic
	switch k {
	case Create:
		t := topic{name: fmt.Sprintf("%schurn-%08x", prefix, rng.Uint32()), role: churn, partitions: int32(1 + rng.IntN(3))}
		return t, len(n.topics.living(churn)) < churnMax
	case Trim:
		from = n.topics.living(plain, txn, bulk, churn)
	case Grow:
		for _, t := range n.topics.living(plain, txn, bulk, churn) {
			if t.partitions < partitionsMax {
				from = append(from, t)
			}
		}
	case Delete, Recreate:
		if from = n.topics.living(churn); len(from) < 2 {
			return topic{}, false
		}
	}
	if len(from) == 0 {
		return topic{}, false
	}
	return from[rng.IntN(len(from))], true
}

func (n *nemesis) do(ctx context.Context, e Event, rng *rand.Rand) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), actLimit)
	defer cancel()
	switch e.Kind {
	case KillUmbra, StopUmbra, RestartUmbra:
		return n.hitUmbra(ctx, e)
	case Reset:
		after := rng.Int64N(400_000)
		n.source.eachProxy(func(p *wire.Proxy) { p.ResetAfter(after) })
		return nil
	case Cut:
		return n.hitNetwork(ctx, e, (*wire.Proxy).Cut)
	case Blackhole:
		return n.hitNetwork(ctx, e, (*wire.Proxy).Freeze)
	case HalfOpen:
		return n.hitNetwork(ctx, e, (*wire.Proxy).Mute)
	case Slow:
		rate := slowRate(rng)
		return n.hitNetwork(ctx, e, func(p *wire.Proxy, on bool) {
			if on {
				p.Throttle(rate)
			} else {
				p.Throttle(0)
			}
		})
	case KillBroker, StopBroker, RestartBroker:
		return n.hitBroker(ctx, e, n.broker(rng))
	case PauseLink:
		return n.pauseLink(ctx, e)
	case Elect:
		_, err := n.source.elect(within)
		return err
	}
	return n.hitTopic(within, e.Kind, rng)
}

// hitUmbra: a daemon that does not come back, or does not end when it is asked to, is
// wrong, whatever it was doing.
func (n *nemesis) hitUmbra(ctx context.Context, e Event) (err error) {
	switch e.Kind {
	case StopUmbra:
		if err := n.shadow.freeze(true); err != nil {
			return err
		}
		wait(ctx, e.Hold)
		return n.shadow.freeze(false)
	case KillUmbra:
		err = n.shadow.kill()
	case RestartUmbra:
		if err = n.shadow.stop(); err != nil {
			n.book.violate("stops", "umbra", "%v", err)
		}
	}
	wait(ctx, e.Hold)
	took, startErr := n.shadow.start(context.WithoutCancel(ctx))
	if startErr != nil {
		n.book.violate("starts", "umbra", "%v", startErr)
		return errors.Join(err, startErr)
	}
	n.book.passed("starts", "umbra", fmt.Sprintf("ready after %v", took.Round(time.Millisecond)))
	return err
}

func (n *nemesis) hitNetwork(ctx context.Context, e Event, set func(*wire.Proxy, bool)) error {
	n.source.eachProxy(func(p *wire.Proxy) { set(p, true) })
	wait(ctx, e.Hold)
	n.source.eachProxy(func(p *wire.Proxy) { set(p, false) })
	return nil
}

func (n *nemesis) hitBroker(ctx context.Context, e Event, i int) error {
	n.source.nodes.Lock()
	defer n.source.nodes.Unlock()
	b := n.source.cluster.Brokers[i]
	if e.Kind == StopBroker {
		if err := b.Pause(); err != nil {
			return err
		}
		wait(ctx, e.Hold)
		return b.Resume()
	}
	end := b.Kill
	if e.Kind == RestartBroker {
		end = b.Stop
	}
	if err := end(); err != nil {
		return err
	}
	wait(ctx, e.Hold)
	if err := b.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	return n.source.cluster.AwaitBrokers(context.WithoutCancel(ctx), n.o.Brokers)
}

// pauseLink: umbra may be down when it is asked; it is asked until it answers.
func (n *nemesis) pauseLink(ctx context.Context, e Event) error {
	if err := n.insist(ctx, func(ctx context.Context) error { _, err := n.shadow.admin.PauseLink(ctx, link); return err }); err != nil {
		return err
	}
	wait(ctx, e.Hold)
	return n.insist(context.WithoutCancel(ctx), func(ctx context.Context) error { _, err := n.shadow.admin.ResumeLink(ctx, link); return err })
}

// insist repeats what umbra is asked until it does it, for at most a minute.
func (n *nemesis) insist(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		once, stop := context.WithTimeout(ctx, 5*time.Second)
		err := ask(once)
		stop()
		if err == nil || ctx.Err() != nil {
			return err
		}
		wait(ctx, 200*time.Millisecond)
	}
}

// hitTopic changes topics at the source.
func (n *nemesis) hitTopic(ctx context.Context, k Kind, rng *rand.Rand) error {
	t, ok := n.victim(k, rng)
	if !ok {
		return errors.New("no topic is left for it")
	}
	switch k {
	case Trim:
		where := rng.Float64()
		if rng.IntN(8) == 0 {
			where = 1
		}
		p := rng.Int32N(t.partitions)
		offset, err := n.source.trim(ctx, t.name, p, where)
		n.topics.trim(workload.TopicPartition{Topic: t.name, Partition: p}, offset)
		return err
	case Grow:
		if err := n.source.grow(ctx, t.name, t.partitions+1); err != nil {
			return err
		}
		n.topics.change(t.name, func(t *topic) { t.partitions++ })
		return nil
	case Create:
		if err := n.source.create(ctx, n.o, t); err != nil {
			return err
		}
		n.topics.add(t)
		return n.source.write(ctx, n.ledger, t, rng.Uint64(), 100+rng.IntN(300))
	case Delete:
		n.topics.change(t.name, func(t *topic) { t.fate = gone })
		return n.drop(ctx, t.name)
	}
	id, err := n.source.id(ctx, t.name)
	if err != nil {
		return err
	}
	n.topics.change(t.name, func(t *topic) { t.fate, t.id = recreated, id })
	if err := n.drop(ctx, t.name); err != nil {
		return err
	}
	for n.source.create(ctx, n.o, t) != nil { // the name is taken until the old one is gone
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wait(ctx, 100*time.Millisecond)
	}
	return n.source.write(ctx, nil, t, rng.Uint64(), 100)
}

// drop deletes a topic, however long the source needs to answer: half a deletion would
// leave nobody knowing what to expect.
func (n *nemesis) drop(ctx context.Context, name string) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	for {
		err := n.source.drop(within, name)
		if err == nil || errors.Is(err, kerr.UnknownTopicOrPartition) || within.Err() != nil {
			return within.Err()
		}
		wait(within, 200*time.Millisecond)
	}
}
