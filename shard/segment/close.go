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
	l.finishWith(true, l.finalWork, done)
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

// finalWork is what a clean close leaves for the next Open.
func (l *Log) finalWork() func() error {
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
		if file != nil {
			if err := errors.Join(file.Truncate(size), file.Sync()); err != nil {
				return err
			}
		}
		return putCheckpoint(l.dir, &c, m)
	}
}

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
