package segment

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"umbra/ioring"
	"umbra/kafkaproto/batch"
)

// What does the log cost per GiB, from memory reserved to bytes on disk? The
// batch bodies are not touched, as if they had arrived from a socket. CPU is
// that of the whole process, so io_uring's kernel work on our behalf counts.
func BenchmarkCommit(b *testing.B) {
	for _, engine := range []string{ioring.EngineUring, ioring.EnginePwrite} {
		for _, size := range []int{5 << 10, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%dKiB", engine, size>>10), func(b *testing.B) {
				if _, err := ioring.New(ioring.Config{Engine: engine}); err != nil {
					b.Skip(err)
				}
				benchCommit(b, engine, size)
			})
		}
	}
}

func benchCommit(b *testing.B, engine string, size int) {
	r := newRig(b, engine, Config{SegmentBytes: 256 << 20, RetentionBytes: 256 << 20})
	r.arena = newArena(b, r.ring, 256<<20, false)
	r.hot = NewHot(32 << 20)
	r.open()
	v := batch.View(makeBatch(batchSpec{size: size, records: 1}))
	heads := []batch.Head{v.Head(0)}
	v = v[:batch.HeadSize]
	b.SetBytes(int64(size))
	b.ReportAllocs()
	cpu := cpuTime()
	turn := 0
	for b.Loop() {
		mem, err := r.log.Reserve(heads[0].Size)
		for err != nil { // the disk is behind
			r.turn(true)
			mem, err = r.log.Reserve(heads[0].Size)
		}
		v.SetBaseOffset(r.log.EndOffset())
		copy(mem, v)
		heads[0].BaseOffset, heads[0].LastOffset = r.log.EndOffset(), r.log.EndOffset()
		if err := r.log.Commit(0, 0, heads); err != nil {
			b.Fatal(err)
		}
		// A turn of the loop brings 64 KiB or one chunk.
		if turn += size; turn >= 64<<10 {
			turn = 0
			r.turn(false)
		}
		if r.log.Size() > 768<<20 {
			r.log.Retain(r.now)
		}
	}
	r.pump()
	b.StopTimer()
	gib := float64(b.N) * float64(size) / (1 << 30)
	b.ReportMetric((cpuTime()-cpu).Seconds()/gib, "CPU-s/GiB")
	b.ReportMetric(float64(r.log.Stats().Writes)/gib, "writes/GiB")
}

// What does a local produce of small batches cost the loop?
func BenchmarkAppend(b *testing.B) {
	r := newRig(b, ioring.EnginePwrite, Config{SegmentBytes: 64 << 20, RetentionBytes: 64 << 20})
	r.arena = newArena(b, r.ring, 128<<20, false)
	r.open()
	v := batch.View(makeBatch(batchSpec{size: 1000, records: 1}))
	b.SetBytes(int64(len(v)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := r.log.Append(v, AppendOptions{Now: r.now}); err != nil {
			b.Fatal(err)
		}
		if i%64 == 0 {
			r.turn(false)
			if r.log.vend()-r.log.vwritten > 16<<20 {
				r.pump()
			}
			r.log.Retain(r.now)
		}
	}
}

// What does it cost to serve a reader at the tail and one from the disk?
func BenchmarkRead(b *testing.B) {
	for _, temperature := range []string{"hot", "cold"} {
		b.Run(temperature, func(b *testing.B) {
			r := newRig(b, ioring.EngineAuto, Config{})
			r.arena = newArena(b, r.ring, 64<<20, false)
			r.open()
			for i := range int64(8) {
				if err := r.mirror(makeBatch(batchSpec{base: i, size: 1 << 20})); err != nil {
					b.Fatal(err)
				}
				r.pump()
			}
			if temperature == "cold" {
				r.log.dropIdle()
			}
			b.SetBytes(1 << 20)
			b.ReportAllocs()
			cpu := cpuTime()
			for i := int64(0); b.Loop(); i++ {
				done := false
				r.log.Read(ReadRequest{Offset: 4 + i%4, UpTo: 8, MaxBytes: 1 << 20, MinOneBatch: true}, func(res ReadResult) {
					if res.Bytes < 1<<20 {
						b.Fatalf("%d bytes, %v", res.Bytes, res.Err)
					}
					for _, s := range res.Spans {
						s.Release()
					}
					done = true
				})
				for !done {
					r.turn(true)
				}
			}
			b.StopTimer()
			b.ReportMetric((cpuTime()-cpu).Seconds()/(float64(b.N)/1024), "CPU-s/GiB")
		})
	}
}

func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
