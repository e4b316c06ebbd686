package segment

import (
	"os"
	"path/filepath"
	"slices"
)

const (
	// checkpointBytes: after this many durable bytes a checkpoint is taken,
	// which bounds what recovery reads after a crash.
	checkpointBytes = 64 << 20
	// statesKept is how many state files are kept: the newest ones, so that a
	// torn or lost one, or a truncation below it, finds an older one.
	statesKept = 3
)

// checkpoint is a picture of the log at one batch boundary, to be put on disk
// once everything below it is durable: the state, the index of the active
// segment, and the floor.
type checkpoint struct {
	pending bool
	v       int64 // position
	floor   floor
	state   []byte
	idx     *index // nil when the boundary is the end of a sealed segment
	sum     summary
	lastV   int64 // position of the last one taken
}

// takeCheckpoint pictures the log as it is now, at EndOffset.
func (l *Log) takeCheckpoint() {
	if len(l.segs) == 0 {
		return
	}
	seg := l.segs[len(l.segs)-1]
	v := seg.vend()
	l.ckpt = checkpoint{pending: true, v: v, lastV: v, state: l.state.Encode(nil), sum: seg.summary,
		floor: floor{offset: l.end, base: seg.base, pos: seg.size}}
	if !seg.sealed {
		l.ckpt.idx = seg.idx.frozen()
	}
}

// checkpointDue follows the durable position.
func (l *Log) checkpointDue() {
	if l.ckpt.pending && l.ckpt.v <= l.vdurable {
		l.writeCheckpoint()
	}
	if !l.ckpt.pending && l.vdurable-l.ckpt.lastV >= checkpointBytes && !l.frozen() {
		l.takeCheckpoint()
	}
}

func (l *Log) writeCheckpoint() {
	c := l.ckpt
	l.ckpt = checkpoint{lastV: c.lastV}
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

func putCheckpoint(dir string, c *checkpoint, m meta) error {
	if err := writeAtomic(dir, fileName(c.floor.offset, stateSuffix), c.state); err != nil {
		return err
	}
	if c.idx != nil {
		if err := writeIndex(dir, c.idx, &c.sum); err != nil {
			return err
		}
	}
	if err := writeMeta(dir, m); err != nil {
		return err
	}
	return dropOldStates(dir)
}

func dropOldStates(dir string) error {
	offsets, err := listOffsets(dir, stateSuffix)
	if err != nil {
		return err
	}
	for len(offsets) > statesKept {
		if err := os.Remove(filepath.Join(dir, fileName(offsets[0], stateSuffix))); err != nil {
			return err
		}
		offsets = offsets[1:]
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
