package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"umbra/ioring"
	"umbra/kafkaproto/crc32c"
)

// floor is a point of the log below which every byte has been fsynced. What
// recovery finds wrong below it is damage; above it, the end of the log.
type floor struct {
	offset int64 // next offset
	base   int64 // base of the segment the point lies in; segments before it are sealed and whole
	pos    int64 // byte position in that segment
}

// meta is the small file of what the batches themselves do not tell.
type meta struct {
	id        Identity
	resetting bool // ResetTo(start) was decided and may be half done
	start     int64
	floor     floor
}

// File, little endian, replaced as a whole:
//
//	0  magic "UMBRMET1"
//	8  topic id (16)   24 partition index int32   28 flags uint32 (1 resetting)
//	32 start   40 floor.offset   48 floor.base   56 floor.pos
//	64 CRC-32C of bytes 0..64
const (
	metaName  = "umbra.meta"
	metaMagic = "UMBRMET1"
	metaSize  = 68
)

func (m meta) encode() []byte {
	b := make([]byte, 0, metaSize)
	b = append(b, metaMagic...)
	b = append(b, m.id.Topic[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(m.id.Index))
	var flags uint32
	if m.resetting {
		flags |= 1
	}
	b = binary.LittleEndian.AppendUint32(b, flags)
	for _, v := range [...]int64{m.start, m.floor.offset, m.floor.base, m.floor.pos} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return binary.LittleEndian.AppendUint32(b, crc32c.Sum(b))
}

// decodeMeta borrows b.
func decodeMeta(b []byte) (m meta, err error) {
	if len(b) != metaSize || string(b[:8]) != metaMagic {
		return m, fmt.Errorf("decode %s: %w: %d bytes, want %d that begin with %s", metaName, ErrCorrupt, len(b), metaSize, metaMagic)
	}
	if got, want := crc32c.Sum(b[:64]), binary.LittleEndian.Uint32(b[64:]); got != want {
		return m, fmt.Errorf("decode %s: %w: checksum %08x, stored %08x", metaName, ErrCorrupt, got, want)
	}
	copy(m.id.Topic[:], b[8:])
	m.id.Index = int32(binary.LittleEndian.Uint32(b[24:]))
	flags := binary.LittleEndian.Uint32(b[28:])
	m.resetting = flags&1 != 0
	at := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[i:])) }
	m.start, m.floor = at(32), floor{offset: at(40), base: at(48), pos: at(56)}
	if m.start < 0 || m.floor.offset < 0 || m.floor.base < 0 || m.floor.pos < 0 {
		return m, fmt.Errorf("decode %s: %w: start %d, floor %+v", metaName, ErrCorrupt, m.start, m.floor)
	}
	return m, nil
}

// readMeta reports found=false when there is no meta file.
func readMeta(dir string) (m meta, found bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, metaName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	m, err = decodeMeta(b)
	return m, true, err
}

func writeMeta(dir string, m meta) error { return writeAtomic(dir, metaName, m.encode()) }

const tmpSuffix = ".tmp"

// writeAtomic replaces dir/name: after a crash it holds the old bytes or the
// new ones. The caller is the only writer of that name.
func writeAtomic(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	if err := writeSynced(path+tmpSuffix, data); err != nil {
		return err
	}
	if err := os.Rename(path+tmpSuffix, path); err != nil {
		return err
	}
	return ioring.SyncDir(dir)
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
