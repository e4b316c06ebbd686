package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"umbra/bench/measure"
	"umbra/bench/plain"
	"umbra/bench/shadow"
	"umbra/kafkaproto"
)

const (
	askEvery   = 5 * time.Millisecond
	askAtOnce  = 50               // partitions; asking for thousands every time would cost umbra what is measured
	stallLimit = 60 * time.Second // a copy that stands still for so long is broken
)

// An arrival is how far a copy was when it was first seen to move, and when.
type arrival struct {
	share float64 // of all offsets, 0 to 1; of the partitions asked for
	at    int64   // measure.Now; 0: it was there before anybody looked
}

// await waits until everything below ends is readable on the shadow. It asks for a
// few partitions at a time, those that are not at their ends.
func await(ctx context.Context, c *shadow.Copy, ends map[int32]int64) (arrival, error) {
	a, err := asker(ctx, c, ends)
	if err != nil {
		return arrival{}, c.Broken(ctx, err)
	}
	defer a.conn.Close()
	for len(a.behind) > 0 {
		moved, err := a.ask()
		switch {
		case err != nil:
			return a.first, c.Broken(ctx, err)
		case time.Since(a.moved) > stallLimit:
			return a.first, c.Broken(ctx, fmt.Errorf("topic %q stands still with %d partitions that are not at their ends: %w", c.Topic, len(a.behind), a.last))
		case moved:
			continue
		}
		select {
		case <-time.After(askEvery):
		case <-ctx.Done():
			return a.first, c.Broken(ctx, fmt.Errorf("topic %q has %d partitions that are not at their ends: %w", c.Topic, len(a.behind), ctx.Err()))
		}
	}
	return a.first, nil
}

// asking is one await.
type asking struct {
	conn   *plain.Conn
	topic  string
	ends   map[int32]int64
	behind []int32 // partitions that were not seen at their ends
	sum    int64   // of what the latest answer said
	moved  time.Time
	last   error // why the latest question had no answer
	first  arrival
}

func asker(ctx context.Context, c *shadow.Copy, ends map[int32]int64) (*asking, error) {
	conn, err := plain.Dial(ctx, c.Daemon.Listen)
	if err != nil {
		return nil, err
	}
	a := &asking{conn: conn, topic: c.Topic, ends: ends, moved: time.Now(), last: plain.ErrNotThere}
	for p := range ends {
		a.behind = append(a.behind, p)
	}
	return a, nil
}

// ask asks once. moved says that all it asked for were at their ends.
func (a *asking) ask() (moved bool, err error) {
	now := a.behind[:min(askAtOnce, len(a.behind))]
	have, err := a.conn.Ends(a.topic, now)
	if err != nil {
		a.last = err
		if passes(err) {
			err = nil
		}
		return false, err
	}
	var sum, want int64
	var still []int32
	for _, p := range now {
		sum, want = sum+have[p], want+a.ends[p]
		if have[p] < a.ends[p] {
			still = append(still, p)
		}
	}
	a.note(sum, want)
	done := len(now) - len(still)
	a.behind = append(a.behind[len(now):], still...)
	if done > 0 || sum != a.sum {
		a.sum, a.moved = sum, time.Now()
	}
	return len(still) == 0, nil
}

// note keeps the first sight of records.
func (a *asking) note(sum, want int64) {
	if a.first.at == 0 && sum > 0 && want > 0 {
		a.first = arrival{share: float64(sum) / float64(want), at: measure.Now()}
	}
}

// passes says whether an answer may be another one soon: the topic is not there
// yet, or its partitions are being opened.
func passes(err error) bool {
	var code kafkaproto.ErrorCode
	return errors.Is(err, plain.ErrNotThere) || errors.As(err, &code) && code.Retriable()
}
