// Package compress holds the four codecs of Kafka record batches behind one
// type, Codecs. It serves compaction, time look-up, validation and tools; the
// link never calls it, a mirrored batch stays compressed from source to disk.
//
// It knows nothing of batches: bytes in, bytes out. Output is always bounded by
// an absolute cap the caller gives, because a few hundred hostile bytes can
// otherwise unpack to gigabytes.
package compress

import (
	"errors"
	"fmt"
)

// Codec is the compression of a record batch, numbered as in bits 0-2 of its
// attributes.
type Codec uint8

const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

// ErrTooLarge: the unpacked data would be longer than the cap of the caller.
var ErrTooLarge = errors.New("unpacked data exceeds its limit")

// ErrUnknownCodec: a number outside the table above.
var ErrUnknownCodec = errors.New("unknown compression codec")

// ErrCorrupt: the packed data is not what its codec writes.
var ErrCorrupt = errors.New("corrupt compressed data")

// Valid reports whether this package can read and write c.
func (c Codec) Valid() bool { return c <= Zstd }

// String is the name Kafka's compression.type uses.
func (c Codec) String() string {
	switch c {
	case None:
		return "none"
	case Gzip:
		return "gzip"
	case Snappy:
		return "snappy"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return fmt.Sprintf("codec(%d)", uint8(c))
}

// Parse is the inverse of String; "uncompressed" is another word for none, as
// in the topic setting compression.type.
func Parse(name string) (Codec, error) {
	if name == "uncompressed" {
		return None, nil
	}
	for c := None; c.Valid(); c++ {
		if c.String() == name {
			return c, nil
		}
	}
	return None, fmt.Errorf("compression %q: %w (want none, gzip, snappy, lz4 or zstd)", name, ErrUnknownCodec)
}
