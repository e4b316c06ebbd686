package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"umbra/admin/api"
	"umbra/bench/measure"
	"umbra/bench/plain"
	"umbra/bench/shadow"
)

const (
	forgetLimit  = 3 * time.Minute // for thousands of partitions to be gone
	forgetPause  = 50 * time.Millisecond
	deleteMillis = 60_000 // what the broker is told it may take
)

// forget takes a copy off its source and deletes it, so that it can be copied again,
// and waits until it is gone and umbra idles: what it does behind that would be
// counted to the next copy.
func forget(ctx context.Context, c *shadow.Copy) error {
	if err := takeOff(ctx, c); err != nil {
		return err
	}
	if err := remove(ctx, c); err != nil {
		return err
	}
	return calm(ctx, c)
}

// remove deletes the link and the topic. Thousands of partitions may take longer than
// a client waits for the answer.
func remove(ctx context.Context, c *shadow.Copy) error {
	err := c.Admin.DeleteLink(ctx, c.Link, false)
	if err == nil {
		c.Kafka.SetTimeoutMillis(deleteMillis)
		_, err = c.Kafka.DeleteTopic(ctx, c.Topic)
	}
	for begin := time.Now(); time.Since(begin) < forgetLimit; {
		if _, gone := plain.FindLeaders(ctx, c.Daemon.Listen, c.Topic); errors.Is(gone, plain.ErrNotThere) {
			return nil
		}
		if err != nil {
			if _, err = c.Kafka.DeleteTopic(ctx, c.Topic); err == nil {
				continue
			}
		}
		select {
		case <-time.After(forgetPause):
		case <-ctx.Done():
			return fmt.Errorf("forget the copy of topic %q: %w", c.Topic, errors.Join(err, ctx.Err()))
		}
	}
	return fmt.Errorf("forget the copy of topic %q: it is still there after %v: %w", c.Topic, forgetLimit, err)
}

const (
	calmWindow = 100 * time.Millisecond
	calmShare  = 20               // a process that idles uses at most a part of so many of a window
	calmLimit  = 60 * time.Second // after which what follows is measured all the same
)

// calm waits until umbra uses next to no processor time.
func calm(ctx context.Context, c *shadow.Copy) error {
	last, err := measure.ProcessCPU(c.Daemon.PID())
	for begin := time.Now(); err == nil && time.Since(begin) < calmLimit; {
		select {
		case <-time.After(calmWindow):
		case <-ctx.Done():
			return ctx.Err()
		}
		var now time.Duration
		if now, err = measure.ProcessCPU(c.Daemon.PID()); now-last < calmWindow/calmShare {
			break
		}
		last = now
	}
	return err
}

// takeOff fails a copy over: the topic is umbra's own then.
func takeOff(ctx context.Context, c *shadow.Copy) error {
	op, err := c.Admin.Failover(ctx, c.Link, nil, c.Link)
	if err == nil {
		op, err = c.Admin.Await(ctx, op.ID, nil)
	}
	if err == nil && op.State != api.Succeeded {
		err = op.Error
	}
	if err != nil {
		return fmt.Errorf("fail over the copy of topic %q, link %q: %w", c.Topic, c.Link, err)
	}
	return nil
}
