package buf

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newArena(t testing.TB, cfg Config) *Arena {
	t.Helper()
	a, err := NewArena(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if s := a.Stats(); s.Mapped != 0 || s.Extents != 0 || s.InUse() != 0 {
			t.Errorf("left behind: %+v", s)
		}
	})
	return a
}

func alloc(t testing.TB, a *Arena, n int) *Slab {
	t.Helper()
	s, err := a.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestClassesAndAlignment(t *testing.T) {
	a := newArena(t, Config{Budget: 64 << 20})
	f := func(n, want int) {
		t.Helper()
		s := alloc(t, a, n)
		b := s.Bytes()
		if len(b) != want || cap(b) != want || uintptr(unsafe.Pointer(&b[0]))%4096 != 0 {
			t.Errorf("%d bytes: slab of %d (cap %d) at %p, want %d", n, len(b), cap(b), &b[0], want)
		}
		if (s.Extent() < 0) != (n > 4<<20+16<<10) {
			t.Errorf("%d bytes: extent %d", n, s.Extent())
		}
		b[0], b[len(b)-1] = 1, 2
		if !s.Contains(b[1:]) || s.Contains(make([]byte, 1)) {
			t.Error("Contains is wrong")
		}
		s.Release()
	}
	f(0, 4<<10)
	f(1, 4<<10)
	f(4096, 4<<10)
	f(4097, 16<<10)
	f(16<<10, 16<<10)
	f(64<<10, 64<<10)
	f(64<<10+1, 272<<10)
	f(1<<20, 1<<20+16<<10)
	f(1<<20+16<<10, 1<<20+16<<10)
	f(4<<20, 4<<20+16<<10)
	f(4<<20+16<<10+1, 4<<20+20<<10)
	f(9<<20, 9<<20)
}

func TestAnIdleArenaMapsNothing(t *testing.T) {
	a := newArena(t, Config{Budget: 1 << 30})
	if s := a.Stats(); s.Mapped != 0 {
		t.Fatalf("%d bytes before the first slab", s.Mapped)
	}
	s := alloc(t, a, 4096)
	if m := a.Stats().Mapped; m > 256<<10 {
		t.Errorf("the first small slab mapped %d bytes", m)
	}
	s.Release()
}

func TestBudget(t *testing.T) {
	const budget = 16 << 20
	a := newArena(t, Config{Budget: budget})
	var held []*Slab
	for {
		s, err := a.Alloc(1 << 20)
		if errors.Is(err, ErrBudget) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, s)
	}
	if len(held) < 13 {
		t.Errorf("%d slabs of 1040 KiB from %d bytes", len(held), budget)
	}
	if s := a.Stats(); s.Mapped > budget || s.Refusals != 1 || s.TimeAtLimit <= 0 || s.InUse() != int64(len(held)) {
		t.Errorf("at the limit: %+v", s)
	}
	if _, err := a.Alloc(5 << 20); !errors.Is(err, ErrBudget) {
		t.Errorf("jumbo at the limit: %v", err)
	}
	for _, s := range held {
		s.Release()
	}
	// Another class gets the memory: empty extents are handed over.
	j := alloc(t, a, 12<<20)
	s := a.Stats()
	if s.JumboInUse != 1 || s.JumboBytes != 12<<20 || s.Mapped > budget {
		t.Errorf("after hand-over: %+v", s)
	}
	before := s.TimeAtLimit
	if a.Stats().TimeAtLimit != before {
		t.Error("the time at the limit runs on although a larger slab was granted")
	}
	j.Release()
	small := alloc(t, a, 4096)
	small.Release()
}

// Who asks for it gets what a larger class has free when his own cannot grow: large
// slabs must not starve the small ones that let them come home.
func TestALargerSlabServes(t *testing.T) {
	a := newArena(t, Config{Budget: 8 << 20})
	var large []*Slab
	for {
		s, err := a.Alloc(1 << 20)
		if errors.Is(err, ErrBudget) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		large = append(large, s)
	}
	for { // what is left of the budget
		s, err := a.Alloc(4 << 10)
		if errors.Is(err, ErrBudget) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		large = append(large, s)
	}
	if _, err := a.AllocLarger(1); !errors.Is(err, ErrBudget) {
		t.Fatalf("nothing is free: %v", err)
	}
	large[0].Release()
	if _, err := a.Alloc(1); !errors.Is(err, ErrBudget) {
		t.Fatalf("only a large slab is free: %v", err)
	}
	s, err := a.AllocLarger(1)
	if err != nil || len(s.Bytes()) < 1<<20 {
		t.Fatalf("a large slab is free: got %v", err)
	}
	s.Release()
	s, err = a.Alloc(1 << 20) // it is a large one again
	if err != nil {
		t.Fatal(err)
	}
	s.Release()
	for _, s := range large[1:] {
		s.Release()
	}
}

