package batch

import "math"

// Next splits the first batch off a records field: it looks at length and
// format only, which is what walking needs (Validate and CheckCRC look further).
// Both results are views of b. Use it while len(rest) > 0.
//
// ErrCutShort means that b ends inside its first batch and rest is b; ErrOldMagic
// and ErrCorrupt that nothing behind this point can be found.
func Next(b []byte) (v View, rest []byte, err error) {
	size, known, err := sizeAt(b, 0, math.MaxInt32)
	switch {
	case err != nil:
		return nil, b, err
	case !known || size > len(b):
		return nil, b, ErrCutShort
	}
	return View(b[:size:size]), b[size:], nil
}

// Validate checks everything but the CRC and the records themselves: that v is
// exactly one batch and that its counts, offsets and length can be true.
// Holes between offsets are normal.
func (v View) Validate() error {
	one, rest, err := Next(v)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return ErrCorrupt{one.BaseOffset(), 0, ReasonLength, int64(len(v)), int64(len(one))}
	}
	h := one.Head(0)
	if broken, got, want := h.check(); broken != "" {
		return ErrCorrupt{h.BaseOffset, 0, broken, got, want}
	}
	return nil
}
