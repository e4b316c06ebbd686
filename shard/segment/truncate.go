package segment

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"umbra/ioring"
)

// Cut is what TruncateTo took off.
type Cut struct {
	From, To int64    // offsets: the log ends at From now and ended at To before
	Bytes    int64    // of whole batches
	SHA256   [32]byte // of those bytes; zero when there are none
	File     string   // where they are kept; "" when nothing was cut or keepDir was ""
}

// cutPoint is where files are cut: at pos of the segment with base, and every
// segment above it goes. pos 0 takes that segment, too.
type cutPoint struct {
	base, pos int64
	above     []int64 // bases of segments behind it, lowest first
}

// TruncateTo makes the log end at or below offset: the batch that holds offset
// and all behind it go, after a copy of them was made durable in keepDir ("":
// none). It waits for writes in flight, and appends are refused with ErrBusy
// until done was called. Then EndOffset is behind the last batch that is left,
// as recovery would find it, and State is that of the batches that are left.
// Waiters for durability of what went get ErrReset.
//
// A crash in between leaves the log as before, or cut at some batch boundary
// at or above From.
func (l *Log) TruncateTo(offset int64, keepDir string, done func(Cut, error)) {
	l.exclusively(exclusive{flush: true, abort: func(err error) { done(Cut{}, err) }, run: func(ended func()) {
		if offset >= l.end {
			ended()
			done(Cut{From: l.end, To: l.end}, nil)
			return
		}
		if len(l.segs) == 0 {
			cut := Cut{From: max(offset, 0), To: l.end}
			l.reset(cut.From, ended, func(err error) { done(cut, err) })
			return
		}
		l.truncate(max(offset, 0), keepDir, ended, done)
	}})
}

func (l *Log) truncate(offset int64, keepDir string, ended func(), done func(Cut, error)) {
	t := &truncation{dir: l.dir, keepDir: keepDir, offset: offset, cut: Cut{To: l.end}, meta: l.metaNow()}
	for _, s := range l.segs {
		t.segs = append(t.segs, segmentFile{s.path, s.base, s.last, s.size})
	}
	l.reload(ErrReset, t.run, ended, func(err error) {
		t.cut.From = l.end
		done(t.cut, err)
	})
}

// reload closes the log's files, lets change work on them, and loads the log
// anew. Called with everything quiet.
func (l *Log) reload(lost error, change func() error, ended func(), done func(error)) {
	files, cfg := l.takeFiles(), l.cfg
	var rec *recovered
	l.env.Offload(func() (err error) {
		if err := closeFiles(files); err != nil {
			return err
		}
		if err := change(); err != nil {
			return err
		}
		rec, err = load(l.dir, cfg, &l.env)
		return err
	}, func(err error) {
		if err != nil {
			l.fail(err)
			ended()
			done(l.failed)
			return
		}
		l.install(rec)
		ended()
		l.resolveWaiters(lost)
		done(nil)
		l.env.Advanced()
	})
}

// takeFiles gives the open files to the caller, who closes them.
func (l *Log) takeFiles() []*ioring.File {
	var files []*ioring.File
	for _, s := range l.segs {
		if s.file != nil {
			files = append(files, s.file)
			s.file = nil
		}
	}
	return files
}

