package replicate

import (
	"testing"
	"time"
)

const ms = time.Millisecond

func TestAppetite(t *testing.T) {
	const mib = 1 << 20
	a := newAppetite(64*mib, 64*mib)
	f := func(name string, n, busy int, waiting, receiving time.Duration, bytes, partition int) {
		t.Helper()
		a.answered(n, busy, waiting, receiving)
		if a.bytes != bytes || a.perPartition() != partition {
			t.Errorf("%s: asks for %d MiB, %d MiB of a partition; want %d and %d", name, a.bytes/mib, a.perPartition()/mib, bytes/mib, partition/mib)
		}
	}
	if a.perPartition() != mib {
		t.Errorf("before anything is known: %d", a.perPartition())
	}
	f("one partition that is behind", mib, 1, 85*ms, 8*ms, 16*mib, 16*mib)
	f("a long way", 16*mib, 1, 85*ms, 130*ms, 32*mib, 32*mib)
	f("still too small", 32*mib, 1, 85*ms, 260*ms, 64*mib, 64*mib)
	f("never more than the most", 64*mib, 1, 85*ms, 100*ms, 64*mib, 64*mib)
	f("good enough", 64*mib, 1, 20*ms, 500*ms, 64*mib, 64*mib)
	f("shared by many", 64*mib, 100, 20*ms, 500*ms, 64*mib, mib)
	f("caught up", mib, 2, 400*ms, ms, 32*mib, 16*mib)
	f("a short way", 32*mib, 2, ms, 300*ms, 16*mib, 8*mib)
	f("never less than usual", 16*mib, 2, 0, 300*ms, 16*mib, 8*mib)
	if small := newAppetite(mib, 64<<10); small.bytes != mib || small.perPartition() != 64<<10 {
		t.Errorf("bounds below what is usual: asks for %d, %d of a partition", small.bytes, small.perPartition())
	}
	a.spoiled()
	a.spoiled()
	f("after a slow spell", mib, 4, 0, 300*ms, 8*mib, 2*mib)
	for range 20 {
		a.spoiled()
	}
	if a.bytes != fetchBytesMin {
		t.Errorf("a source that never delivers in time is asked for %d bytes", a.bytes)
	}
}
