package segment

import (
	"errors"
	"os"
	"path/filepath"

	"umbra/ioring"
)

// ResetTo drops everything and makes the log begin and end at offset. The next
// batch may begin below it, if it ends above. It waits like TruncateTo. Once
// decided it survives a crash: recovery completes it.
func (l *Log) ResetTo(offset int64, done func(error)) {
	if offset < 0 {
		done(ErrOutOfRange)
		return
	}
	l.exclusively(exclusive{abort: done, run: func(ended func()) {
		l.reset(offset, ended, done)
	}})
}

func (l *Log) reset(offset int64, ended func(), done func(error)) {
	m := meta{id: l.env.Identity, resetting: true, start: offset, floor: floor{offset: offset, base: offset}}
	l.reload(ErrReset, func() error { return writeMeta(l.dir, m) }, ended, done)
}

// removeAll removes every segment, sidecar and snapshot.
func removeAll(dir string) error {
	var errs []error
	for _, suffix := range []string{logSuffix, indexSuffix, stateSuffix} {
		offsets, err := listOffsets(dir, suffix)
		errs = append(errs, err)
		for _, o := range offsets {
			errs = append(errs, os.Remove(filepath.Join(dir, fileName(o, suffix))))
		}
	}
	return errors.Join(append(errs, ioring.SyncDir(dir))...)
}
