package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"umbra/bench/measure"
)

// drainLimit is how long the last answers may take.
const drainLimit = 30 * time.Second

// A timetable says when each batch is due: number i at begin + i*step, on connection
// i%conns.
type timetable struct {
	begin int64 // measure.Now
	step  time.Duration
	conns int
}

// due is when request n of connection c was to be sent.
func (t timetable) due(c, n int) int64 { return t.begin + int64(n*t.conns+c)*int64(t.step) }

// steady sends by the timetable for as long as d, or until ctx ends, and waits for
// the answers. acked, which several goroutines call, tells of each: the connection,
// its request, the batch's first offset and when it was due.
func steady(ctx context.Context, j Job, lines []*line, d time.Duration, into *ledger, acked func(c, n int, base, due int64)) {
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	t := timetable{measure.Now() + int64(time.Millisecond), j.Step(), len(lines)}
	count := newCountdown()
	var readers sync.WaitGroup
	for c, l := range lines {
		if err := l.ready(time.Now().Add(d + drainLimit)); err != nil {
			into.fail(err)
		}
		first := l.sent // numbers go on from a load before this one
		readers.Go(func() {
			err := l.answers(func(n int, base int64) {
				acked(c, n, base, t.due(c, n-first))
				count.answered()
			})
			if err != nil {
				into.fail(fmt.Errorf("connection to %s: %w", l.RemoteAddr(), err))
				cancel()
				count.give(0)
			}
		})
	}
	n := t.pace(sending, lines, d, into)
	if err := count.await(int64(n), drainLimit); err != nil {
		into.fail(err)
	}
	for _, l := range lines { // wakes the readers
		l.SetReadDeadline(time.Unix(1, 0))
	}
	readers.Wait()
}

// ready sets the deadlines of a new load, before anybody reads: the end of the load
// sets the read deadline that its reader wakes by, and may come before the reader
// starts. A broker that reads no more must not hold the pace for ever.
func (l *line) ready(writes time.Time) error {
	return errors.Join(l.SetReadDeadline(time.Time{}), l.SetWriteDeadline(writes))
}

// answers receives until the read deadline.
func (l *line) answers(each func(n int, base int64)) error {
	for {
		if err := l.receive(each); errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// pace sends every batch when it is due, as exactly as the machine wakes a thread:
// a thread of its own, asleep in the kernel, for the runtime's timers are a
// millisecond coarse. It never leaves one out. It returns how many it sent.
func (t timetable) pace(ctx context.Context, lines []*line, d time.Duration, into *ledger) int {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		into.fail(fmt.Errorf("set the timer slack: %w", err))
		return 0
	}
	for i := 0; ; i++ {
		due := t.begin + int64(i)*int64(t.step)
		if time.Duration(due-t.begin) >= d || ctx.Err() != nil {
			return i
		}
		sleepUntil(due)
		late := time.Duration(measure.Now() - due)
		if err := lines[i%len(lines)].send(); err != nil {
			into.fail(fmt.Errorf("connection to %s: %w", lines[i%len(lines)].RemoteAddr(), err))
			return i
		}
		into.sentLate(late)
	}
}

// sleepUntil sleeps until measure.Now is at.
func sleepUntil(at int64) {
	ts := unix.NsecToTimespec(at)
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil) == unix.EINTR {
	}
}

// countdown waits for as many answers as were sent, which is known only at the end.
type countdown struct {
	sent atomic.Int64 // unknown, or how many
	got  atomic.Int64
	once sync.Once
	over chan struct{}
}

// unknown is more than any load sends.
const unknown = 1 << 62

func newCountdown() *countdown {
	c := &countdown{over: make(chan struct{})}
	c.sent.Store(unknown)
	return c
}

func (c *countdown) answered() {
	c.got.Add(1)
	c.look()
}

// give says how many there are; what was got is enough from then on.
func (c *countdown) give(sent int64) {
	c.sent.Store(sent)
	c.look()
}

func (c *countdown) look() {
	if c.got.Load() >= c.sent.Load() {
		c.once.Do(func() { close(c.over) })
	}
}

func (c *countdown) await(sent int64, limit time.Duration) error {
	if c.sent.CompareAndSwap(unknown, sent) { // else: given up
		c.look()
	}
	select {
	case <-c.over:
		return nil
	case <-time.After(limit):
		return fmt.Errorf("%d of %d batches after %v: %w", sent-c.got.Load(), sent, limit, errUnanswered)
	}
}
