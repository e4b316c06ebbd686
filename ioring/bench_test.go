package ioring_test

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"umbra/ioring"
)

// fileSpan is how much of each preallocated file the benchmarks overwrite.
const fileSpan = 64 << 20

// What does one write cost, alone and with seven others in flight?
func BenchmarkWrite(b *testing.B) {
	for _, engine := range []string{ioring.EngineUring, ioring.EnginePwrite} {
		for _, size := range []int{64 << 10, 1 << 20} {
			for _, depth := range []int{1, 8} {
				b.Run(fmt.Sprintf("%s/%dKiB/depth%d", engine, size>>10, depth), func(b *testing.B) {
					benchWrite(b, engine, size, depth)
				})
			}
		}
	}
}

func benchWrite(b *testing.B, engine string, size, depth int) {
	g := newRig(b, ioring.Config{Engine: engine, Workers: depth})
	f := g.open("log", true)
	prepare(g, f)
	ops := make([]ioring.Op, depth)
	issued := 0
	for i := range ops {
		mem, slab := g.slab(size)
		ops[i] = ioring.Op{Kind: ioring.Write, File: f, Buf: mem, Slab: slab}
		ops[i].Done = func(op *ioring.Op) {
			if op.Err != nil {
				b.Fatal(op.Err)
			}
			if issued < b.N {
				op.Off = int64(issued) * int64(size) % fileSpan
				issued++
				must(b, g.ring.Push(op))
			}
		}
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	start := cpuNow()
	b.ResetTimer()
	for i := range ops {
		if issued < b.N {
			ops[i].Off = int64(issued) * int64(size) % fileSpan
			issued++
			must(b, g.ring.Push(&ops[i]))
		}
	}
	for g.ring.InFlight() > 0 {
		must(b, g.ring.Submit())
		if g.ring.Reap() == 0 {
			g.sleep(b)
			g.ring.Reap()
		}
	}
	b.StopTimer()
	gib := float64(b.N) * float64(size) / (1 << 30)
	b.ReportMetric((cpuNow()-start).Seconds()/gib, "CPU-s/GiB")
}

// How many files can be made durable in a round, as a shard does with all its
// dirty partitions?
func BenchmarkRoundWithFsync(b *testing.B) {
	for _, engine := range []string{ioring.EngineUring, ioring.EnginePwrite} {
		for _, files := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/%dfiles", engine, files), func(b *testing.B) {
				benchRound(b, engine, files)
			})
		}
	}
}

func benchRound(b *testing.B, engine string, files int) {
	const size = 64 << 10
	g := newRig(b, ioring.Config{Engine: engine, Workers: 8})
	ops := make([]ioring.Op, files)
	for i := range ops {
		f := g.open(fmt.Sprintf("log%d", i), true)
		must(b, f.Allocate(4<<20))
		mem, slab := g.slab(size)
		ops[i] = ioring.Op{Kind: ioring.Write, File: f, Buf: mem, Slab: slab, Sync: true, Done: func(op *ioring.Op) {
			if op.Err != nil {
				b.Fatal(op.Err)
			}
		}}
	}
	b.SetBytes(int64(files * size))
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		for i := range ops {
			ops[i].Off = int64(n) * size % (4 << 20)
			must(b, g.ring.Push(&ops[i]))
		}
		must(b, g.ring.Submit())
		for g.ring.Reap(); g.ring.InFlight() > 0; g.ring.Reap() {
			g.sleep(b)
		}
	}
}

// sleep waits as a loop does: in poll on the bell, which it then empties.
func (g *rig) sleep(b testing.TB) {
	p := []unix.PollFd{{Fd: int32(g.bell), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(p, int(patience/time.Millisecond))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != 1 {
			b.Fatalf("the bell did not ring with %d operations in flight: %v", g.ring.InFlight(), err)
		}
		break
	}
	var count [8]byte
	if _, err := unix.Read(g.bell, count[:]); err != nil && err != unix.EAGAIN {
		b.Fatal(err)
	}
}

func prepare(g *rig, f *ioring.File) {
	must(g.t, f.Allocate(fileSpan))
	mem, slab := g.slab(1 << 20)
	for off := int64(0); off < fileSpan; off += 1 << 20 {
		g.must(&ioring.Op{Kind: ioring.Write, File: f, Off: off, Buf: mem, Slab: slab})
	}
	must(g.t, f.Sync())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func cpuNow() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What does a shard pay for its ring at start?
func BenchmarkNewClose(b *testing.B) {
	for _, engine := range []string{ioring.EngineUring, ioring.EnginePwrite} {
		b.Run(engine, func(b *testing.B) {
			bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
			must(b, err)
			defer func() { _ = unix.Close(bell) }()
			b.ReportAllocs()
			for b.Loop() {
				r, err := ioring.New(ioring.Config{Engine: engine, Bell: bell})
				must(b, err)
				must(b, r.Close())
			}
		})
	}
}
