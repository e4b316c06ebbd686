package plain

import "encoding/binary"

// walker follows a records field as it passes by in pieces and learns where it
// ends, looking at the head of every batch and at nothing else.
//
//	base offset int64 | length int32 | leader epoch int32 | magic int8 | crc int32 |
//	attributes int16 | last offset delta int32 | ...      = 27 bytes
type walker struct {
	head [walkHead]byte
	have int   // bytes of the head that were seen
	left int   // bytes of the batch that are to come, behind the head
	last int64 // last offset of the batch in hand
	size int   // its bytes

	next  int64 // offset behind the last whole batch; -1: there was none
	bytes int64 // of whole batches
}

const (
	walkHead      = 27
	posLength     = 8
	posDelta      = 23
	lengthIsAfter = 12 // a batch's length counts what follows the length field
)

func (w *walker) reset() { *w = walker{next: -1} }

// feed takes the next piece, which it borrows.
func (w *walker) feed(b []byte) {
	for len(b) > 0 {
		if w.left > 0 {
			n := min(w.left, len(b))
			w.left -= n
			b = b[n:]
			w.finish()
			continue
		}
		n := copy(w.head[w.have:], b)
		w.have += n
		b = b[n:]
		if w.have == walkHead {
			w.begin()
		}
	}
}

func (w *walker) begin() {
	w.have = 0
	w.size = int(binary.BigEndian.Uint32(w.head[posLength:])) + lengthIsAfter
	w.last = int64(binary.BigEndian.Uint64(w.head[:])) + int64(binary.BigEndian.Uint32(w.head[posDelta:]))
	w.left = max(0, w.size-walkHead)
	w.finish()
}

// finish counts the batch in hand once its last byte was seen.
func (w *walker) finish() {
	if w.left == 0 {
		w.next = w.last + 1
		w.bytes += int64(w.size)
	}
}
