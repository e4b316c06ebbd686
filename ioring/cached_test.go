package ioring_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"umbra/ioring"
)

const block = 4096

// twoWays says whether a file has the way through the cache beside a direct one.
func twoWays(f *ioring.File) bool { return f.Align() == os.Getpagesize() }

// cachedBlocks says which blocks of a file the page cache holds.
func cachedBlocks(t *testing.T, path string, blocks int) []byte {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	mem, err := unix.Mmap(int(f.Fd()), 0, blocks*block, unix.PROT_READ, unix.MAP_SHARED)
	must(t, err)
	defer func() { must(t, unix.Munmap(mem)) }()
	in := make([]byte, blocks)
	if _, _, no := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&mem[0])), uintptr(len(mem)), uintptr(unsafe.Pointer(&in[0]))); no != 0 {
		t.Fatal(no)
	}
	for i := range in {
		in[i] &= 1
	}
	return in
}

// A Cached write of a direct file ends in the page cache, every other on the disk, and
// whoever reads sees the last of them, by either way.
func TestCachedWrites(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		g := newRig(t, ioring.Config{Engine: engine})
		f := g.open("log", true)
		holds := func(what string, want ...byte) {
			t.Helper()
			if in := cachedBlocks(t, f.Name(), 4); twoWays(f) && !bytes.Equal(in, want) {
				t.Errorf("%s: the cache holds %v, want %v", what, in, want)
			}
		}
		want, slab := g.slab(4 * block)
		write := func(first, n int, seed uint64, op ioring.Op) {
			t.Helper()
			b := want[first*block : (first+n)*block]
			pattern(b, seed)
			op.Kind, op.File, op.Off, op.Buf, op.Slab = ioring.Write, f, int64(first*block), b, slab
			g.must(&op)
		}
		check := func(what string) {
			t.Helper()
			got, gotSlab := g.slab(4 * block)
			g.must(&ioring.Op{Kind: ioring.Read, File: f, Buf: got, Slab: gotSlab})
			read, err := os.ReadFile(f.Name())
			if must(t, err); !bytes.Equal(got, want) || !bytes.Equal(read, want) {
				t.Errorf("%s: read directly %v, through the cache %v", what, bytes.Equal(got, want), bytes.Equal(read, want))
			}
		}
		write(0, 4, 1, ioring.Op{})
		holds("after a direct write", 0, 0, 0, 0)
		write(1, 2, 2, ioring.Op{Cached: true})
		holds("after a cached write of blocks 1 and 2", 0, 1, 1, 0)
		check("cached over direct")
		write(2, 2, 3, ioring.Op{})
		check("direct over cached")
		write(0, 2, 4, ioring.Op{Cached: true, Sync: true})
		write(1, 1, 5, ioring.Op{Cached: true, Sync: true, Own: true})
		write(1, 1, 6, ioring.Op{Sync: true, Own: true})
		check("with an fsync")
	})
}

// Only a direct file that is open for writing has a second descriptor.
func TestDescriptorsOfAFile(t *testing.T) {
	g := newRig(t, ioring.Config{})
	g.open("first", false) // the ring looks at the file system once
	path := filepath.Join(g.dir, "log")
	for _, c := range []struct {
		flag   int
		direct bool
		want   int
	}{{os.O_RDWR | os.O_CREATE | os.O_EXCL, true, 2}, {os.O_RDONLY, true, 1}, {os.O_RDWR, false, 1}} {
		before := countFds(t)
		f := g.openAt(path, c.flag, c.direct)
		want := c.want
		if !twoWays(f) {
			want = 1
		}
		if n := countFds(t) - before; n != want {
			t.Errorf("flags %#x, direct %v: %d descriptors, want %d", c.flag, c.direct, n, want)
		}
	}
}

// lowestFree is the number that the next descriptor gets.
func lowestFree(t *testing.T) int {
	fd, err := unix.Dup(0)
	must(t, err)
	must(t, unix.Close(fd))
	return fd
}

// Where half of the process's descriptors are in use, files have one.
func TestDescriptorsRunShort(t *testing.T) {
	var old unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	few := old
	few.Cur = uint64(countFds(t) + 20)
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &few))
	defer func() { must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &old)) }()
	g := newRig(t, ioring.Config{})
	for lowestFree(t) < int(few.Cur/2) {
		g.open("other", false)
	}
	before := countFds(t)
	f := g.open("log", true)
	if n := countFds(t) - before; n != 1 {
		t.Errorf("%d descriptors", n)
	}
	mem, slab := g.slab(block)
	g.must(&ioring.Op{Kind: ioring.Write, File: f, Buf: mem, Slab: slab, Cached: true})
}