func TestBudgetIsChecked(t *testing.T) {
	if _, err := NewArena(Config{Budget: 1000}); err == nil {
		t.Error("a budget of 1000 bytes was accepted")
	}
}

func TestTrimAndExtentIndexes(t *testing.T) {
	live := map[int][]byte{}
	a := newArena(t, Config{
		Budget: 256 << 20,
		OnExtent: func(mem []byte, i int) {
			if live[i] != nil {
				t.Errorf("extent %d announced twice", i)
			}
			live[i] = mem
		},
		OnTrim: func(i int) { delete(live, i) },
	})
	var held []*Slab
	for range 40 {
		held = append(held, alloc(t, a, 1<<20))
	}
	keep := alloc(t, a, 4096)
	for _, s := range held {
		if !inside(live[s.Extent()], s.Bytes()) {
			t.Fatalf("slab is not in its extent %d", s.Extent())
		}
		s.Release()
	}
	if n := a.Trim(); n == 0 || len(live) != 1 || a.Stats().Mapped > 1<<20 {
		t.Errorf("trim returned %d bytes, %d extents live, %d mapped", n, len(live), a.Stats().Mapped)
	}
	s := alloc(t, a, 1<<20)
	if s.Extent() > 1 {
		t.Errorf("extent index %d although lower ones are free", s.Extent())
	}
	s.Release()
	keep.Release()
}

func TestCloseReportsSlabsInUse(t *testing.T) {
	a, err := NewArena(Config{Budget: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s, j := alloc(t, a, 1<<20), alloc(t, a, 6<<20)
	if err := a.Close(); err == nil || !strings.Contains(err.Error(), "2 slabs") {
		t.Fatalf("close with 2 slabs out: %v", err)
	}
	s.Bytes()[0], j.Bytes()[0] = 1, 1 // still mapped
	if _, err := a.Alloc(1); !errors.Is(err, ErrClosed) {
		t.Errorf("alloc after close: %v", err)
	}
	s.Release()
	j.Release()
	if err := a.Close(); err != nil || a.Stats().Mapped != 0 {
		t.Errorf("second close: %v, %d bytes mapped", err, a.Stats().Mapped)
	}
}

func mustPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if r := recover(); r == nil || !strings.Contains(r.(string), want) {
			t.Errorf("panic %v, want one with %q", r, want)
		}
	}()
	f()
}

func TestMisuseIsABug(t *testing.T) {
	a := newArena(t, Config{Budget: 8 << 20, Poison: true})
	s := alloc(t, a, 100)
	s.Release()
	mustPanic(t, "BUG: release", s.Release)
	b := s.Bytes()
	if b[0] != poisonByte || b[len(b)-1] != poisonByte {
		t.Error("a released slab is not poisoned")
	}
	b[77] = 1
	mustPanic(t, "byte 77", func() { _, _ = a.Alloc(100) })
	mustPanic(t, "BUG: allocate", func() { _, _ = a.Alloc(-1) })
	a2 := newArena(t, Config{Budget: 8 << 20})
	s2 := alloc(t, a2, 1)
	s2.Release()
	mustPanic(t, "BUG: retain", s2.Retain)
}

func TestSpan(t *testing.T) {
	a := newArena(t, Config{Budget: 8 << 20})
	s := alloc(t, a, 10)
	sp := Span{Bytes: s.Bytes()[:10], Slab: s}
	sp.Retain()
	if s.Refs() != 2 {
		t.Errorf("%d references", s.Refs())
	}
	sp.Release()
	sp.Release()
	plain := Span{Bytes: []byte("x")}
	plain.Retain()
	plain.Release()
	if a.Stats().InUse() != 0 {
		t.Error("the slab did not come home")
	}
}

