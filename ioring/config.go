package ioring

import (
	"fmt"
	"time"
)

// Engine names for Config.Engine and Ring.Engine.
const (
	EngineAuto   = "auto"
	EngineUring  = "io_uring"
	EnginePwrite = "pwrite"
)

// Config is what New needs. The zero value is valid: auto, no bell.
type Config struct {
	// Engine is auto (default; io_uring where the kernel lets us), io_uring
	// (New fails without it) or pwrite.
	Engine string
	// Depth is the most operations in flight; Push gives ErrFull beyond it (see Ring.Full).
	// 1..32768, default 1024.
	Depth int
	// Workers is the number of goroutines of the pwrite engine that may sit
	// in a system call at once. 1..256, default 4. io_uring ignores it.
	Workers int
	// Bell is a non-blocking eventfd that is signalled when completions wait; who reads it
	// must then call Reap. Borrowed, must outlive the ring. 0 and -1 mean none:
	// the owner polls Reap or calls Wait.
	Bell int
	// CloseTimeout is how long Close waits for operations before it cancels
	// what can be cancelled. Default 10 s.
	CloseTimeout time.Duration
	// CheckMemory makes Push panic when Buf lies neither in its Slab nor in a
	// registered extent. For tests.
	CheckMemory bool
}

const (
	depthDefault        = 1024
	depthMax            = 32768
	workersDefault      = 4
	workersMax          = 256
	closeTimeoutDefault = 10 * time.Second
)

func (c Config) withDefaults() Config {
	if c.Engine == "" {
		c.Engine = EngineAuto
	}
	if c.Depth == 0 {
		c.Depth = depthDefault
	}
	if c.Workers == 0 {
		c.Workers = workersDefault
	}
	if c.Bell <= 0 {
		c.Bell = -1
	}
	if c.CloseTimeout == 0 {
		c.CloseTimeout = closeTimeoutDefault
	}
	return c
}

// Validate names the first field out of range.
func (c Config) Validate() error {
	c = c.withDefaults()
	switch c.Engine {
	case EngineAuto, EngineUring, EnginePwrite:
	default:
		return fmt.Errorf("ioring engine %q is unknown; use auto, io_uring or pwrite", c.Engine)
	}
	if c.Depth < 1 || c.Depth > depthMax {
		return fmt.Errorf("ioring depth %d is outside 1..%d", c.Depth, depthMax)
	}
	if c.Workers < 1 || c.Workers > workersMax {
		return fmt.Errorf("ioring workers %d is outside 1..%d", c.Workers, workersMax)
	}
	if c.CloseTimeout < 0 {
		return fmt.Errorf("ioring close timeout %v is negative", c.CloseTimeout)
	}
	return nil
}
