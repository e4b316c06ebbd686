package failover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"umbra/admin/api"
	"umbra/bench/plain"
	"umbra/bench/shadow"
)

// ErrWrong says that the shadow is not what it should be after a failover.
var ErrWrong = errors.New("the shadow is wrong")

const (
	copyLimit = 3 * time.Minute // for everything to be copied
	lookEach  = 5 * time.Millisecond
)

// level waits until every partition of the shadow ends where the source's does, and
// keeps those ends. Nothing grows meanwhile.
func (b *bout) level(ctx context.Context) (err error) {
	if b.ends, err = b.sourceEnds(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, copyLimit)
	defer cancel()
	for i, name := range b.names { // one that is level stays so
		if err := b.reach(ctx, name, b.ends[i]); err != nil {
			return err
		}
	}
	return nil
}

// reach waits until a topic of the shadow has just these ends.
func (b *bout) reach(ctx context.Context, topic string, want map[int32]int64) error {
	for {
		have, err := b.here.Ends(topic, b.numbers())
		if err != nil && !shadow.Passes(err) || err == nil && maps.Equal(have, want) {
			return err
		}
		select {
		case <-time.After(lookEach):
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("topic %q ends at %v, at the source at %v: %w", topic, have, want, ctx.Err()), err)
		}
	}
}

// sourceEnds reads where the source's partitions end, topic by topic.
func (b *bout) sourceEnds(ctx context.Context) ([]map[int32]int64, error) {
	c, err := plain.Dial(ctx, b.source.About.Addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	out := make([]map[int32]int64, len(b.names))
	for i, name := range b.names {
		if out[i], err = c.Ends(name, b.numbers()); err != nil {
			return nil, fmt.Errorf("the source: %w", err)
		}
	}
	return out, nil
}

// numbers are the partitions of a topic.
func (b *bout) numbers() []int32 {
	out := make([]int32, b.Shape.Partitions)
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

// mirrored waits until all topics are in the state in which they are copied.
func (b *bout) mirrored(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, copyLimit)
	defer cancel()
	for {
		err := b.allAre(ctx, api.StateActive)
		if err == nil || !errors.Is(err, ErrWrong) {
			return err
		}
		select {
		case <-time.After(10 * lookEach):
		case <-ctx.Done():
			return err
		}
	}
}

// allAre says whether every topic of the link is in a state.
func (b *bout) allAre(ctx context.Context, state string) error {
	st, err := b.link.Admin.Link(ctx, b.link.Link)
	if err != nil {
		return err
	}
	return stateFault(st.TopicRows, b.names, state)
}

// stateFault names the topics that are not in the state they should be in, or are
// missing; nil when there are none.
func stateFault(rows []api.TopicRow, names []string, want string) error {
	have := map[string]string{}
	for _, r := range rows {
		have[r.Topic] = r.State
	}
	var f faults
	for _, name := range names {
		if s := have[name]; s != want {
			f.say("topic %q is %q, want %q", name, s, want)
		}
	}
	return f.err()
}

// endsFault names the partitions that end elsewhere than they should.
func endsFault(topic string, have, want map[int32]int64) error {
	var f faults
	for p, end := range want {
		if at, ok := have[p]; !ok || at != end {
			f.say("topic %q partition %d ends at %d, want %d", topic, p, at, end)
		}
	}
	return f.err()
}

// check looks at every topic and every partition when all is over.
func (b *bout) check(ctx context.Context) error {
	var f faults
	f.add(b.allAre(ctx, api.StateFailedOver))
	for i, name := range b.names {
		have, err := b.here.Ends(name, b.numbers())
		if err == nil {
			err = endsFault(name, have, b.ends[i])
		}
		f.add(err)
	}
	return f.err()
}

// faults gathers what is wrong; the first few are told and the others counted.
type faults struct {
	told  []error
	count int
}

const faultsTold = 5

func (f *faults) say(format string, args ...any) {
	f.add(fmt.Errorf(format+": %w", append(args, ErrWrong)...))
}

func (f *faults) add(err error) {
	if err == nil {
		return
	}
	if f.count++; f.count <= faultsTold {
		f.told = append(f.told, err)
	}
}

func (f *faults) err() error {
	if f.count > faultsTold {
		return errors.Join(append(f.told, fmt.Errorf("and %d more", f.count-faultsTold))...)
	}
	return errors.Join(f.told...)
}
