package shard

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"
)

// Config is what a Group needs to start. The zero value of every field but
// Listen means its default.
type Config struct {
	Shards int          // loops; default: usable cores, one less from 8 cores on
	Listen string       // HOST:PORT for clients; port 0 takes any free port, the same for all shards
	Pin    string       // auto (default), on, off: lock each loop to a thread and the thread to a core
	Engine string       // storage engine: auto (default), io_uring, pwrite
	Doze   bool         // a loop keeps its processor of the Go scheduler in short sleeps; GOMAXPROCS must leave others to spare
	Log    *slog.Logger // default: slog.Default()

	// HoldAccept closes client connections at once until Group.Serve is called.
	HoldAccept bool

	ArenaBytes   int64 // slab memory per shard; default 256 MiB
	PoisonSlabs  bool  // fill released slabs and check the filling; for tests
	MailboxDepth int   // messages per shard, rounded up to a power of two; default 8192
	RingDepth    int   // storage operations in flight per shard; default 1024
	RingWorkers  int   // pwrite engine's goroutines per shard, each with one operation at the disk; default 4

	MaxConnections      int           // client connections in all; default 10,000
	MaxConnectionsPerIP int           // client connections of one address; default: MaxConnections
	IdleTimeout         time.Duration // client connections; default 10 min (Kafka's connections.max.idle.ms)
	WriteStall          time.Duration // a peer that takes no queued byte for so long is cut; default 10 min, because a consumer may stay in its own code for minutes
	WriteQueueBytes     int           // queued on one connection; more closes it; default 256 MiB
	TurnReadBytes       int           // read from one connection before others get their turn; default 2 MiB

	RetentionCheck time.Duration // between two looks at a log for segments to remove; default 5 min (Kafka's log.retention.check.interval.ms)

	KeepAlive         time.Duration // TCP keepalive idle time; default 60 s
	UserTimeout       time.Duration // TCP_USER_TIMEOUT of dialled connections; default 30 s
	DialReceiveBuffer int           // SO_RCVBUF of dialled connections in bytes; 0 leaves the kernel's autotuning
	DialsMax          int           // dials in progress per shard; default 64

	// PartitionFailed is called on the partition's loop when its log has failed.
	PartitionFailed func(PartitionID, error)

	OffloadWorkers int // goroutines for blocking work per shard; default 4
	OffloadDepth   int // jobs outstanding per shard; default 4096

	noPause error                 // tests: as if SelfTest had failed so
	noBell  func(shard int) error // tests: as if the graft had failed so
}

// fdReserve is how many file descriptors below the process limit accepting and
// dialling leave to files and to the runtime. gnet gives its loop up when
// accept(2) fails with EMFILE, so a client must never take the last one.
const fdReserve = 64

// readBufferCap is gnet's read buffer per loop: it takes the head of what
// arrived, the rest is read straight into the Protocol's buffers.
const readBufferCap = 16 << 10

func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	defDur := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	if c.Shards == 0 {
		c.Shards = defaultShards(usableCores())
	}
	if c.Pin == "" {
		c.Pin = "auto"
	}
	if c.Engine == "" {
		c.Engine = "auto"
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.ArenaBytes == 0 {
		c.ArenaBytes = 256 << 20
	}
	def(&c.MailboxDepth, 8192)
	def(&c.RingDepth, 1024)
	def(&c.RingWorkers, 4)
	def(&c.MaxConnections, 10_000)
	def(&c.MaxConnectionsPerIP, c.MaxConnections)
	def(&c.WriteQueueBytes, 256<<20)
	def(&c.TurnReadBytes, 2<<20)
	def(&c.DialsMax, 64)
	def(&c.OffloadWorkers, 4)
	def(&c.OffloadDepth, 4096)
	defDur(&c.IdleTimeout, 10*time.Minute)
	defDur(&c.WriteStall, 10*time.Minute)
	defDur(&c.RetentionCheck, 5*time.Minute)
	defDur(&c.KeepAlive, time.Minute)
	defDur(&c.UserTimeout, 30*time.Second)
	return c
}

// Validate reports every field out of its range, by name.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	in := func(key string, v, lo, hi int64) {
		if v < lo || v > hi {
			errs = append(errs, fmt.Errorf("%s = %d: want %d to %d", key, v, lo, hi))
		}
	}
	dur := func(key string, v, lo time.Duration) {
		if v < lo {
			errs = append(errs, fmt.Errorf("%s = %s: want at least %s", key, v, lo))
		}
	}
	oneOf := func(key, v string, want ...string) {
		for _, w := range want {
			if v == w {
				return
			}
		}
		errs = append(errs, fmt.Errorf("%s = %q: want one of %q", key, v, want))
	}
	in("Shards", int64(c.Shards), 1, 1024)
	if _, _, err := splitListen(c.Listen); err != nil {
		errs = append(errs, fmt.Errorf("%s = %q: %w", "Listen", c.Listen, err))
	}
	oneOf("Pin", c.Pin, "auto", "on", "off")
	oneOf("Engine", c.Engine, "auto", "io_uring", "pwrite")
	in("ArenaBytes", c.ArenaBytes, 4<<20, 1<<42)
	in("MailboxDepth", int64(c.MailboxDepth), 2, 1<<24)
	in("RingDepth", int64(c.RingDepth), 1, 1<<15)
	in("RingWorkers", int64(c.RingWorkers), 1, 1024)
	in("MaxConnections", int64(c.MaxConnections), 1, 1<<24)
	in("MaxConnectionsPerIP", int64(c.MaxConnectionsPerIP), 1, 1<<24)
	in("WriteQueueBytes", int64(c.WriteQueueBytes), 1<<16, 1<<40)
	in("TurnReadBytes", int64(c.TurnReadBytes), readBufferCap, 1<<30)
	in("DialReceiveBuffer", int64(c.DialReceiveBuffer), 0, 1<<30)
	in("DialsMax", int64(c.DialsMax), 1, 1<<16)
	in("OffloadWorkers", int64(c.OffloadWorkers), 1, 1024)
	in("OffloadDepth", int64(c.OffloadDepth), 1, 1<<20)
	dur("IdleTimeout", c.IdleTimeout, time.Millisecond)
	dur("WriteStall", c.WriteStall, time.Millisecond)
	dur("RetentionCheck", c.RetentionCheck, time.Millisecond)
	dur("KeepAlive", c.KeepAlive, time.Second)
	dur("UserTimeout", c.UserTimeout, time.Second)
	return errors.Join(errs...)
}

// defaultShards leaves one core to the control goroutines where there are many.
func defaultShards(cores int) int {
	if cores >= 8 {
		return cores - 1
	}
	return max(cores, 1)
}

// usableCores is what both the affinity mask and the cgroup quota (which the
// Go runtime folds into GOMAXPROCS) let this process use.
func usableCores() int {
	n := runtime.GOMAXPROCS(0)
	if cpus, err := allowedCPUs(); err == nil && len(cpus) < n {
		n = len(cpus)
	}
	return n
}
