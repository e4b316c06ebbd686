package ioring

import "sync"

// syncGate lets one fsync of a file run at a time, whether the ring's or a
// File.Sync on another goroutine. The ring never blocks on it: when it is
// refused, whoever leaves keeps the gate for the ring and kicks it. Both
// sides take turns, so neither starves the other. The mutex guards these few
// words and is never held across a system call.
type syncGate struct {
	mu      sync.Mutex
	free    sync.Cond
	busy    bool
	blocked int  // goroutines in enter
	wanted  bool // the ring was refused
	kept    bool // free, but for the ring only
}

func (g *syncGate) init() { g.free.L = &g.mu }

// tryEnter is the ring's way in. Goroutines that were there before go first.
func (g *syncGate) tryEnter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy || g.blocked > 0 && !g.kept {
		g.wanted = true
		return false
	}
	g.busy, g.kept, g.wanted = true, false, false
	return true
}

// decline frees a gate that was kept for a ring with nothing to sync any more.
func (g *syncGate) decline() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.kept {
		g.kept = false
		g.free.Signal()
	}
}

// enter is the way in for other goroutines.
func (g *syncGate) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.blocked++
	for g.busy || g.kept {
		g.free.Wait()
	}
	g.blocked--
	g.busy = true
}

// leave opens the gate. True: it is kept for the ring, which must be kicked.
func (g *syncGate) leave() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.busy {
		panic("BUG: fsync gate left by nobody")
	}
	g.busy = false
	if g.wanted {
		g.wanted, g.kept = false, true
		return true
	}
	g.free.Signal()
	return false
}
