package segment

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"umbra/ioring"
	"umbra/ioring/buf"
	"umbra/kafkaproto"
)

// Config is what a topic may set. Zero means the default named at the field;
// a negative duration or size means "no limit".
type Config struct {
	SegmentBytes   int64         // a segment is closed before it grows past this; default 1 GiB, most 2 GiB - 1
	SegmentAge     time.Duration // the active segment is closed when its first batch is older; default 7 days
	Retention      time.Duration // sealed segments whose newest record is older are removed; default no limit
	RetentionBytes int64         // the oldest segments are removed while the rest holds this much; default no limit
	IndexInterval  int           // bytes of log per index entry; default 16 KiB
	FlushInterval  time.Duration // written bytes are fsynced at the latest after this; default 50 ms
	FlushBytes     int64         // or when this many are not; default 64 MiB
	Compact        bool          // cleanup.policy has compact; recorded only, nothing compacts yet
	LogAppendTime  bool          // message.timestamp.type: Append stamps AppendOptions.Now
	ProducerExpiry time.Duration // producer state is dropped after this; default 1 day
	// SkipReadCRC leaves out the checksum of batches read from disk. Default:
	// every batch that comes from disk is checked before it is served.
	SkipReadCRC bool
}

const maxSegmentBytes = math.MaxInt32

func (c Config) withDefaults() Config {
	def(&c.SegmentBytes, 1<<30)
	def(&c.SegmentAge, 7*24*time.Hour)
	def(&c.Retention, -1)
	def(&c.RetentionBytes, -1)
	def(&c.IndexInterval, 16<<10)
	def(&c.FlushInterval, 50*time.Millisecond)
	def(&c.FlushBytes, 64<<20)
	def(&c.ProducerExpiry, 24*time.Hour)
	if c.SegmentBytes < 0 || c.SegmentBytes > maxSegmentBytes {
		c.SegmentBytes = maxSegmentBytes
	}
	return c
}

func def[T int | int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// Identity says whose log a directory holds. It is written into the directory
// and compared at every Open, so that a directory which was moved, copied or
// mounted in the wrong place is refused.
type Identity struct {
	Topic kafkaproto.TopicID
	Index int32
}

func (id Identity) String() string { return fmt.Sprintf("%s/%d", id.Topic, id.Index) }

// Env is all a Log reaches outside of itself. Every function is called on the
// loop and calls back on the loop.
type Env struct {
	Identity Identity
	Ring     *ioring.Ring
	Arena    *buf.Arena
	Hot      *Hot   // shared by the logs of one shard; nil gives the log a hot tail of its own
	Reads    *Reads // shared like Hot; nil gives the log a bound of its own
	Now      func() time.Time
	// Offload runs the first function away from the loop, where it may block,
	// and then the second on the loop with its result.
	Offload func(func() error, func(error))
	// After runs f on the loop once; stop takes it back.
	After func(d time.Duration, f func()) (stop func())
	// Within is After for what may come sooner, d/2 at the earliest, so that many logs do
	// it in one turn; nil is After.
	Within func(d time.Duration, f func()) (stop func())
	Log    *slog.Logger // nil discards
	// Advanced is called when the written or durable offset, the last stable
	// offset, the start or (after ErrNoSpace and truncation) the end moved.
	Advanced func()
	// Failed is called once, when the log fails for good.
	Failed func(error)
	// Dirty is called when the log has something for the ring. The owner calls
	// Kick once at the end of the turn, for all dirty logs together, and then
	// Ring.Submit: one round for all of them. At most one call is outstanding:
	// the next one comes after Kick.
	Dirty func()

	push func(*ioring.Op) error // tests put faults between the log and the ring
}

func (e *Env) complete() error {
	if e.Ring == nil || e.Arena == nil || e.Now == nil || e.Offload == nil || e.After == nil || e.Dirty == nil {
		return errors.New("open log: Env needs Ring, Arena, Now, Offload, After and Dirty")
	}
	if e.Within == nil {
		e.Within = e.After
	}
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Advanced == nil {
		e.Advanced = func() {}
	}
	if e.Failed == nil {
		e.Failed = func(error) {}
	}
	if e.push == nil {
		e.push = e.Ring.Push
	}
	return nil
}
