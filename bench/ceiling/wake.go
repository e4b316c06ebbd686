package ceiling

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Wakes measures how long it takes until a thread that sleeps on an eventfd runs, after
// another has written to it: the least that a hop between two threads costs, and so a
// unit for delays. It does so times times, with gap before each, in which both sleep;
// on a virtual machine that is most of what it costs.
func Wakes(ctx context.Context, times int, gap time.Duration) ([]time.Duration, error) {
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an eventfd to be woken by: %w", err)
	}
	woken := make(chan time.Time)
	go sleeper(bell, woken)
	out := make([]time.Duration, 0, times)
	for len(out) < times && err == nil {
		time.Sleep(gap)
		at := time.Now()
		if err = ring(bell, 1); err == nil {
			out = append(out, (<-woken).Sub(at))
			err = ctx.Err()
		}
	}
	err = errors.Join(err, ring(bell, dismissed))
	for range woken { // until it has gone
	}
	return out, errors.Join(err, unix.Close(bell))
}

// dismissed, written to the bell, ends the sleeper.
const dismissed = 1 << 32

// sleeper says when it was woken, each time. Reading its bell can only be interrupted.
func sleeper(bell int, woken chan<- time.Time) {
	runtime.LockOSThread() // and left so: the thread ends with it
	defer close(woken)
	var count [8]byte
	for {
		_, err := unix.Read(bell, count[:])
		switch {
		case err != nil:
		case binary.NativeEndian.Uint64(count[:]) >= dismissed:
			return
		default:
			woken <- time.Now()
		}
	}
}

func ring(bell int, n uint64) error {
	_, err := unix.Write(bell, binary.NativeEndian.AppendUint64(nil, n))
	return err
}
