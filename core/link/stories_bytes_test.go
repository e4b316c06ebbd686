package link_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"umbra/core/link/linktest"
	"umbra/core/link/spec"
	"umbra/kafkaproto/batch"
)

// spoiled are the ways in which the records of an answer can be wrong, and how
// the topic ends: stopped with a reason, or "" when it is asked for again
// until it is right.
var spoiled = []struct {
	name  string
	spoil func([]byte) []byte
	want  spec.Code
}{
	{"wrong crc", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, spec.CorruptSource},
	{"base offset below", func(b []byte) []byte { batch.View(b).SetBaseOffset(batch.View(b).BaseOffset() - 2); return b }, spec.CorruptSource},
	{"overlap", func(b []byte) []byte {
		first, rest, err := batch.Next(b)
		if err != nil || len(rest) < batch.HeadSize {
			return append(b, b...)
		}
		batch.View(rest).SetBaseOffset(first.LastOffset())
		return b
	}, spec.CorruptSource},
	{"the same batch twice", func(b []byte) []byte { return append(b[:len(b):len(b)], b...) }, spec.CorruptSource},
	{"huge length", func(b []byte) []byte { binary.BigEndian.PutUint32(b[8:], 1<<31-1); return b }, spec.CorruptSource},
	{"negative length", func(b []byte) []byte { binary.BigEndian.PutUint32(b[8:], 1<<31+5); return b }, spec.CorruptSource},
	{"length beyond the field", func(b []byte) []byte { binary.BigEndian.PutUint32(b[8:], uint32(len(b)+100)); return b }, spec.CorruptSource},
	{"cut in the first batch", func(b []byte) []byte { return b[:70] }, spec.CorruptSource},
	{"count beyond the offsets", func(b []byte) []byte { binary.BigEndian.PutUint32(b[57:], 1<<20); return b }, spec.CorruptSource},
	{"last offset delta negative", func(b []byte) []byte { binary.BigEndian.PutUint32(b[23:], 1<<31+5); return b }, spec.CorruptSource},
	{"message format 1", func(b []byte) []byte { b[16] = 1; return b }, spec.OldMessageFormat},
	{"message format 9", func(b []byte) []byte { b[16] = 9; return b }, spec.CorruptSource},
	{"not a batch", func(b []byte) []byte {
		for i := range b {
			b[i] = byte(i * 7)
		}
		return b
	}, spec.CorruptSource},
}

// TestSpoiledRecords: nothing wrong is appended, the reason says what it was,
// other topics go on, and a resumed topic does when the source is well again.
func TestSpoiledRecords(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	for i := range spoiled {
		name := "orders-" + string(rune('a'+i))
		s.src.CreateTopic(name, 1)
		s.fill(name, 1, 4)
	}
	s.src.CreateTopic("well", 2)
	s.link("orders-*,well")
	for i, c := range spoiled {
		name := "orders-" + string(rune('a'+i))
		s.same(name, 1)
		s.src.Spoil(name, 0, c.spoil)
		s.fill(name, 1, 3)
	}
	s.fill("well", 2, 20)
	for i, c := range spoiled {
		name := "orders-" + string(rune('a'+i))
		s.eventually(c.name+" stops the topic", func() bool {
			state, code := s.state(name)
			return state == spec.Faulted && code == c.want
		})
		if end := s.part(name, 0).LogEnd; end != 12 {
			t.Errorf("%s: the copy ends at %d, want 12", c.name, end)
		}
		s.prefix(name, 1)
		s.src.Spoil(name, 0, nil)
	}
	s.same("well", 2)
	if err := s.n.manager.Resume(t.Context(), "dr"); err != nil {
		t.Fatal(err)
	}
	for i := range spoiled {
		s.same("orders-"+string(rune('a'+i)), 1)
	}
	if st := s.status(); st.Refused < int64(len(spoiled)) {
		t.Errorf("%d refused answers are counted", st.Refused)
	}
}

// TestOneSpoiledAnswer: a single wrong answer is asked for again and stops
// nothing.
func TestOneSpoiledAnswer(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("orders", 2)
	s.link("orders")
	s.same("orders", 2)
	for range 10 {
		once := true
		s.src.Spoil("orders", 0, func(b []byte) []byte {
			if once {
				b[len(b)-1] ^= 1
			}
			once = false
			return b
		})
		s.fill("orders", 2, 2)
		s.same("orders", 2)
	}
}

