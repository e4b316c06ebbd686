package main

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"umbra/core/config"
	"umbra/core/observe"
)

// A budget is the memory that the daemon may come to use, as a sum with one
// term per holder. Each term is a bound that something enforces; together they
// must fit what the machine, or the control group, gives.
//
// What grows with the data is not in it: sparse indexes, producer states and
// metadata, a few KiB for each partition and 0.1 % of the active segments. Nor
// is the page cache, which the kernel takes back, the embedded etcd's mapped
// file among it.
type budget struct {
	limit int64
	from  string // what sets the limit
	terms []budgetTerm

	// The bounds that the terms stand for, as the parts are told them.
	arena       int64 // of one shard
	frames      int64 // of one shard
	unpack      int64 // of one worker
	connections int
}

type budgetTerm struct {
	holder string
	bytes  int64
}

const (
	// connectionsMax bounds client connections where Kafka's own default, which
	// is no limit, is left.
	connectionsMax = 100_000
	// offloadWorkers is how many goroutines of one shard do blocking work,
	// among it the unpacking of large compressed batches.
	offloadWorkers = 4
	// connectionBytes is what one client connection costs besides its requests
	// and answers: its structures here, in gnet and in the table of peers.
	connectionBytes = 4 << 10
	// etcdBytes is the embedded etcd's heap: the last raft entries, the index
	// of keys, its goroutines and buffers.
	etcdBytes = 64 << 20
	// runtimeBytes is the program, its goroutines and the Go runtime.
	runtimeBytes = 32 << 20
)

// newBudget sums up what c asks for on a machine with so much memory. Bounds
// without a setting follow the limit, so that the defaults fit anywhere.
func newBudget(c *config.Config, limit int64, from string) budget {
	shards := int64(c.ShardCount())
	b := budget{limit: limit, from: from, arena: c.ArenaBytes(limit)}
	b.frames = min(64<<20, b.arena/4)
	b.unpack = min(max(limit/8/(shards*offloadWorkers), 4<<20), 128<<20)
	if b.connections = c.Kafka.Configs.BrokerSettings().ConnectionsMax; b.connections > connectionsMax {
		b.connections = min(connectionsMax, int(max(limit/16/connectionBytes, 256)))
	}

	// Slabs: record bytes on their way from sockets to disks and back, large
	// requests, and the newest records kept for readers. Outside the Go heap.
	b.add("slabs", shards*b.arena)
	// Storage rings: per operation two submission entries of 64 bytes, two
	// completions of 16, and a slot. Outside the Go heap, but for the slot.
	b.add("storage_rings", shards*int64(c.Storage.Depth)*(2*64+2*16+8)*2)
	// Mailboxes: a sequence number and a function per message.
	b.add("mailboxes", shards*powerOfTwo(int64(c.Shards.Mailbox))*16)
	// Requests that have arrived in part or wait for their turn and are too
	// small for slabs.
	b.add("requests", shards*b.frames)
	// Compressed batches of producers, unpacked to be checked; never those of a
	// link.
	b.add("unpacking", shards*offloadWorkers*b.unpack)
	b.add("connections", int64(b.connections)*connectionBytes)
	if len(c.Metadata.Endpoints) == 0 {
		b.add("etcd", etcdBytes)
	}
	b.add("runtime", runtimeBytes)
	// What is dead and not collected yet: the runtime is given a limit (see
	// heapLimit), so that it collects more often rather than grow beyond this.
	b.add("garbage", (b.total()-b.term("slabs")-b.term("storage_rings"))/4)
	return b
}

func (b *budget) add(holder string, bytes int64) {
	b.terms = append(b.terms, budgetTerm{holder, bytes})
}

func (b *budget) total() (sum int64) {
	for _, t := range b.terms {
		sum += t.bytes
	}
	return sum
}

func (b *budget) term(holder string) int64 {
	for _, t := range b.terms {
		if t.holder == holder {
			return t.bytes
		}
	}
	return 0
}

// ballastMax is the most of the heap that is there to make it look larger.
const ballastMax = 32 << 20

// ballast is how much memory the daemon takes and never touches, so that it costs none.
// The collector begins when the heap has doubled. What lives in it without many
// partitions is 5 MiB, and clients that read what has just come leave tens of MiB of
// garbage in a second: it would run for 10 ms of every 150, and each run holds loops up.
// With a ballast it lets as much garbage more lie, within the term that is for it.
func (b *budget) ballast() int64 { return min(ballastMax, b.term("garbage")/2) }

// heapLimit is the Go runtime's share: everything but what lies outside of it.
func (b *budget) heapLimit() int64 { return b.limit - b.term("slabs") - b.term("storage_rings") }

// check refuses a sum that does not fit.
func (b *budget) check() error {
	if total := b.total(); total > b.limit {
		return fmt.Errorf("start: the memory budget is %s (%s), and %s gives %s; lower memory.arena or shards.count, or give it more memory",
			humanize.IBytes(uint64(total)), b, b.from, humanize.IBytes(uint64(b.limit)))
	}
	return nil
}

// attrs is the sum for the log.
func (b *budget) attrs() []any {
	out := []any{"total", humanize.IBytes(uint64(b.total())), "limit", humanize.IBytes(uint64(b.limit)), "from", b.from}
	for _, t := range b.terms {
		out = append(out, t.holder, humanize.IBytes(uint64(t.bytes)))
	}
	return out
}

// collect emits the sum's terms.
func (b *budget) collect(e *observe.Emit) {
	e.Value("umbra_memory_limit_bytes", float64(b.limit))
	for _, t := range b.terms {
		e.Value("umbra_memory_budget_bytes", float64(t.bytes), t.holder)
	}
}

// String is the sum in one line.
func (b *budget) String() string {
	var parts []string
	for _, t := range b.terms {
		parts = append(parts, fmt.Sprintf("%s %s", t.holder, humanize.IBytes(uint64(t.bytes))))
	}
	return strings.Join(parts, " + ")
}

func powerOfTwo(n int64) int64 {
	size := int64(1)
	for size < n {
		size <<= 1
	}
	return size
}
