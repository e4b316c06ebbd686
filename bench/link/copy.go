package link

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

// A copying is one topic that a shadow copies.
type copying struct {
	*shadow
	link  string
	topic string
}

// Copy makes a link for one topic; copying begins at once.
func (s *shadow) Copy(ctx context.Context, bootstrap, topic string) (*copying, error) {
	s.copies++
	c := &copying{shadow: s, link: fmt.Sprintf("bench-%d", s.copies), topic: topic}
	_, err := s.admin.CreateLink(ctx, api.CreateLink{LinkDefinition: api.LinkDefinition{
		Name: c.link, Bootstrap: strings.Split(bootstrap, ","), Topics: []string{topic}, Start: "earliest"}})
	if err != nil {
		return nil, fmt.Errorf("create link %q: %w", c.link, err)
	}
	return c, nil
}

// Forget takes the topic off its source and deletes it, so that it can be copied
// again: what a person would do, in the same order.
func (c *copying) Forget(ctx context.Context) error {
	op, err := c.admin.Failover(ctx, c.link, nil, c.link)
	if err == nil {
		op, err = c.admin.Await(ctx, op.ID, nil)
	}
	if err == nil && op.State != api.Succeeded {
		err = fmt.Errorf("failover of link %q: %w", c.link, op.Error)
	}
	if err == nil {
		err = c.admin.DeleteLink(ctx, c.link, false)
	}
	if err == nil {
		_, err = c.kafka.DeleteTopic(ctx, c.topic)
	}
	if err != nil {
		return fmt.Errorf("forget the copy of topic %q: %w", c.topic, err)
	}
	return nil
}

// Await waits until everything below ends is readable on the shadow. It asks with
// ListOffsets, which costs umbra next to nothing.
func (c *copying) Await(ctx context.Context, ends map[int32]int64) error {
	conn, err := plain.Dial(ctx, c.daemon.Listen)
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
		have, err := conn.Ends(c.topic, partitions)
		if err != nil && !passes(err) {
			return c.broken(ctx, err)
		}
		sum, all := reached(have, ends)
		if all {
			return nil
		}
		if sum > last {
			last, moved = sum, time.Now()
		}
		if time.Since(moved) > stallLimit {
			return c.broken(ctx, errors.Join(fmt.Errorf("topic %q stands still at %v of %v", c.topic, have, ends), err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return c.broken(ctx, fmt.Errorf("topic %q is at %v of %v: %w", c.topic, have, ends, ctx.Err()))
		}
	}
}

// passes says whether an answer may be another one soon: the topic is not there
// yet, or its partitions are being opened.
func passes(err error) bool {
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

// broken adds to an error what umbra says of the link.
func (c *copying) broken(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	said := "its link does not answer"
	if st, e := c.admin.Link(ctx, c.link); e == nil {
		said = fmt.Sprintf("link %q is %s, source reachable %v %s", c.link, st.State, st.Source.Reachable, st.Source.Error)
		for _, r := range st.TopicRows {
			if r.Reason != nil {
				said += fmt.Sprintf(", topic %q %s %s %s", r.Topic, r.State, r.Reason.Code, r.Reason.Detail)
			}
		}
	}
	return fmt.Errorf("%w: %s; umbra's log ends:\n%s", err, said, c.daemon.LogTail(20))
}
