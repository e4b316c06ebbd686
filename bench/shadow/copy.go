package shadow

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"umbra/admin/api"
	"umbra/bench/plain"
	"umbra/kafkaproto"
)

// stallLimit is how long a copy may stand still before it counts as broken.
const stallLimit = 60 * time.Second

// A Copy is one topic that a shadow copies.
type Copy struct {
	*Shadow
	Link  string
	Topic string
}

// Begin makes a link for one topic; copying begins at once. Where topic is a pattern
// the link takes all that it names, and of the Copy only Link and Broken are of use.
func (s *Shadow) Begin(ctx context.Context, bootstrap, topic string) (*Copy, error) {
	s.copies++
	c := &Copy{Shadow: s, Link: fmt.Sprintf("bench-%d", s.copies), Topic: topic}
	_, err := s.Admin.CreateLink(ctx, api.CreateLink{LinkDefinition: api.LinkDefinition{
		Name: c.Link, Bootstrap: strings.Split(bootstrap, ","), Topics: []string{topic}, Start: "earliest"}})
	if err != nil {
		return nil, fmt.Errorf("create link %q: %w", c.Link, err)
	}
	return c, nil
}

// Forget takes the topic off its source and deletes it, so that it can be copied
// again: what a person would do, in the same order.
func (c *Copy) Forget(ctx context.Context) error {
	op, err := c.Admin.Failover(ctx, c.Link, nil, c.Link)
	if err == nil {
		op, err = c.Admin.Await(ctx, op.ID, nil)
	}
	if err == nil && op.State != api.Succeeded {
		err = fmt.Errorf("failover of link %q: %w", c.Link, op.Error)
	}
	if err == nil {
		err = c.Admin.DeleteLink(ctx, c.Link, false)
	}
	if err == nil {
		_, err = c.Kafka.DeleteTopic(ctx, c.Topic)
	}
	if err != nil {
		return fmt.Errorf("forget the copy of topic %q: %w", c.Topic, err)
	}
	return nil
}

// Await waits until everything below ends is readable on the shadow. It asks with
// ListOffsets, which costs umbra next to nothing.
func (c *Copy) Await(ctx context.Context, ends map[int32]int64) error {
	conn, err := plain.Dial(ctx, c.Daemon.Listen)
	if err != nil {
		return err
	}
	defer conn.Close()
	var partitions []int32
	for p := range ends {
		partitions = append(partitions, p)
	}
	var last int64
	moved := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		have, err := conn.Ends(c.Topic, partitions)
		if err != nil && !Passes(err) {
			return c.Broken(ctx, err)
		}
		sum, all := reached(have, ends)
		if all {
			return nil
		}
		if sum > last {
			last, moved = sum, time.Now()
		}
		if time.Since(moved) > stallLimit {
			return c.Broken(ctx, errors.Join(fmt.Errorf("topic %q stands still at %v of %v", c.Topic, have, ends), err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return c.Broken(ctx, fmt.Errorf("topic %q is at %v of %v: %w", c.Topic, have, ends, ctx.Err()))
		}
	}
}

// Passes says whether an answer may be another one soon: the topic is not there
// yet, or its partitions are being opened.
func Passes(err error) bool {
	var code kafkaproto.ErrorCode
	return errors.Is(err, plain.ErrNotThere) || errors.As(err, &code) && code.Retriable()
}

// reached sums how far the partitions are, and says whether all are there and at
// their ends.
func reached(have, want map[int32]int64) (sum int64, all bool) {
	all = true
	for p, end := range want {
		at, known := have[p]
		sum += at
		all = all && known && at >= end
	}
	return sum, all
}

// Broken adds to an error what umbra says of the link.
func (c *Copy) Broken(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	said := "its link does not answer"
	if st, e := c.Admin.Link(ctx, c.Link); e == nil {
		said = fmt.Sprintf("link %q is %s, source reachable %v %s", c.Link, st.State, st.Source.Reachable, st.Source.Error)
		for _, r := range st.TopicRows {
			if r.Reason != nil {
				said += fmt.Sprintf(", topic %q %s %s %s", r.Topic, r.State, r.Reason.Code, r.Reason.Detail)
			}
		}
	}
	return fmt.Errorf("%w: %s; umbra's log ends:\n%s", err, said, c.Daemon.LogTail(20))
}
