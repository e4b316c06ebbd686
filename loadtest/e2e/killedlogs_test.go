package e2e_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"umbra/loadtest/umbra"
)

// killedLogs reads the segment files of a topic while umbra is dead, before recovery
// touches them, and counts what the kills interrupted.
type killedLogs struct {
	files []string // the first segment of each partition; the load does not fill it
	whole []int64  // up to where each file was found to be whole batches
	last  []int64  // the last offset in them
	fresh []added  // the last batch since the look before; size 0: none came

	behind int // kills that came while acknowledged records were not on disk
	torn   int // kills that left other bytes than zeros behind the last whole batch
	cut    int // appends that tear broke off
}

// added is a whole batch and what stood before it.
type added struct {
	size         int64
	base, before int64 // its first offset, and the last one of the batch before
}

func newKilledLogs(d *umbra.Daemon, topic string, partitions int) *killedLogs {
	k := &killedLogs{whole: make([]int64, partitions), last: make([]int64, partitions), fresh: make([]added, partitions)}
	for p := range partitions {
		k.files = append(k.files, filepath.Join(d.DataDir(), "logs", fmt.Sprintf("%s-%d", topic, p), fmt.Sprintf("%020d.log", 0)))
		k.last[p] = -1
	}
	return k
}

// inspect goes on where it ended the last time; acked is the highest acknowledged offset
// of each partition just before the kill.
func (k *killedLogs) inspect(t *testing.T, acked []int64) {
	t.Helper()
	behind, torn := false, false
	for p := range k.files {
		unfinished, err := k.read(p)
		if err != nil {
			t.Fatal(err)
		}
		behind = behind || k.last[p] < acked[p]
		torn = torn || unfinished
	}
	if behind {
		k.behind++
	}
	if torn {
		k.torn++
	}
}

// read walks the whole batches of a file that were added, and says whether anything but
// unused room follows them.
func (k *killedLogs) read(p int) (unfinished bool, err error) {
	f, err := os.Open(k.files[p])
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // killed before the first batch came
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(io.NewSectionReader(f, k.whole[p], 1<<40), 1<<20)
	k.fresh[p] = added{}
	for {
		size, base, last, err := wholeBatch(in)
		if err != nil {
			return false, err
		}
		if size == 0 {
			break
		}
		k.fresh[p] = added{int64(size), base, k.last[p]}
		k.whole[p] += int64(size)
		k.last[p] = last
	}
	tail := make([]byte, 1<<20)
	n, err := f.ReadAt(tail, k.whole[p])
	if err != nil && err != io.EOF {
		return false, err
	}
	for _, b := range tail[:n] {
		if b != 0 {
			return true, nil
		}
	}
	return false, nil
}

// tear makes the kill one that came in the middle of an append, as a power cut does: of
// one partition's last batch, written since the last start, only the first half is on
// disk. No reader had seen it: seen is where the partitions ended when they were last
// compared. It returns the file and where the batch began, or "" when nothing fits.
func (k *killedLogs) tear(t *testing.T, seen []int64) (file string, from int64) {
	t.Helper()
	for p, b := range k.fresh {
		if b.size == 0 || b.base < seen[p] {
			continue
		}
		f, err := os.OpenFile(k.files[p], os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt(make([]byte, b.size/2), k.whole[p]-b.size/2)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		k.whole[p] -= b.size
		k.last[p], k.fresh[p] = b.before, added{}
		k.cut++
		return k.files[p], k.whole[p]
	}
	return "", 0
}

// saysCut fails the test unless the daemon's log tells that recovery cut the file there.
func saysCut(t *testing.T, d *umbra.Daemon, file string, from int64) {
	t.Helper()
	text, err := os.ReadFile(d.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var e struct {
			Msg   string `json:"msg"`
			File  string `json:"file"`
			From  int64  `json:"from"`
			Bytes int64  `json:"bytes"`
		}
		if json.Unmarshal([]byte(line), &e) == nil && strings.HasPrefix(e.Msg, "cut off the end of a segment") && e.File == file && e.From == from && e.Bytes > 0 {
			return
		}
	}
	t.Errorf("umbra's log does not tell that recovery cut %s at %d", file, from)
}

// wholeBatch reads one record batch, its first and its last offset; size 0 when what comes is not a
// whole one with the right checksum.
func wholeBatch(in io.Reader) (size int, base, last int64, err error) {
	const head, atCRC, crcFrom = 12, 17, 21
	short := func(err error) error {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		return err
	}
	b := make([]byte, head, 4096)
	if _, err := io.ReadFull(in, b); err != nil {
		return 0, 0, 0, short(err)
	}
	length := int(int32(binary.BigEndian.Uint32(b[8:])))
	if length < 61-head || length > 64<<20 {
		return 0, 0, 0, nil
	}
	b = append(b, make([]byte, length)...)
	if _, err := io.ReadFull(in, b[head:]); err != nil {
		return 0, 0, 0, short(err)
	}
	if crc32.Checksum(b[crcFrom:], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(b[atCRC:]) {
		return 0, 0, 0, nil
	}
	base = int64(binary.BigEndian.Uint64(b))
	return len(b), base, base + int64(binary.BigEndian.Uint32(b[23:])), nil
}