func closeFiles(files []*ioring.File) error {
	for _, f := range files {
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

type segmentFile struct {
	path             string
	base, last, size int64
}

// truncation is the blocking part of TruncateTo.
type truncation struct {
	dir, keepDir string
	offset       int64
	segs         []segmentFile
	meta         meta
	cut          Cut
}

func (t *truncation) run() error {
	next := min(t.segs[0].base, t.meta.start)
	// The last one reaches it, for the log's end is above; or it is the start that makes
	// the end, and lies in a hole above the last batch.
	for len(t.segs) > 1 && t.segs[0].last < t.offset {
		next = t.segs[0].last + 1
		t.segs = t.segs[1:]
	}
	first := t.segs[0]
	pos, next, err := t.position(first, next)
	if err != nil {
		return err
	}
	all := t.offset <= t.meta.start // nothing a reader could ask for is left
	if all {
		next = t.offset
	}
	t.cut.From = next
	if err := t.keep(pos); err != nil {
		return fmt.Errorf("keep a copy of what is cut off: %w", err)
	}
	if all {
		// What the state knows has no log behind it any more: it goes, too.
		m := meta{id: t.meta.id, resetting: true, start: next, floor: floor{offset: next, base: next}}
		return writeMeta(t.dir, m)
	}
	// From here on nothing above the cut counts as durable, so that a crash
	// in between is an end of the log and no damage.
	t.meta.start = min(t.meta.start, next)
	t.meta.floor = floor{offset: next, base: first.base, pos: pos}
	if err := writeMeta(t.dir, t.meta); err != nil {
		return err
	}
	c := cutPoint{base: first.base, pos: pos}
	for _, s := range t.segs[1:] {
		c.above = append(c.above, s.base)
	}
	return cutFiles(t.dir, c)
}

// position finds the first batch that ends at or above the offset, and the
// offset behind the batch before it; next is that before the segment.
func (t *truncation) position(s segmentFile, next int64) (pos, end int64, err error) {
	in, err := openScanner(s.path, 0, s.size)
	if err != nil {
		return 0, 0, err
	}
	defer in.close()
	for {
		pos = in.pos
		_, h, err := in.next(false)
		if err == io.EOF {
			return pos, next, nil
		}
		if err != nil {
			seg := segment{summary: summary{base: s.base, last: next - 1}, path: s.path}
			return 0, 0, seg.damage(pos, err)
		}
		if h.LastOffset >= t.offset {
			if h.BaseOffset <= t.meta.start {
				return pos, h.BaseOffset, nil // nothing in front of it can be read
			}
			return pos, max(next, t.meta.start), nil
		}
		next = h.LastOffset + 1
	}
}

// keep copies the batches from pos of the first segment on into one file of
// keepDir, in segment format.
func (t *truncation) keep(pos int64) error {
	if len(t.segs) == 1 && pos == t.segs[0].size {
		return nil
	}
	out := io.Discard
	sum := sha256.New()
	if t.keepDir != "" {
		f, err := t.keepFile()
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
		defer func() { t.cut.File = f.Name() }()
	}
	for i, s := range t.segs {
		from := int64(0)
		if i == 0 {
			from = pos
		}
		in, err := os.Open(s.path)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.MultiWriter(out, sum), io.NewSectionReader(in, from, s.size-from))
		in.Close()
		if err != nil {
			return err
		}
		if n != s.size-from {
			return fmt.Errorf("copy %s: %d bytes of %d", s.path, n, s.size-from)
		}
		t.cut.Bytes += n
	}
	sum.Sum(t.cut.SHA256[:0])
	if f, ok := out.(*os.File); ok {
		if err := f.Sync(); err != nil {
			return err
		}
		return ioring.SyncDir(t.keepDir)
	}
	return nil
}

// keepFile makes a new file named, like a segment, after the first offset cut;
// a number follows when the same offset was cut before.
func (t *truncation) keepFile() (*os.File, error) {
	if err := makeDir(t.keepDir); err != nil {
		return nil, err
	}
	for i := 1; ; i++ {
		name := fileName(t.cut.From, logSuffix)
		if i > 1 {
			name = fmt.Sprintf("%020d-%d%s", t.cut.From, i, logSuffix)
		}
		f, err := os.OpenFile(filepath.Join(t.keepDir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
		if !os.IsExist(err) {
			return f, err
		}
	}
}

// cutFiles removes what is at or above the cut, newest first, each step
// durable before the next: a crash leaves a longer prefix and no hole.
func cutFiles(dir string, c cutPoint) error {
	bases := c.above
	if c.pos == 0 && c.base >= 0 {
		bases = append([]int64{c.base}, bases...)
	}
	for i := len(bases) - 1; i >= 0; i-- {
		if err := removeSegmentFiles(dir, bases[i]); err != nil {
			return err
		}
		if err := ioring.SyncDir(dir); err != nil {
			return err
		}
	}
	if c.pos == 0 {
		return nil
	}
	return cutFile(dir, c.base, c.pos)
}

func cutFile(dir string, base, pos int64) error {
	// The index file may speak of what is cut.
	if err := os.Remove(filepath.Join(dir, fileName(base, indexSuffix))); err != nil && !os.IsNotExist(err) {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, fileName(base, logSuffix)), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(pos); err != nil {
		return err
	}
	return f.Sync()
}
