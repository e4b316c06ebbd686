package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/crc32c"
)

// errTorn: there is no valid batch at this position. Whether that is the end
// of the log or damage, the reader of the file decides.
type errTorn struct {
	pos    int64
	reason string
}

func (e *errTorn) Error() string {
	return fmt.Sprintf("no valid batch at byte %d: %s", e.pos, e.reason)
}

const (
	scanWindow = 256 << 10
	// wholeMax is how large a batch is read into memory on the word of its
	// length field alone. A larger one has its checksum streamed first, so
	// that garbage cannot make recovery allocate.
	wholeMax = 4 << 20
	// controlMax: control batches are read whole in every mode, for their
	// marker. A real one has 78 bytes.
	controlMax = 64 << 10
	headLength = 8 // position of the length field
	headMagic  = 16
	headCRC    = 17
	headAttr   = 21
)

// scanner walks the batches of one segment file with blocking reads, so it
// belongs off the loop. It reads the bytes below limit only.
type scanner struct {
	f     *os.File
	limit int64
	pos   int64 // of the next batch
	buf   []byte
	at    int64 // file position of buf
}

// openScanner opens path for a walk from pos. limit < 0 means the file's size.
func openScanner(path string, pos, limit int64) (*scanner, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if limit < 0 {
		st, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		limit = st.Size()
	}
	return &scanner{f: f, limit: limit, pos: pos}, nil
}

func (s *scanner) close() { s.f.Close() }

// next returns the batch at pos and moves behind it. With whole the view is
// the entire batch, validated, its checksum compared; otherwise it is the head
// alone (the entire batch for small control batches) and only sizes are
// checked. The view is valid until the next call. io.EOF at limit, *errTorn
// when no valid batch is there, another error when the file cannot be read.
func (s *scanner) next(whole bool) (batch.View, batch.Head, error) {
	var h batch.Head
	rest := s.limit - s.pos
	if rest == 0 {
		return nil, h, io.EOF
	}
	if rest < batch.HeadSize {
		return nil, h, s.torn("only %d bytes are left", rest)
	}
	b, err := s.window(batch.HeadSize)
	if err != nil {
		return nil, h, err
	}
	size := int64(int32(binary.BigEndian.Uint32(b[headLength:]))) + batch.LogOverhead
	switch {
	case b[headMagic] != batch.Magic:
		return nil, h, s.torn("message format %d", b[headMagic])
	case size < batch.HeadSize:
		return nil, h, s.torn("batch size %d", size)
	case size > rest:
		return nil, h, s.torn("batch of %d bytes, only %d are left", size, rest)
	}
	h = batch.View(b[:batch.HeadSize]).Head(0)
	switch {
	case whole:
		b, err = s.whole(size)
	case h.Attributes.IsControl() && size <= controlMax:
		b, err = s.window(int(size))
	default:
		b = b[:batch.HeadSize]
	}
	if err != nil {
		return nil, h, err
	}
	if h.BaseOffset < 0 || h.LastOffset < h.BaseOffset {
		return nil, h, s.torn("offsets %d to %d", h.BaseOffset, h.LastOffset)
	}
	s.pos += size
	return batch.View(b), h, nil
}

func (s *scanner) whole(size int64) ([]byte, error) {
	if size > wholeMax {
		if err := s.streamCRC(size); err != nil {
			return nil, err
		}
	}
	b, err := s.window(int(size))
	if err != nil {
		return nil, err
	}
	v := batch.View(b)
	if err := v.Validate(); err != nil {
		return nil, s.torn("%v", err)
	}
	if !v.CheckCRC() {
		return nil, s.torn("checksum does not match")
	}
	return b, nil
}

// streamCRC compares the checksum of the batch at pos without holding it.
func (s *scanner) streamCRC(size int64) error {
	b, err := s.window(batch.HeadSize)
	if err != nil {
		return err
	}
	want := binary.BigEndian.Uint32(b[headCRC:])
	var sum uint32
	chunk := make([]byte, scanWindow)
	for at, end := s.pos+headAttr, s.pos+size; at < end; {
		part := chunk[:min(int64(len(chunk)), end-at)]
		if err := s.readAt(part, at); err != nil {
			return err
		}
		sum = crc32c.Update(sum, part)
		at += int64(len(part))
	}
	if sum != want {
		return s.torn("checksum does not match")
	}
	return nil
}

// window gives n bytes at pos, which must lie below limit.
func (s *scanner) window(n int) ([]byte, error) {
	if s.pos >= s.at && s.pos+int64(n) <= s.at+int64(len(s.buf)) {
		return s.buf[s.pos-s.at:][:n], nil
	}
	want := int(min(max(int64(n), scanWindow), s.limit-s.pos))
	if cap(s.buf) < want || cap(s.buf) > 4*scanWindow && want <= scanWindow {
		s.buf = make([]byte, want)
	}
	s.buf, s.at = s.buf[:want], s.pos
	if err := s.readAt(s.buf, s.pos); err != nil {
		s.buf = s.buf[:0]
		return nil, err
	}
	return s.buf[:n], nil
}

func (s *scanner) readAt(b []byte, at int64) error {
	n, err := s.f.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return s.torn("the file ends at byte %d", at+int64(n))
	}
	return fmt.Errorf("read %d bytes at %d of %s: %w", len(b), at, s.f.Name(), err)
}

func (s *scanner) torn(format string, args ...any) error {
	return &errTorn{pos: s.pos, reason: fmt.Sprintf(format, args...)}
}

// zeroFrom reports whether there are only zeros from at to the limit.
func (s *scanner) zeroFrom(at int64) (bool, error) {
	chunk := make([]byte, scanWindow)
	for at < s.limit {
		part := chunk[:min(int64(len(chunk)), s.limit-at)]
		if err := s.readAt(part, at); err != nil {
			return false, err
		}
		for _, b := range part {
			if b != 0 {
				return false, nil
			}
		}
		at += int64(len(part))
	}
	return true, nil
}
