package segment

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"umbra/ioring"
)

const (
	// checkpointBytes and checkpointEvery: a checkpoint is taken after this many
	// durable bytes, but not sooner than this after the one before. They bound
	// what recovery reads after a crash: of each log the last bytes, or what it
	// wrote in a moment, which is read faster than it was written. A checkpoint is
	// four fsyncs and three new files, and by bytes alone a log that takes 150 MB/s
	// spent a tenth of its processor time on them.
	checkpointBytes = 64 << 20
	checkpointEvery = 2 * time.Second
	// statesKept is how many of the newest state files are kept, besides one
	// for the beginning of each segment.
	statesKept = 3
)

// checkpoint is a picture of the log at one batch boundary, to be put on disk
// once everything below it is durable: the state, the index of the active
// segment, and the floor. One is taken at the end of every segment, so that a
// truncation into any segment finds the state at its beginning.
type checkpoint struct {
	v     int64 // position
	floor floor
	state []byte
	idx   *index // nil when the boundary is the end of a sealed segment
	sum   summary
}

// takeCheckpoint pictures the log as it is now, at EndOffset.
func (l *Log) takeCheckpoint() {
	if len(l.segs) == 0 {
		return
	}
	seg := l.segs[len(l.segs)-1]
	c := checkpoint{v: seg.vend(), state: l.state.Encode(nil), sum: seg.summary,
		floor: floor{offset: l.end, base: seg.base, pos: seg.size}}
	if !seg.sealed {
		c.idx = seg.idx.frozen()
	}
	l.ckptV, l.ckptAt = c.v, l.env.Now()
	l.ckpts = append(l.ckpts, c)
}

// checkpointDue follows the durable position.
func (l *Log) checkpointDue() {
	for len(l.ckpts) > 0 && l.ckpts[0].v <= l.vdurable {
		c := l.ckpts[0]
		l.ckpts[0] = checkpoint{}
		l.ckpts = l.ckpts[1:]
		l.writeCheckpoint(c)
	}
	if len(l.ckpts) == 0 && l.vdurable-l.ckptV >= checkpointBytes && l.env.Now().Sub(l.ckptAt) >= checkpointEvery && !l.frozen() {
		l.takeCheckpoint()
	}
}

func (l *Log) writeCheckpoint(c checkpoint) {
	l.floor = c.floor
	m := l.metaNow()
	l.enqueue(func() error { return putCheckpoint(l.dir, &c, m) }, func(err error) {
		if err != nil {
			// Recovery reads more than it would have had to.
			l.env.Log.Warn("could not write a checkpoint", "dir", l.dir, "offset", c.floor.offset, "error", err)
		}
	})
}

func (l *Log) metaNow() meta {
	return meta{id: l.env.Identity, start: max(l.start, l.startWanted), floor: l.floor}
}

// putCheckpoint writes state, index and meta file. Whichever of them a crash leaves old
// says less than is durable, so one fsync of the directory does for all.
func putCheckpoint(dir string, c *checkpoint, m meta) error {
	files := []struct {
		name string
		data []byte
	}{{fileName(c.floor.offset, stateSuffix), c.state}, {metaName, m.encode()}}
	for _, f := range files {
		if err := writeSynced(filepath.Join(dir, f.name+tmpSuffix), f.data); err != nil {
			return err
		}
	}
	if c.idx != nil {
		if err := writeIndex(dir, c.idx, &c.sum); err != nil {
			return err
		}
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := os.Rename(path+tmpSuffix, path); err != nil {
			return err
		}
	}
	if err := ioring.SyncDir(dir); err != nil {
		return err
	}
	return dropOldStates(dir)
}

// dropOldStates removes the state files that nothing would begin from: it
// keeps the newest few, and for every segment the newest one at or below its
// first batch.
func dropOldStates(dir string) error {
	states, err := listOffsets(dir, stateSuffix)
	if err != nil || len(states) <= statesKept {
		return err
	}
	bases, err := listOffsets(dir, logSuffix)
	if err != nil {
		return err
	}
	keep := map[int64]bool{}
	for _, s := range states[len(states)-statesKept:] {
		keep[s] = true
	}
	for _, base := range bases {
		if i, ok := slices.BinarySearch(states, base); ok {
			keep[base] = true
		} else if i > 0 {
			keep[states[i-1]] = true
		}
	}
	for _, s := range states {
		if keep[s] {
			continue
		}
		if err := os.Remove(filepath.Join(dir, fileName(s, stateSuffix))); err != nil {
			return err
		}
	}
	return nil
}

// listOffsets gives the offsets in the names of dir's files with suffix,
// lowest first.
func listOffsets(dir, suffix string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []int64
	for _, e := range entries {
		if offset, ok := parseName(e.Name(), suffix); ok {
			out = append(out, offset)
		}
	}
	slices.Sort(out)
	return out, nil
}

// writeIndex writes a sidecar. It is not fsynced: a torn one fails its
// checksum and is made again.
func writeIndex(dir string, x *index, s *summary) error {
	path := filepath.Join(dir, fileName(s.base, indexSuffix))
	if err := os.WriteFile(path+tmpSuffix, encodeIndex(x, s), 0o640); err != nil {
		return err
	}
	return os.Rename(path+tmpSuffix, path)
}