// TestLyingFrames: answers that break the protocol end the connection; the
// partitions in front of the lie and those of other topics go on.
func TestLyingFrames(t *testing.T) {
	for name, lie := range map[string]func([]byte) ([]byte, bool){
		"huge frame":         func(f []byte) ([]byte, bool) { binary.BigEndian.PutUint32(f, 1<<31-1); return f, false },
		"negative frame":     func(f []byte) ([]byte, bool) { binary.BigEndian.PutUint32(f, 1<<31); return f, false },
		"frame too short":    func(f []byte) ([]byte, bool) { binary.BigEndian.PutUint32(f, uint32(len(f)-30)); return f, false },
		"wrong correlation":  func(f []byte) ([]byte, bool) { f[7]++; return f, false },
		"bytes nobody asked": func(f []byte) ([]byte, bool) { return append(f, "and more"...), false },
		"http":               func([]byte) ([]byte, bool) { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), false },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{})
			s.src.CreateTopic("orders", 2)
			s.fill("orders", 2, 3)
			s.link("orders")
			s.same("orders", 2)
			s.src.Frame(1, lie)
			s.fill("orders", 2, 3)
			s.eventually("the other broker's partition goes on", func() bool { return s.part("orders", 1).LogEnd == 18 })
			s.eventually("the lie was told a few times", func() bool { return s.brokerDowns() >= 4 })
			s.src.Frame(1, nil)
			s.eventually("the partition goes on or is stopped", func() bool {
				state, _ := s.state("orders")
				return state == spec.Faulted || s.part("orders", 0).LogEnd == 18
			})
			s.prefix("orders", 2)
		})
	}
}

// TestThrottle: a source that asks for pauses is obeyed, up to a bound.
func TestThrottle(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("orders", 1)
	s.src.Throttle(30)
	s.fill("orders", 1, 20)
	s.link("orders")
	s.same("orders", 1)
	for range 10 {
		s.fill("orders", 1, 1)
	}
	s.same("orders", 1)
	s.src.Throttle(1<<31 - 1)
	s.fill("orders", 1, 1)
	s.same("orders", 1) // the answer that carries it still counts
	s.src.Throttle(0)
}

// TestLittleMemory: with an arena far smaller than what arrives, records are
// thrown away and fetched again, nothing is lost and nothing stops.
func TestLittleMemory(t *testing.T) {
	for _, engine := range []string{"io_uring", "pwrite"} {
		t.Run(engine, func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 2}, nodeSetup{engine: engine, arena: 16 << 20, records: 8 << 20})
			s.src.CreateTopic("orders", 8)
			for i := range 8 {
				s.src.AppendMany("orders", i, 40, linktest.Batch{Records: 4, Size: 60 << 10})
			}
			s.link("orders")
			s.same("orders", 8)
			t.Logf("%d bytes were thrown away and fetched again", s.counters().DiscardedBytes)
			s.src.Append("orders", 0, linktest.Batch{Records: 2, Size: 1 << 20}) // one batch of 2 MiB
			s.fill("orders", 8, 3)
			s.same("orders", 8)
		})
	}
}

// TestBatchLargerThanMemory: one batch that can never fit stops its topic with a
// reason that says so.
func TestBatchLargerThanMemory(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{arena: 8 << 20, records: 2 << 20})
	s.src.CreateTopic("orders", 1)
	s.src.CreateTopic("small", 1)
	s.fill("orders", 1, 2)
	s.src.Append("orders", 0, linktest.Batch{Records: 3, Size: 1 << 20})
	s.link("orders,small")
	s.eventually("the topic is stopped", func() bool {
		state, code := s.state("orders")
		return state == spec.Faulted && code == spec.RecordTooLarge
	})
	s.fill("small", 1, 5)
	s.same("small", 1)
	s.prefix("orders", 1)
}

// TestFullDisk: with the data on a disk that fills up, the link waits, says so,
// keeps an exact prefix, and goes on by itself.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small disk needs root")
	}
	for _, engine := range []string{"io_uring", "pwrite"} {
		t.Run(engine, func(t *testing.T) {
			dir := t.TempDir()
			data := filepath.Join(dir, "data")
			if err := os.MkdirAll(data, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mount("umbra-test", data, "tmpfs", 0, "size=24m"); err != nil {
				t.Skipf("mount a tmpfs: %v", err)
			}
			t.Cleanup(func() {
				if err := syscall.Unmount(data, syscall.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
			s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{dir: dir, engine: engine})
			s.src.CreateTopic("orders", 3)
			s.fill("orders", 3, 10)
			s.link("orders")
			s.same("orders", 3)
			ballast := filepath.Join(data, "ballast")
			fillDisk(t, ballast)
			for i := range 3 {
				s.src.AppendMany("orders", i, 40, linktest.Batch{Records: 5, Size: 20 << 10})
			}
			s.eventually("it is said that the disk is full", func() bool {
				state, code := s.state("orders")
				return state == spec.Active && code == spec.LocalStorageFull
			})
			for i := range 3 { // the start still follows, or does so when there is room
				s.src.Trim("orders", i, 20)
			}
			s.prefix("orders", 3)
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			s.same("orders", 3)
			s.eventually("nothing is wrong any more", func() bool {
				state, code := s.state("orders")
				return state == spec.Active && code == ""
			})
			if n := len(s.gaps("orders")); n != 0 {
				t.Errorf("%d gaps", n)
			}
		})
	}
}

// fillDisk writes a file until nothing more goes in.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4096, 1} {
		block := make([]byte, size)
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
			if _, err := f.Write(block); err != nil {
				break
			}
		}
	}
}
