package batch

import (
	"fmt"

	"umbra/kafkaproto/crc32c"
)

// SizeMaxDefault is the largest batch a Verifier waits for unless told
// otherwise. A longer claim is taken for a lie.
const SizeMaxDefault = 256 << 20

// Verifier checks a records field while it arrives. Feed sees every byte once,
// as soon as it is there, so the CRC runs over memory that is still in the
// cache the socket read left it in. A cut may fall anywhere.
//
// It belongs to one goroutine and borrows the bytes during Feed only. Used
// again after Reset it allocates nothing, however many batches pass through.
type Verifier struct {
	SizeMax int // bytes; 0 is SizeMaxDefault

	heads []Head
	valid int   // bytes of complete batches that passed
	err   error // sticky

	// The batch that begins at valid:
	need   int    // its size once its length and format are known, else 0
	open   bool   // its head is complete and was checked
	head   Head   // if open
	want   uint32 // the CRC it claims, if open
	sum    uint32 // of its bytes up to hashed, if open
	hashed int    // bytes of the whole that were hashed or need no hashing

	// What came before it:
	expected int64 // lowest last offset the first batch may have
	next     int64 // lowest base offset it may have
	epoch    int32 // latest leader epoch seen, -1 if none
	drop     int   // index of the first batch below its predecessor's epoch, -1
}

// Reset makes v ready for a new records field. expected is the offset that was
// asked for: a batch that ends below it is refused. The first batch may begin
// below it, because a source answers with the whole batch the offset lies in;
// a caller that cannot take that looks at Batches()[0].BaseOffset.
func (v *Verifier) Reset(expected int64) {
	*v = Verifier{SizeMax: v.SizeMax, heads: v.heads[:0], expected: expected, epoch: -1, drop: -1}
}

// After tells v the leader epoch of the batch before the first, for EpochDrop.
// Call it between Reset and Feed.
func (v *Verifier) After(epoch int32) { v.epoch = epoch }

// Feed looks at what is new in whole: all bytes of the records field received
// so far, from its first byte on. After an error, which is ErrOldMagic or an
// ErrCorrupt, v stays as it is: Batches and Valid tell what was right before
// it. A field that ends inside a batch is no error, see Pending.
func (v *Verifier) Feed(whole []byte) error {
	if len(whole) < max(v.hashed, v.valid) {
		panic(fmt.Sprintf("BUG: records shrank from %d to %d bytes between two calls of Feed", v.hashed, len(whole)))
	}
	for v.err == nil {
		if !v.open && !v.begin(whole) {
			break
		}
		end := v.valid + v.need
		upTo := min(end, len(whole))
		v.sum = crc32c.Update(v.sum, whole[v.hashed:upTo])
		v.hashed = upTo
		if upTo < end {
			break
		}
		v.finish()
	}
	return v.err
}

// begin opens the batch at valid; false while its head is not all there, or
// when it is refused.
func (v *Verifier) begin(whole []byte) bool {
	in := whole[v.valid:]
	if v.need == 0 {
		sizeMax := v.SizeMax
		if sizeMax == 0 {
			sizeMax = SizeMaxDefault
		}
		if v.need, _, v.err = sizeAt(in, v.valid, sizeMax); v.need == 0 {
			return false
		}
	}
	if len(in) < HeadSize {
		return false
	}
	v.head.read(in, v.valid)
	if broken, got, want := v.checkHead(); broken != "" {
		v.err = ErrCorrupt{v.head.BaseOffset, v.valid, broken, got, want}
		return false
	}
	v.want, v.sum = View(in).CRC(), 0
	v.hashed = v.valid + posAttributes
	v.open = true
	return true
}

func (v *Verifier) checkHead() (broken Reason, got, want int64) {
	switch broken, got, want = v.head.check(); {
	case broken != "":
		return broken, got, want
	case len(v.heads) > 0 && v.head.BaseOffset < v.next:
		return ReasonOrder, v.head.BaseOffset, v.next
	case v.head.LastOffset < v.expected:
		return ReasonStale, v.head.LastOffset, v.expected
	}
	return "", 0, 0
}

// finish closes the batch at valid: all its bytes were hashed.
func (v *Verifier) finish() {
	if v.sum != v.want {
		v.err = ErrCorrupt{v.head.BaseOffset, v.valid, ReasonCRC, int64(v.want), int64(v.sum)}
		return
	}
	// Batches that an old broker converted from format 1 carry no epoch.
	if epoch := v.head.LeaderEpoch; epoch >= 0 {
		if epoch < v.epoch && v.drop < 0 {
			v.drop = len(v.heads)
		}
		v.epoch = epoch
	}
	v.heads = append(v.heads, v.head)
	v.next = v.head.LastOffset + 1
	v.valid += v.need
	v.need, v.open = 0, false
}

// Batches are the complete batches that passed, in order: a list v re-uses,
// valid until Reset.
func (v *Verifier) Batches() []Head { return v.heads }

// Valid is how many bytes, from the start, are complete batches that passed.
func (v *Verifier) Valid() int { return v.valid }

// Pending is the size of the batch at Valid, of which a part is here; 0 when
// nothing of it is, or too little to tell. When a whole response holds no
// batch, it says how much the next fetch must ask for.
func (v *Verifier) Pending() int { return v.need }

// EpochDrop is the index in Batches of the first one whose leader epoch is
// below that of a batch before it, -1 if none. It is legal data, though no
// healthy source has it, so it is for the caller to judge.
func (v *Verifier) EpochDrop() int { return v.drop }

// Err is what Feed returned last.
func (v *Verifier) Err() error { return v.err }
