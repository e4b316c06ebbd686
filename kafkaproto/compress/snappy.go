package compress

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/klauspost/compress/snappy"
)

// Java's snappy stream ("xerial framing"), which the Java client writes and
// expects; librdkafka and others write a raw snappy block instead, and both
// must be read:
//
//	82 'S' 'N' 'A' 'P' 'P' 'Y' 00 | version i32 | lowest reader version i32 | { length i32 | snappy block }*
//
// A stream may be followed by another one, header and all.
const (
	xerialHead  = "\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"
	xerialMagic = "\x82SNAPPY\x00"
	// xerialBlock is the block size of the Java writer.
	xerialBlock = 32 << 10
	// snappyRatioMax: the densest element unpacks 3 bytes to 64. A block that
	// claims more is lying, and nothing is allocated for it.
	snappyRatioMax = 64/3 + 1
)

func xerialEncode(dst, src []byte) []byte {
	dst = append(dst, xerialHead...)
	for len(src) > 0 {
		block := src[:min(len(src), xerialBlock)]
		src = src[len(block):]
		lengthAt := len(dst)
		dst = slices.Grow(dst, 4+snappy.MaxEncodedLen(len(block)))[:lengthAt+4]
		packed := snappy.Encode(dst[lengthAt+4:cap(dst)], block)
		binary.BigEndian.PutUint32(dst[lengthAt:], uint32(len(packed)))
		dst = dst[:lengthAt+4+len(packed)]
	}
	return dst
}

func snappyDecode(dst, src []byte, lenMax int) ([]byte, error) {
	if !isXerial(src) {
		return snappyBlock(dst, src, lenMax)
	}
	start := len(dst)
	for len(src) > 0 {
		if isXerial(src) {
			src = src[len(xerialHead):]
			continue
		}
		if len(src) < 4 {
			return nil, fmt.Errorf("%w: %d bytes after the last block", ErrCorrupt, len(src))
		}
		n := binary.BigEndian.Uint32(src)
		if src = src[4:]; uint64(n) > uint64(len(src)) {
			return nil, fmt.Errorf("%w: block of %d bytes, %d are left", ErrCorrupt, n, len(src))
		}
		var err error
		if dst, err = snappyBlock(dst, src[:n], lenMax-(len(dst)-start)); err != nil {
			return nil, err
		}
		src = src[n:]
	}
	return dst, nil
}

func isXerial(src []byte) bool {
	return len(src) >= len(xerialHead) && string(src[:len(xerialMagic)]) == xerialMagic
}

func snappyBlock(dst, src []byte, lenMax int) ([]byte, error) {
	n, err := snappy.DecodedLen(src)
	switch {
	case err != nil:
		return nil, err
	case n > len(src)*snappyRatioMax:
		return nil, fmt.Errorf("%w: block of %d bytes claims to unpack to %d", ErrCorrupt, len(src), n)
	case n > lenMax:
		return nil, ErrTooLarge
	}
	start := len(dst)
	dst = slices.Grow(dst, n)[:start+n]
	// A destination of exactly the right length is filled in place.
	if _, err := snappy.DecodeStrict(dst[start:], src); err != nil {
		return nil, err
	}
	return dst, nil
}
