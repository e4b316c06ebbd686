package kafkaproto

import (
	"encoding/binary"
	"fmt"
)

// FramePrefix is the size of the length field in front of every request and
// response.
const FramePrefix = 4

// FrameError is a length prefix that no frame can have. The connection must be
// closed: there is no next frame to find.
type FrameError struct {
	Prefix [FramePrefix]byte // as received
	Max    int               // the limit that held, bytes
}

func (e *FrameError) Error() string {
	size := int32(binary.BigEndian.Uint32(e.Prefix[:]))
	return fmt.Sprintf("read frame: length %d (%q) is not in 0..%d%s", size, e.Prefix[:], e.Max, e.guess())
}

// guess names what usually sends such bytes to a Kafka port.
func (e *FrameError) guess() string {
	switch p := string(e.Prefix[:]); {
	case p == "GET " || p == "POST" || p == "HEAD" || p == "PUT " || p == "OPTI":
		return ": the peer speaks HTTP, not the Kafka protocol"
	case p[0] == 0x16 && p[1] == 0x03:
		return ": the peer speaks TLS to a plaintext port"
	case p[0] == 0x15 && p[1] == 0x03:
		return ": the peer sent a TLS alert to a plaintext connection"
	}
	return ""
}

// FrameSize reads the length prefix at the start of b (borrowed) and says how
// long the whole frame is, prefix included. ok is false while b is shorter
// than the prefix. A negative length, or one above max bytes, is a
// *FrameError: nothing must be allocated for it.
func FrameSize(b []byte, max int) (n int, ok bool, err error) {
	if len(b) < FramePrefix {
		return 0, false, nil
	}
	size := int(int32(binary.BigEndian.Uint32(b)))
	if size < 0 || size > max {
		return 0, false, &FrameError{Prefix: [FramePrefix]byte(b), Max: max}
	}
	return FramePrefix + size, true, nil
}

// BeginFrame leaves room for a length prefix and returns where the frame
// begins, for EndFrame.
func (w *Writer) BeginFrame() (start int) {
	start = len(w.buf)
	w.Int32(0)
	return start
}

// EndFrame fills in the prefix of the frame that began at start. extra is the
// number of bytes of the frame that are not in the Writer: record data that
// is sent from where it lies.
func (w *Writer) EndFrame(start, extra int) {
	size := len(w.buf) - start - FramePrefix + extra
	if start < 0 || size < 0 || int64(size) > 1<<31-1 {
		panic(fmt.Sprintf("BUG: frame from %d with %d bytes written and %d beside them", start, len(w.buf), extra))
	}
	binary.BigEndian.PutUint32(w.buf[start:], uint32(size))
}
