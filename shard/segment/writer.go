package segment

import (
	"errors"

	"golang.org/x/sys/unix"

	"umbra/ioring"
	"umbra/ioring/buf"
)

const (
	// coalesceBytes: while a write of the log is in flight, fewer new bytes
	// than this wait for it and for company: CPU per byte falls with size.
	coalesceBytes = 256 << 10
	// writesMax is how many writes of one log are in flight at most.
	writesMax = 8
	// mergeMax: up to this many bytes of full blocks go into one write with
	// the padded tail block, which is written from a copy. Beyond, the tail goes
	// beside them in a small write, which ends sooner and so holds back the
	// writes behind it for less time.
	mergeMax = 16 << 10
	// cachedMax: while no more than this is unwritten, it goes through the page cache.
	// What has just come is then readable without waiting for the disk, and for
	// whoever else writes to it; what comes by the MiB, and what a copy catches up
	// with, costs less directly.
	cachedMax = 128 << 10
)

// write is one write in the ring. They are popped in order of their place in
// the log, whatever order they end in.
type write struct {
	op   ioring.Op
	log  *Log
	endV int64     // the log's bytes below are on disk when this and all before it are done
	tail bool      // includes the padded last block of an open segment
	side *buf.Slab // the copy it is written from; nil: from the piece itself
	done bool
	next *write
}

// pushWrites hands appended bytes to the ring, in the order of the log:
//
//   - nothing in flight: everything goes, the padded tail block included;
//   - writes in flight: only full blocks, when enough have gathered, as separate
//     writes that do not overlap;
//   - a block that is in flight as a padded tail is not written again before
//     that write is over, so two writes of one block never race.
func (l *Log) pushWrites() {
	if l.space.rollback {
		return
	}
	idle := l.writing == 0
	if end := l.vend(); end-l.vwritten > cachedMax || l.behind && !l.local {
		l.vbulk = end
	}
	for l.pushed < len(l.pieces) {
		p := l.pieces[l.pushed]
		if p.seg == nil || p.seg.file == nil {
			return
		}
		last := l.pushed == len(l.pieces)-1
		ends := last || l.pieces[l.pushed+1].seg != p.seg
		if !l.pushPiece(p, ends, idle) || last {
			return
		}
		l.pushed++
	}
}

// pushPiece reports whether all of p that is its own to write has been pushed.
// ends: no later piece carries its partial last block.
func (l *Log) pushPiece(p *piece, ends, idle bool) bool {
	align := int64(p.seg.file.Align())
	open := ends && !p.seg.sealed
	end := p.end
	if !ends {
		end &^= blockSize - 1
	}
	for p.sub < end {
		if l.writing > 0 && l.cached != l.throughCache(p) {
			return false // both ways at once may meet in one folio of the cache, and then the kernel reports EIO
		}
		lo, full := p.sub&^(align-1), end&^(align-1)
		if l.writing >= writesMax || l.tailBlock == p.seg.vbase+lo || lo >= p.seg.allocated {
			return false
		}
		full = min(full, p.seg.allocated)
		tailToo := full < end && full+align <= p.seg.allocated && (idle || !open)
		switch {
		case open && !idle && full-lo < coalesceBytes:
			return false
		case full == lo && !tailToo:
			return false
		case full == lo || tailToo && full-lo <= mergeMax:
			if !l.pushTail(p, lo, end, open) {
				return false
			}
		case !l.pushRange(p, lo, full):
			return false
		}
	}
	return true
}

// pushRange writes whole units of the file from p's memory.
func (l *Log) pushRange(p *piece, lo, hi int64) bool {
	w := l.newWrite(p, lo, hi)
	w.op.Buf, w.op.Slab = p.mem[lo-p.from:hi-p.from], p.slab
	return l.pushWrite(w, p, hi)
}

