package e2e_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"umbra/loadtest/umbra"
)

// killedLogs reads the segment files of a topic while umbra is dead, before recovery
// touches them, and counts what the kills interrupted.
type killedLogs struct {
	files []string // the first segment of each partition; the load does not fill it
	whole []int64  // up to where each file was found to be whole batches
	last  []int64  // the last offset in them

	behind int // kills that came while acknowledged records were not on disk
	torn   int // kills that left other bytes than zeros behind the last whole batch
}

func newKilledLogs(d *umbra.Daemon, topic string, partitions int) *killedLogs {
	k := &killedLogs{whole: make([]int64, partitions), last: make([]int64, partitions)}
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
	for {
		size, last, err := wholeBatch(in)
		if err != nil {
			return false, err
		}
		if size == 0 {
			break
		}
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

// wholeBatch reads one record batch and its last offset; size 0 when what comes is not a
// whole one with the right checksum.
func wholeBatch(in io.Reader) (size int, last int64, err error) {
	const head, atCRC, crcFrom = 12, 17, 21
	short := func(err error) error {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		return err
	}
	b := make([]byte, head, 4096)
	if _, err := io.ReadFull(in, b); err != nil {
		return 0, 0, short(err)
	}
	length := int(int32(binary.BigEndian.Uint32(b[8:])))
	if length < 61-head || length > 64<<20 {
		return 0, 0, nil
	}
	b = append(b, make([]byte, length)...)
	if _, err := io.ReadFull(in, b[head:]); err != nil {
		return 0, 0, short(err)
	}
	if crc32.Checksum(b[crcFrom:], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(b[atCRC:]) {
		return 0, 0, nil
	}
	return len(b), int64(binary.BigEndian.Uint64(b)) + int64(binary.BigEndian.Uint32(b[23:])), nil
}
