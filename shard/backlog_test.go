package shard

import (
	"slices"
	"testing"
)

// Each wait ends once, when what is unwritten is below its own bound, and may begin
// again from there.
func TestBacklog(t *testing.T) {
	var b backlog
	var got []string
	wait := func(name string, below int64) {
		b.waiting = append(b.waiting, backlogWait{below, func() { got = append(got, name) }})
	}
	wait("low", 10)
	wait("high", 100)
	b.waiting = append(b.waiting, backlogWait{100, func() { got = append(got, "again"); wait("next", 50) }})
	f := func(unwritten int64, want ...string) {
		t.Helper()
		got = nil
		if n := b.run(unwritten); n != len(want) || !slices.Equal(got, want) {
			t.Errorf("at %d: %d waits ended, %q, want %q", unwritten, n, got, want)
		}
	}
	f(100)
	f(99, "high", "again")
	f(60)
	f(49, "next")
	f(10)
	f(0, "low")
	f(0)
}
