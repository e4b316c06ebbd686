package segment

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func epochs(starts ...EpochStart) *EpochCache {
	var c EpochCache
	for _, s := range starts {
		c.Assign(s.Epoch, s.Offset)
	}
	return &c
}

func wantStarts(t *testing.T, c *EpochCache, want ...EpochStart) {
	t.Helper()
	if !slices.Equal(c.Starts(), want) {
		t.Errorf("epochs %v, want %v", c.Starts(), want)
	}
}

func TestEpochAssignKeepsBothRising(t *testing.T) {
	wantStarts(t, epochs(EpochStart{1, 0}, EpochStart{1, 5}, EpochStart{3, 9}), EpochStart{1, 0}, EpochStart{3, 9})
	wantStarts(t, epochs(EpochStart{-1, 0}, EpochStart{0, 4}), EpochStart{0, 4})
	// A batch that contradicts what is known wins, as on Kafka's brokers.
	wantStarts(t, epochs(EpochStart{1, 0}, EpochStart{3, 9}, EpochStart{2, 20}), EpochStart{1, 0}, EpochStart{2, 20})
	wantStarts(t, epochs(EpochStart{1, 0}, EpochStart{3, 9}, EpochStart{4, 9}), EpochStart{1, 0}, EpochStart{4, 9})
	wantStarts(t, epochs(EpochStart{1, 5}, EpochStart{1, 2}), EpochStart{1, 2})
	wantStarts(t, epochs(EpochStart{1, 5}, EpochStart{2, 8}, EpochStart{0, 3}), EpochStart{0, 3})
}

func TestEpochEndOffset(t *testing.T) {
	c := epochs(EpochStart{2, 10}, EpochStart{5, 20}, EpochStart{6, 35})
	f := func(epoch, wantEpoch int32, wantEnd int64) {
		t.Helper()
		if e, end := c.EndOffset(epoch, 50); e != wantEpoch || end != wantEnd {
			t.Errorf("EndOffset(%d) = %d, %d; want %d, %d", epoch, e, end, wantEpoch, wantEnd)
		}
	}
	f(-1, -1, -1)
	f(0, 0, 10) // older than all: itself, the first known start
	f(1, 1, 10)
	f(2, 2, 20)
	f(3, 2, 20)
	f(4, 2, 20)
	f(5, 5, 35)
	f(6, 6, 50)
	f(7, -1, -1)
	if e, end := new(EpochCache).EndOffset(0, 50); e != -1 || end != -1 {
		t.Errorf("empty cache answers %d, %d", e, end)
	}
}

// Against a model that remembers the epoch of every single offset.
func TestEpochCacheIsTheLogsEpochs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c EpochCache
		var log []int32 // epoch by offset; -1 is a hole or unknown
		start, epoch := 0, int32(0)
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				epoch += int32(rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "raise"))
				base := len(log)
				c.Assign(epoch, int64(base))
				for range rapid.IntRange(1, 4).Draw(t, "records") {
					log = append(log, epoch)
				}
			},
			"truncate end": func(t *rapid.T) {
				to := rapid.IntRange(start, len(log)).Draw(t, "to")
				log = log[:to]
				c.TruncateFromEnd(int64(to))
			},
			"truncate start": func(t *rapid.T) {
				start = rapid.IntRange(start, len(log)).Draw(t, "from")
				c.TruncateFromStart(int64(start))
			},
			"": func(t *rapid.T) { checkEpochs(t, &c, log, start, epoch) },
		})
	})
}

func checkEpochs(t *rapid.T, c *EpochCache, log []int32, start int, newest int32) {
	for offset := start; offset < len(log); offset++ {
		if got, ok := c.EpochAt(int64(offset)); !ok || got != log[offset] {
			t.Fatalf("epoch at %d is %d (%v), want %d", offset, got, ok, log[offset])
		}
	}
	if start == len(log) {
		return // the cache may keep the epoch in force at the end
	}
	latest, ok := c.Latest()
	if !ok || latest != log[len(log)-1] {
		t.Fatalf("latest epoch %d (%v), want %d", latest, ok, log[len(log)-1])
	}
	for epoch := int32(0); epoch <= newest+1; epoch++ {
		wantEpoch, wantEnd := epoch, int64(len(log))
		if epoch > latest {
			wantEpoch, wantEnd = -1, -1
		} else if next := slices.IndexFunc(log[start:], func(e int32) bool { return e > epoch }); next >= 0 {
			wantEnd = int64(start + next)
			if next > 0 {
				wantEpoch = log[start+next-1]
			}
		} else {
			wantEpoch = latest
		}
		if e, end := c.EndOffset(epoch, int64(len(log))); e != wantEpoch || end != wantEnd {
			t.Fatalf("EndOffset(%d) = %d, %d; want %d, %d (log from %d: %v)", epoch, e, end, wantEpoch, wantEnd, start, log)
		}
	}
}
