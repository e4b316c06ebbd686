package segment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"umbra/ioring"
)

// Open opens the log in dir, or makes an empty one. It blocks: it recovers the
// longest valid prefix, and it belongs off the loop; of env it uses
// Ring.OpenFile, Log and Now only. The index, the epochs, producers and transactions are those of
// the batches that are there.
//
// Above the durable floor, what is torn or zero is the end of the log and is
// cut off. Below it is damage: Open fails with *DamageError and changes
// nothing. ErrIdentity when the directory belongs to another partition.
func Open(dir string, cfg Config, env Env) (*Log, error) {
	if err := env.complete(); err != nil {
		return nil, err
	}
	if env.Hot == nil {
		env.Hot = NewHot(hotDefault)
	}
	if env.Reads == nil {
		env.Reads = NewReads(readsDefault)
	}
	l := &Log{dir: dir, cfg: cfg.withDefaults(), env: env, tailBlock: -1}
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("open log %s: %w", dir, err)
	}
	rec, err := load(dir, l.cfg, &l.env)
	if err != nil {
		return nil, fmt.Errorf("open log %s: %w", dir, err)
	}
	l.install(rec)
	return l, nil
}

// hotDefault is the hot tail of a log that shares none.
const hotDefault = 16 << 20

// readsDefault is what a log that shares no bound may have under way.
const readsDefault = 4 << 20

func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return ioring.SyncDir(filepath.Dir(dir))
}

// recovered is what load found.
type recovered struct {
	segs  []*segment
	start int64
	state *State
	tail  []byte
	floor floor
	whole bool // a whole checkpoint of the end is on disk
}

// install makes l what rec says. Nothing is in flight, reserved or queued.
func (l *Log) install(rec *recovered) {
	l.dropPieces()
	l.segs, l.start, l.state, l.floor = rec.segs, rec.start, rec.state, rec.floor
	l.tail = append(l.tail[:0], rec.tail...)
	l.warm, l.startWanted = nil, rec.start
	l.end = rec.end()
	var v int64
	for _, s := range l.segs {
		s.vbase = v
		v = s.vend()
	}
	if seg := l.active(); seg != nil {
		seg.born = l.env.Now()
	}
	l.vwritten, l.vmark, l.vdurable, l.vbulk = v, v, v, v
	l.written, l.durable = l.end, l.end
	l.marks.reset()
	l.flight.reset()
	l.tailBlock = -1
	l.sync.want = 0
	l.sync.stopTimer()
	l.ckpts, l.ckptV = nil, v
	if l.found = -1; rec.whole {
		l.found = v
	}
	l.account()
}

func (r *recovered) end() int64 {
	if n := len(r.segs); n > 0 {
		return max(r.segs[n-1].last+1, r.start)
	}
	return r.start
}

// resolveWaiters answers those who waited when the log was loaded anew: what
// is left of it is durable, the rest is lost.
func (l *Log) resolveWaiters(lost error) {
	l.wakeWaiters(nil, func(w *waiter) bool { return w.offset <= l.durable })
	l.failWaiters(lost)
}

// loader is one recovery.
type loader struct {
	dir     string
	cfg     Config
	env     *Env
	meta    meta
	found   bool // a meta file exists and is whole
	out     *recovered
	changed bool  // files were removed: the directory wants an fsync
	scanned bool  // a segment had no index of all of it
	snapped int64 // offset of the snapshot that the state was made from, -1: none
}

// load finds out what the directory holds and puts it in order. Running it
// again, also after a crash inside it, gives the same.
func load(dir string, cfg Config, env *Env) (*recovered, error) {
	r := &loader{dir: dir, cfg: cfg, env: env, out: &recovered{state: new(State)}, snapped: -1}
	for _, step := range []func() error{r.readMeta, r.finishReset, r.tidy, r.findSegments, r.checkFloor,
		r.replayState, r.dropBelowStart, r.openActive, r.saveMeta} {
		if err := step(); err != nil {
			r.closeFiles()
			return nil, err
		}
	}
	return r.out, nil
}

func (r *loader) readMeta() (err error) {
	r.meta, r.found, err = readMeta(r.dir)
	if errors.Is(err, ErrCorrupt) {
		// Start offset and floor are lost: the log begins at its first
		// segment, and all but the newest segment count as durable.
		r.env.Log.Warn("the meta file is damaged and made again; records that were deleted from the first segment show again",
			"dir", r.dir, "error", err)
		r.found, err = false, nil
	}
	if err != nil {
		return err
	}
	if !r.found {
		return r.guessMeta()
	}
	if r.meta.id != r.env.Identity {
		return fmt.Errorf("%w: it is %s, wanted %s; mount or move the right directory", ErrIdentity, r.meta.id, r.env.Identity)
	}
	r.out.start, r.out.floor = r.meta.start, r.meta.floor
	return nil
}

func (r *loader) guessMeta() error {
	r.meta = meta{id: r.env.Identity}
	bases, err := listOffsets(r.dir, logSuffix)
	if err != nil || len(bases) == 0 {
		return err
	}
	r.out.start = bases[0]
	r.out.floor = floor{base: bases[len(bases)-1]}
	return nil
}

// finishReset does again what ResetTo may have left half done.
func (r *loader) finishReset() error {
	if !r.meta.resetting {
		return nil
	}
	if err := removeAll(r.dir); err != nil {
		return err
	}
	r.meta.resetting, r.found = false, false // write it anew
	return nil
}

// tidy removes temporary files.
func (r *loader) tidy() error {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == tmpSuffix {
			if err := os.Remove(filepath.Join(r.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