// pushTail writes from lo to the end, padded with zeros to a whole block.
//
// While the segment is open it does so from a copy. The memory behind the end
// goes on being filled during the write: by appends, and by a reservation whose
// bytes nobody has verified yet. Written from there, such bytes could reach the
// disk and, after a crash, be taken for a part of the log; and file systems that
// checksum their blocks demand that a block does not change under the write.
func (l *Log) pushTail(p *piece, lo, end int64, open bool) bool {
	hi := roundUp(end, int64(p.seg.file.Align()))
	if !open {
		clear(p.mem[end-p.from : hi-p.from])
		w := l.newWrite(p, lo, end)
		w.op.Buf, w.op.Slab = p.mem[lo-p.from:hi-p.from], p.slab
		return l.pushWrite(w, p, end)
	}
	side, err := l.alloc(int(hi - lo))
	if err != nil {
		l.retryLater()
		return false
	}
	w := l.newWrite(p, lo, end)
	w.tail, w.side = true, side
	w.op.Buf, w.op.Slab = side.Bytes()[:hi-lo], side
	clear(w.op.Buf[copy(w.op.Buf, p.mem[lo-p.from:end-p.from]):])
	return l.pushWrite(w, p, end)
}

func (l *Log) newWrite(p *piece, lo, end int64) *write {
	w := l.freeWrite
	if w == nil {
		w = &write{log: l}
		w.op.Done = w.finished
	} else {
		l.freeWrite = w.next
	}
	w.next, w.done, w.tail = nil, false, false
	w.op.Kind, w.op.File, w.op.Off = ioring.Write, p.seg.file, lo
	w.endV = p.seg.vbase + end
	w.op.Cached = l.throughCache(p)
	w.op.Sync = !w.op.Cached && l.chainSync(p.seg, w.endV)
	w.op.Own = w.op.Sync && p.seg.vbase+lo <= l.vdurable
	return w
}

// throughCache says whether what p has to be written goes through the page cache: it did
// not come with too much else, and nobody waits for it to be durable. The flush window
// takes it to the disk. The rest of a large append stays with the rest: a direct write
// of a block that is dirty in the cache waits for the disk twice.
func (l *Log) throughCache(p *piece) bool {
	return p.seg.vbase+p.sub >= l.vbulk && len(l.waiters) == 0
}

func (l *Log) pushWrite(w *write, p *piece, end int64) bool {
	if !l.pushOp(&w.op) {
		l.recycle(w)
		return false
	}
	p.sub = end
	if w.tail && w.op.File.Align() > 1 {
		l.tailBlock = p.seg.vbase + end&^(int64(w.op.File.Align())-1)
	}
	if w.op.Sync {
		l.sync.busy = true
		l.stats.Syncs++
	}
	l.writing++
	l.cached = w.op.Cached
	l.flight.push(w)
	l.stats.Writes++
	l.stats.WrittenBytes += int64(len(w.op.Buf))
	return true
}

func (l *Log) recycle(w *write) {
	if w.side != nil {
		w.side.Release()
		w.side = nil
	}
	w.op.Buf, w.op.Slab, w.op.File = nil, nil, nil
	w.next, l.freeWrite = l.freeWrite, w
}

// finished runs on the loop when the write, and the fsync chained to it, is over.
func (w *write) finished(op *ioring.Op) {
	l := w.log
	l.writing--
	if w.tail {
		l.tailBlock = -1
	}
	if op.Sync {
		l.sync.busy = false
	}
	if w.side != nil {
		w.side.Release()
		w.side = nil
	}
	if op.Err != nil {
		l.writeFailed(op)
		return
	}
	w.done = true
	if l.failed == nil {
		l.advance()
	}
	l.markDirty()
}

// writeFailed: a full disk is taken back to what is written and waited for;
// everything else, and every failed fsync, is final (D5).
func (l *Log) writeFailed(op *ioring.Op) {
	if op.File.Err() == nil && isNoSpace(op.Err) {
		l.noSpace(op.Err)
	} else {
		l.fail(op.Err)
	}
	l.markDirty()
}

func isNoSpace(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// advance moves the written offset over every write that is done with all
// before it.
func (l *Log) advance() {
	before := l.written
	synced := false
	for l.flight.len() > 0 && (*l.flight.front()).done {
		w := l.flight.pop()
		l.vwritten = w.endV
		for l.marks.len() > 0 && l.marks.front().v <= l.vwritten {
			m := l.marks.pop()
			l.written, l.vmark = m.next, m.v
		}
		if w.op.Sync {
			l.vdurable, l.durable, synced = l.vwritten, l.written, true
		}
		l.recycle(w)
	}
	l.account()
	if synced {
		l.afterSync()
	}
	if l.written != before || synced {
		l.env.Hot.Trim()
		l.flushWindow()
		l.env.Advanced()
	}
}
