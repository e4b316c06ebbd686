package compress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

const (
	// zstdWindowMax is the largest window a Kafka client can write (level 22).
	// Nothing is allocated for it: unpacking uses the output as its window.
	zstdWindowMax = 128 << 20
	// growMin is the least room given to a coder at once.
	growMin = 4 << 10
	// idleReadsMax ends a coder that neither progresses nor fails.
	idleReadsMax = 100
)

// Codecs owns one coder per codec and direction, made at first use and used
// again after. It belongs to one goroutine at a time. The zero value is ready;
// no coder starts a goroutine of its own.
type Codecs struct {
	source bytes.Reader
	gzipR  *gzip.Reader
	gzipW  *gzip.Writer
	lz4R   *lz4.Reader
	lz4W   *lz4.Writer
	zstdR  *zstd.Decoder
	zstdW  *zstd.Encoder

	zstdMax int // what zstdR was made to refuse, bytes
}

// Close frees the coders; the next use makes new ones.
func (c *Codecs) Close() {
	if c.zstdR != nil {
		c.zstdR.Close()
	}
	*c = Codecs{}
}

// Compress appends src packed by codec to dst and returns the longer slice.
// It borrows src, which must not overlap dst's spare capacity.
func (c *Codecs) Compress(codec Codec, dst, src []byte) ([]byte, error) {
	out, err := c.compress(codec, dst, src)
	if err != nil {
		return dst, fmt.Errorf("compress %d bytes by %s: %w", len(src), codec, err)
	}
	return out, nil
}

func (c *Codecs) compress(codec Codec, dst, src []byte) ([]byte, error) {
	switch codec {
	case None:
		return append(dst, src...), nil
	case Gzip:
		return c.gzip(dst, src)
	case Snappy:
		return xerialEncode(dst, src), nil
	case LZ4:
		return c.lz4(dst, src)
	case Zstd:
		return c.zstd(dst, src)
	}
	return nil, ErrUnknownCodec
}

// Decompress appends src unpacked by codec to dst and returns the longer
// slice. It borrows src, which must not overlap dst's spare capacity.
//
// No more than lenMax bytes are appended: what is longer fails with
// ErrTooLarge, and no buffer much larger than lenMax (for zstd, than the larger
// of lenMax and 128 MiB) is made before that shows. Data the codec cannot read
// fails with ErrCorrupt. On an error dst comes back as it was.
func (c *Codecs) Decompress(codec Codec, dst, src []byte, lenMax int) ([]byte, error) {
	out, err := c.decompress(codec, dst, src, max(lenMax, 0))
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, ErrTooLarge):
		err = fmt.Errorf("%w of %d bytes", ErrTooLarge, lenMax)
	case !errors.Is(err, ErrUnknownCodec) && !errors.Is(err, ErrCorrupt):
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return dst, fmt.Errorf("decompress %d bytes by %s: %w", len(src), codec, err)
}

func (c *Codecs) decompress(codec Codec, dst, src []byte, lenMax int) ([]byte, error) {
	switch codec {
	case None:
		if len(src) > lenMax {
			return nil, ErrTooLarge
		}
		return append(dst, src...), nil
	case Gzip:
		return c.gunzip(dst, src, lenMax)
	case Snappy:
		return snappyDecode(dst, src, lenMax)
	case LZ4:
		return c.unlz4(dst, src, lenMax)
	case Zstd:
		return c.unzstd(dst, src, lenMax)
	}
	return nil, ErrUnknownCodec
}

func (c *Codecs) gzip(dst, src []byte) ([]byte, error) {
	out := sink{dst}
	if c.gzipW == nil {
		c.gzipW = gzip.NewWriter(&out)
	} else {
		c.gzipW.Reset(&out)
	}
	return out.from(c.gzipW, src)
}

func (c *Codecs) gunzip(dst, src []byte, lenMax int) ([]byte, error) {
	c.source.Reset(src)
	defer c.source.Reset(nil)
	if c.gzipR == nil {
		c.gzipR = new(gzip.Reader)
	}
	if err := c.gzipR.Reset(&c.source); err != nil {
		return nil, err
	}
	return readCapped(dst, c.gzipR, lenMax)
}

// lz4 writes what Kafka's Java client writes and can read: independent blocks
// of 64 KiB, no content checksum.
func (c *Codecs) lz4(dst, src []byte) ([]byte, error) {
	out := sink{dst}
	if c.lz4W == nil {
		c.lz4W = lz4.NewWriter(&out)
		if err := c.lz4W.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false), lz4.ConcurrencyOption(1)); err != nil {
			return nil, err
		}
	} else {
		c.lz4W.Reset(&out)
	}
	return out.from(c.lz4W, src)
}

func (c *Codecs) unlz4(dst, src []byte, lenMax int) ([]byte, error) {
	c.source.Reset(src)
	defer c.source.Reset(nil)
	if c.lz4R == nil {
		c.lz4R = lz4.NewReader(&c.source)
		if err := c.lz4R.Apply(lz4.ConcurrencyOption(1)); err != nil {
			return nil, err
		}
	} else {
		c.lz4R.Reset(&c.source)
	}
	return readCapped(dst, c.lz4R, lenMax)
}

func (c *Codecs) zstd(dst, src []byte) ([]byte, error) {
	if c.zstdW == nil {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
			zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
		if err != nil {
			return nil, err
		}
		c.zstdW = w
	}
	return c.zstdW.EncodeAll(src, dst), nil
}

// unzstd lets the decoder append to dst, which so serves as its window. The
// decoder refuses a window above its own limit, and every window a client may
// write has to pass, so that limit is not below zstdWindowMax and the exact one
// is looked at after.
func (c *Codecs) unzstd(dst, src []byte, lenMax int) ([]byte, error) {
	if limit := max(lenMax, zstdWindowMax); limit != c.zstdMax {
		if c.zstdR != nil {
			c.zstdR.Close()
		}
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindowMax), zstd.WithDecoderMaxMemory(uint64(limit)))
		if err != nil {
			return nil, err
		}
		c.zstdR, c.zstdMax = r, limit
	}
	if len(src) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	out, err := c.zstdR.DecodeAll(src, dst)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || len(out)-len(dst) > lenMax {
		return nil, ErrTooLarge
	}
	return out, err
}

// sink appends what a coder writes.
type sink struct{ buf []byte }

func (s *sink) Write(p []byte) (int, error) {
	s.buf = append(s.buf, p...)
	return len(p), nil
}

func (s *sink) from(w io.WriteCloser, src []byte) ([]byte, error) {
	if _, err := w.Write(src); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return s.buf, nil
}

// readCapped appends all of r to dst, lenMax bytes at the most. It asks for
// one byte more than that, to tell "exactly as long" from "longer".
func readCapped(dst []byte, r io.Reader, lenMax int) ([]byte, error) {
	start, idle := len(dst), 0
	for {
		left := lenMax + 1 - (len(dst) - start)
		if left <= 0 {
			return nil, ErrTooLarge
		}
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, min(left, max(growMin, len(dst)-start)))
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), len(dst)+left)])
		dst = dst[:len(dst)+n]
		switch {
		case err == io.EOF && len(dst)-start <= lenMax:
			return dst, nil
		case err != nil && err != io.EOF:
			return nil, err
		case n > 0:
			idle = 0
		case idle == idleReadsMax:
			return nil, io.ErrNoProgress
		default:
			idle++
		}
	}
}
