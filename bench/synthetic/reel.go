package synthetic

import (
	"encoding/binary"
	"io"
	"net"
)

// reelBytes is the memory that a connection's batches are sent from: small enough
// to stay in a cache, large enough for few system calls.
const reelBytes = 256 << 10

// A reel is copies of the canned batch one behind the other, so that many leave in
// one piece; before they do, each gets its base offset. A socket has copied what it
// was given when the call returns, so the reel is then free again.
type reel struct {
	batch  []byte
	count  int64  // records of a batch
	frames []byte // made when first used
	used   int    // bytes that wait in bufs
	bufs   net.Buffers
}

// play writes head, and at each of cuts in it a piece's batches.
func (r *reel) play(c io.Writer, head []byte, cuts []int, pieces []piece) error {
	if r.frames == nil {
		for range max(1, reelBytes/len(r.batch)) {
			r.frames = append(r.frames, r.batch...)
		}
	}
	at := 0
	for i, p := range pieces {
		r.bufs = append(r.bufs, head[at:cuts[i]])
		at = cuts[i]
		if err := r.put(c, p); err != nil {
			return err
		}
	}
	r.bufs = append(r.bufs, head[at:])
	return r.flush(c)
}

// put queues a piece's batches, and writes whenever the reel is used up.
func (r *reel) put(c io.Writer, p piece) error {
	for k := 0; k < p.batches; {
		if r.used == len(r.frames) {
			if err := r.flush(c); err != nil {
				return err
			}
		}
		n := min(p.batches-k, (len(r.frames)-r.used)/len(r.batch))
		part := r.frames[r.used:][:n*len(r.batch)]
		for i := range n {
			binary.BigEndian.PutUint64(part[i*len(r.batch):], uint64(p.offset+int64(k+i)*r.count))
		}
		r.bufs = append(r.bufs, part)
		r.used += len(part)
		k += n
	}
	return nil
}

func (r *reel) flush(c io.Writer) error {
	bufs := r.bufs // WriteTo moves it along
	_, err := bufs.WriteTo(c)
	clear(r.bufs)
	r.bufs, r.used = r.bufs[:0], 0
	return err
}
