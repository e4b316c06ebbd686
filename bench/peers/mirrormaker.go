package peers

import (
	"context"
	"errors"
	"fmt"

	"umbra/loadtest/kafka"
)

// mirroring is MirrorMaker 2 in a JVM of its own, which writes to the target.
type mirroring struct {
	*stage
	name  string
	tuned bool
	count int // connectors made so far: each has a name, and so offsets, of its own
}

// put makes a connector that copies a topic.
func (m *mirroring) put(ctx context.Context, topic string) (connector string, c kafka.Mirror, err error) {
	m.count++
	connector = fmt.Sprintf("%s-%d", m.name, m.count)
	c = kafka.Mirror{Source: m.source.addr, Target: m.target.addr, Topics: topic, Tuned: m.tuned}
	return connector, c, m.workers[m.name].Put(ctx, connector, c.Config())
}

// transfer is measured from the first record that is readable at the target to the
// last: a connector takes a second or more to start, which is not held against it.
func (m *mirroring) transfer(ctx context.Context, t topic) (out Sample, err error) {
	far, err := m.target.tally(ctx, t)
	if err != nil {
		return out, err
	}
	defer far.Close()
	connector, _, err := m.put(ctx, t.name)
	if err != nil {
		return out, err
	}
	if out, err = m.copied(ctx, t, far); err != nil {
		return out, m.broken(ctx, connector, err)
	}
	return out, m.forget(ctx, connector, t.name)
}

func (m *mirroring) copied(ctx context.Context, t topic, far *tally) (out Sample, err error) {
	if err := far.reach(ctx, 1); err != nil {
		return out, err
	}
	w, err := m.begin(nil)
	if err != nil {
		return out, err
	}
	before, err := far.count()
	if err != nil {
		return out, err
	}
	if err := far.reach(ctx, t.records); err != nil {
		return out, err
	}
	return m.end(w, share(t.bytes, t.records-before, t.records), m.name, procTarget)
}

// share is the part of a whole that so many records of all are.
func share(bytes, records, all int64) int64 {
	return int64(float64(bytes) * float64(records) / float64(all))
}

func (m *mirroring) forget(ctx context.Context, connector, topic string) error {
	if err := m.workers[m.name].Delete(ctx, connector); err != nil {
		return err
	}
	return m.target.drop(ctx, topic)
}

// broken adds to an error what the worker says. An interrupt is no error of its.
func (m *mirroring) broken(ctx context.Context, connector string, err error) error {
	if ctx.Err() != nil {
		return err
	}
	ctx, cancel := within(ctx)
	defer cancel()
	w := m.workers[m.name]
	if w.Running() {
		err = errors.Join(err, w.Failure(ctx, connector))
	}
	return fmt.Errorf("%w\nits log ends:\n%s", err, w.LogTail(20))
}

func (m *mirroring) follow(ctx context.Context, t topic) (addr string, stop func(context.Context) error, err error) {
	connector, c, err := m.put(ctx, t.name)
	if err != nil {
		return "", nil, err
	}
	stop = func(ctx context.Context) error { return m.forget(ctx, connector, t.name) }
	if err = m.workers[m.name].AwaitTasks(ctx, connector, c.Tasks()); err == nil {
		_, err = m.target.serves(ctx, t.name, len(t.ends))
	}
	if err != nil {
		return "", stop, m.broken(ctx, connector, err)
	}
	return m.target.addr, stop, nil
}
