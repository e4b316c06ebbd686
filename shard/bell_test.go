package shard

import (
	"context"
	"errors"
	"os"
	"testing"
)

// TestStartFailsWithoutABell: a loop that nothing can wake ends the start, which says
// why and leaves nothing behind, whichever shard it is.
func TestStartFailsWithoutABell(t *testing.T) {
	files := func() int {
		d, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(d)
	}
	forced := errors.New("forced by the test")
	g, err := Start(Config{Shards: 1, Listen: "127.0.0.1:0", ArenaBytes: 64 << 20}, func(*Conn) Protocol { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Stop(context.Background()); err != nil { // what the process opens once is open now
		t.Fatal(err)
	}
	before := files()
	for bad := range 2 {
		g, err := Start(Config{Shards: 2, Listen: "127.0.0.1:0", ArenaBytes: 64 << 20, noBell: func(shard int) error {
			if shard == bad {
				return forced
			}
			return nil
		}}, func(*Conn) Protocol { return nil })
		if g != nil || !errors.Is(err, forced) {
			t.Errorf("shard %d has no bell: %v", bad, err)
		}
		eventually(t, "its descriptors are closed", func() bool { return files() == before })
	}
}
