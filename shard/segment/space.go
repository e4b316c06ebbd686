package segment

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

const (
	spaceRetry = time.Second // between looks whether space has returned
	spaceProbe = 1 << 20     // bytes that must be free before appends go on
	probeName  = "space.probe" + tmpSuffix
)

// space is the state of a log whose disk is full.
//
//	appending --ENOSPC--> rollback (appends refused, writes in flight end)
//	    ^                     | nothing in flight: cut to written, load anew
//	    |                     v
//	    +---room for a MiB-- waiting (appends refused, reads served)
type space struct {
	full     bool
	rollback bool
	stop     func()
}

func (s *space) stopTimer() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

// noSpace begins the way back to the last batch boundary on disk.
func (l *Log) noSpace(cause error) {
	if l.space.rollback || l.failed != nil {
		return
	}
	l.env.Log.Warn("no space left; appends wait until there is", "dir", l.dir,
		"written", l.written, "taken_back", l.end-l.written, "error", cause)
	l.stats.NoSpace++
	l.space.full, l.space.rollback = true, true
	l.account()
	l.markDirty()
}

// rollBack takes back what is appended and not written. Nothing is in flight.
func (l *Log) rollBack(ended func()) {
	cut := l.cutAt(l.vmark)
	quiet := func() {
		l.space.rollback = false
		ended()
	}
	l.reload(ErrNoSpace, func() error { return cutFiles(l.dir, cut) }, quiet, func(err error) {
		if err == nil {
			l.waitForSpace()
		}
	})
}

// cutAt gives where position v of the log lies in its files.
func (l *Log) cutAt(v int64) cutPoint {
	c := cutPoint{base: -1}
	for _, s := range l.segs {
		if s.vbase < v {
			c.base, c.pos = s.base, v-s.vbase
		} else {
			c.above = append(c.above, s.base)
		}
	}
	return c
}

// waitForSpace looks from time to time whether appends may go on.
func (l *Log) waitForSpace() {
	if l.closed || l.failed != nil {
		return
	}
	l.space.stop = l.env.After(spaceRetry, func() {
		l.space.stop = nil
		path := filepath.Join(l.dir, probeName)
		l.enqueue(func() error { return l.probeSpace(path) }, func(err error) {
			if err != nil {
				l.waitForSpace()
				return
			}
			if l.failed == nil && !l.closed {
				l.env.Log.Info("space has returned; appends go on", "dir", l.dir, "end", l.end)
				l.space.full = false
				l.env.Advanced()
			}
		})
	})
}

func (l *Log) probeSpace(path string) error {
	f, err := l.env.Ring.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640, false)
	if err != nil {
		return err
	}
	err = f.Allocate(spaceProbe)
	return errors.Join(err, f.Close(), os.Remove(path))
}
