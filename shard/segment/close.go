package segment

import (
	"errors"

	"umbra/ioring"
)

// Close makes everything durable, cuts the active segment to its exact length,
// writes a checkpoint, so that the next Open reads next to nothing, and gives
// files and slabs back. done is called last; until then the log waits for
// what is in flight. A failed log is closed as it is. Further calls get
// ErrClosed from the log, waiters too.
func (l *Log) Close(done func(error)) {
	l.CloseUnlessLate(func() bool { return false }, done)
}

// CloseUnlessLate is Close for whoever closes thousands of logs and has to end by a
// certain time: where late, which any goroutine may call, says so by the time the
// checkpoint would be written, none is, and done gets ErrNoCheckpoint.
func (l *Log) CloseUnlessLate(late func() bool, done func(error)) {
	l.finishWith(true, func() func() error { return l.finalWork(late) }, done)
}

// Discard closes a log whose files are about to be deleted: as Close does, but
// nothing is made durable and nothing is left for the next Open. It spares a
// topic of thousands of partitions as many flushes and checkpoints.
func (l *Log) Discard(done func(error)) {
	l.finishWith(false, func() func() error { return nil }, done)
}

// finishWith waits for quiet, and for durability with flush, and closes after the work
// that is left then.
func (l *Log) finishWith(flush bool, work func() func() error, done func(error)) {
	if l.closed {
		done(ErrClosed)
		return
	}
	l.exclusively(exclusive{flush: flush, needsQuiet: true,
		run: func(ended func()) { l.close(work(), ended, done) },
		abort: func(err error) {
			if l.closed {
				done(err)
				return
			}
			l.close(nil, func() {}, done)
		},
	})
}

// finalWork is what a clean close leaves for the next Open; nil where that is there.
func (l *Log) finalWork(late func() bool) func() error {
	if l.untouched() {
		return nil
	}
	l.takeCheckpoint()
	if len(l.ckpts) == 0 {
		return nil
	}
	c, size := l.ckpts[len(l.ckpts)-1], int64(-1)
	l.floor = c.floor
	active := l.active()
	var file *ioring.File
	if active != nil {
		file, size = active.file, active.size
	}
	m := l.metaNow()
	return func() error {
		if late() {
			return ErrNoCheckpoint
		}
		if file != nil { // not fsynced: zeros that come back are cut off again
			if err := file.Truncate(size); err != nil {
				return err
			}
		}
		return putCheckpoint(l.dir, &c, m)
	}
}

// untouched: the log is as Open found it, and found it as a clean close leaves it.
func (l *Log) untouched() bool {
	seg := l.active()
	return l.vend() == l.found && len(l.ckpts) == 0 && (seg == nil || seg.allocated <= seg.size)
}

// SinceCheckpoint is how many bytes the next Open would have to read, were the log
// closed now without a checkpoint.
func (l *Log) SinceCheckpoint() int64 { return l.vend() - l.ckptV }

func (l *Log) close(work func() error, ended func(), done func(error)) {
	l.exclBusy = true
	l.sync.stopTimer()
	l.space.stopTimer()
	files, ran := l.takeFiles(), false
	l.env.Offload(func() error {
		var err error
		ran = true
		if work != nil {
			err = work()
		}
		return errors.Join(err, closeFiles(files))
	}, func(err error) {
		if !ran { // the shard is stopping and takes no more work
			err = errors.Join(err, closeFiles(files))
		}
		l.closed = true
		l.account()
		l.dropPieces()
		ended()
		l.failWaiters(ErrClosed)
		l.unparkReads()
		for len(l.excl) > 0 {
			x := l.excl[0]
			l.excl = l.excl[1:]
			x.abort(ErrClosed)
		}
		done(err)
	})
}
