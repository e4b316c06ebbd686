package config

import (
	"path/filepath"
	"runtime"
	"time"

	"umbra/core/metadata"
)

// Config is the whole configuration, checked. The zero value is not valid;
// Load makes one.
type Config struct {
	Kafka    Kafka
	Storage  Storage
	Memory   Memory
	Shards   Shards
	Metadata Metadata
	Admin    Admin
	Ops      Ops
	Metrics  Metrics
	Log      Log

	origins map[string]Origin // by setting or property key; absent: default
}

// Kafka is what clients connect to.
type Kafka struct {
	Listen    string // host:port, port 0 for any
	Advertise string // host:port clients are told; "" follows Listen
	// Properties are the broker properties that were given, by Kafka's names.
	Properties map[string]string
	// Configs is the catalogue with Properties applied.
	Configs *metadata.Configs
}

// Storage is where and how logs are kept.
type Storage struct {
	Dir    string
	Engine string // auto, io_uring or pwrite
	// Depth is how many operations one shard has in the kernel at most.
	Depth int
	// Workers is how many threads one shard's pwrite engine uses.
	Workers int
	// Fsync says when a producer's acks=all is answered: "always" after the
	// data is on stable storage, "interval" after it is written; then up to
	// one flush window can be lost with the machine.
	Fsync string
	// FlushInterval and FlushBytes are the window in which written data that
	// nobody waits for (mirrored data above all) is flushed.
	FlushInterval time.Duration
	FlushBytes    int64
}

// Memory is what the daemon may use.
type Memory struct {
	Arena int64 // bytes of buffers per shard; 0: by the machine, see ArenaBytes
}

// Shards is the data plane's shape.
type Shards struct {
	Count   int    // 0: by the machine, see ShardCount
	Pin     string // auto, on or off
	Mailbox int    // messages a shard's mailbox holds
}

// Metadata is where the cluster's facts are kept.
type Metadata struct {
	Endpoints []string // of an external etcd; none: embedded under Storage.Dir
	Prefix    string
	Quota     int64 // bytes; embedded only
	User      string
	Password  Secret
}

// Admin is the local control socket.
type Admin struct {
	Socket string // "": admin.sock in Storage.Dir
}

// Ops is the listener for metrics and health.
type Ops struct {
	HTTP string // host:port; "": no listener
}

// Metrics tunes what is exposed.
type Metrics struct {
	// PerPartition is auto, on or off; auto stops at PerPartitionMax.
	PerPartition    string
	PerPartitionMax int
}

// Log is how the daemon logs.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // auto, text or json
}

// MetadataDir is the embedded etcd's directory.
func (c *Config) MetadataDir() string { return filepath.Join(c.Storage.Dir, "metadata") }

// LogDir holds the partitions, one directory each.
func (c *Config) LogDir() string { return filepath.Join(c.Storage.Dir, "logs") }

// AdminSocket is the path of the admin socket.
func (c *Config) AdminSocket() string {
	if c.Admin.Socket != "" {
		return c.Admin.Socket
	}
	return filepath.Join(c.Storage.Dir, "admin.sock")
}

// ShardCount is Shards.Count, or what suits the usable cores: each core a
// shard, but from eight on one core is left to everything else.
func (c *Config) ShardCount() int {
	if c.Shards.Count > 0 {
		return c.Shards.Count
	}
	n := runtime.GOMAXPROCS(0)
	if n >= 8 {
		n--
	}
	return n
}

// ArenaBytes is Memory.Arena, or a quarter of the machine's memory divided
// among the shards, from 64 MiB to 1 GiB.
func (c *Config) ArenaBytes(machine int64) int64 {
	if c.Memory.Arena > 0 {
		return c.Memory.Arena
	}
	return min(max(machine/4/int64(c.ShardCount()), 64<<20), 1<<30)
}