// The owner allocates while four goroutines hold, share and release; nothing
// is lost, handed out twice or written after release.
func TestReleaseFromAnywhere(t *testing.T) {
	a := newArena(t, Config{Budget: 32 << 20, Poison: true})
	work := make(chan *Slab, 64)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for s := range work {
				if s.Bytes()[0] != byte(s.Bytes()[1]+1) {
					t.Errorf("goroutine %d: slab changed under its holder", g)
				}
				s.Retain()
				s.Release()
				s.Release()
			}
		})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	sizes := []int{1, 5000, 60_000, 200_000, 1 << 20, 4 << 20, 5 << 20}
	for i := range 3000 {
		s, err := a.Alloc(sizes[rng.IntN(len(sizes))])
		if errors.Is(err, ErrBudget) {
			a.Trim()
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Bytes()[1] = byte(i)
		s.Bytes()[0] = byte(i) + 1
		work <- s
	}
	close(work)
	wg.Wait()
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const budget = 24 << 20
		extents := map[int]bool{}
		a, err := NewArena(Config{Budget: budget, OnExtent: func(_ []byte, i int) { extents[i] = true }, OnTrim: func(i int) { delete(extents, i) }})
		if err != nil {
			t.Fatal(err)
		}
		var held []*Slab
		var bytes int64
		owner := map[*byte]*Slab{}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1, 2:
				n := rapid.SampledFrom([]int{1, 8000, 50_000, 100_000, 1 << 20, 3 << 20, 6 << 20}).Draw(t, "n")
				s, err := a.Alloc(n)
				if errors.Is(err, ErrBudget) {
					if bytes == 0 {
						t.Fatalf("%d bytes refused by an unused arena of %d", n, budget)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if owner[&s.Bytes()[0]] != nil {
					t.Fatal("a slab was given out twice")
				}
				s.Bytes()[0] = 1 // must be mapped
				owner[&s.Bytes()[0]] = s
				held = append(held, s)
				bytes += int64(len(s.Bytes()))
			case 3, 4:
				if len(held) > 0 {
					i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
					s := held[i]
					held = append(held[:i], held[i+1:]...)
					delete(owner, &s.Bytes()[0])
					bytes -= int64(len(s.Bytes()))
					s.Release()
				}
			case 5:
				a.Trim()
			}
			s := a.Stats()
			if s.InUse() != int64(len(held)) || s.Mapped > budget || s.Mapped < bytes || int(s.Extents) != len(extents) {
				t.Fatalf("%d slabs of %d bytes held, %d extents: %+v", len(held), bytes, len(extents), s)
			}
		}
		for _, s := range held {
			s.Release()
		}
		if err := a.Close(); err != nil || a.Stats().Mapped != 0 || len(extents) != 0 {
			t.Fatalf("close: %v, %+v", err, a.Stats())
		}
	})
}

func TestNoAllocationInSteadyState(t *testing.T) {
	a := newArena(t, Config{Budget: 64 << 20})
	alloc(t, a, 1<<20).Release()
	if n := testing.AllocsPerRun(1000, func() { alloc(t, a, 1<<20).Release() }); n != 0 {
		t.Errorf("%v Go allocations per slab", n)
	}
}

// Mappings of a closed arena are gone from the process.
func TestCloseUnmaps(t *testing.T) {
	a, err := NewArena(Config{Budget: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s := alloc(t, a, 4<<20)
	at := &s.Bytes()[0]
	if !mappedAt(t, uintptr(unsafe.Pointer(at))) {
		t.Fatal("a slab in use is not mapped")
	}
	addr := uintptr(unsafe.Pointer(at))
	s.Release()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if mappedAt(t, addr) {
		t.Error("the extent is still mapped after Close")
	}
}

// What does it cost to take a slab and give it back?
func BenchmarkAllocRelease(b *testing.B) {
	a := newArena(b, Config{Budget: 64 << 20})
	alloc(b, a, 1<<20).Release()
	b.ReportAllocs()
	for b.Loop() {
		alloc(b, a, 1<<20).Release()
	}
}

func mappedAt(t *testing.T, addr uintptr) bool {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(maps), "\n") {
		var lo, hi uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x", &lo, &hi); n == 2 && addr >= lo && addr < hi {
			return true
		}
	}
	return false
}
