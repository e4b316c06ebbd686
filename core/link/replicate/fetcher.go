package replicate

import (
	"errors"
	"fmt"
	"time"

	"umbra/kafkaproto"
	"umbra/shard"
)

// connState is where a Fetcher's connection stands.
type connState uint8

const (
	disconnected connState = iota // waiting to dial
	dialling
	greeting // ApiVersions asked
	idle     // ready, nothing asked (no partition to fetch, or a pause the source asked for)
	fetching // one fetch asked, its answer awaited or arriving
	closed
)

// Fetcher is one shard's connection to one source broker and the fetch session
// on it. It has one request in flight, so the memory an answer can need is
// known when it is asked for. It belongs to the shard's loop; a Fetcher that
// lost its connection dials again after a backoff, for ever.
type Fetcher struct {
	cfg    Config
	shard  *shard.Shard
	broker Broker
	report func(Event)
	log    rateLog
	count  *Counters // the Worker's

	topics  *topicIndex
	unused  bool          // it was empty at the last sweep
	waiting int           // replicators that come back when their wait is over
	dirty   []*Replicator // their next fetch differs from what the session knows; nil where one left

	state      connState
	conn       *shard.Conn
	attempt    uint64 // a dial that answers late is recognised by its number
	version    int16  // of Fetch, agreed with this broker
	session    session
	generation uint64 // of the request being built, or built last
	backoff    backoff
	timer      *shard.Timer // of the present state: to dial, to end a throttle
	clock      *shard.Timer // looks whether an answer is overdue; see watch
	due        time.Time    // of the answer that is awaited
	dueFrom    int64        // bytes that had been received when due was set

	appetite   appetite
	relieving  bool // it waits for the disk
	corr       int32
	request    kafkaproto.FetchRequest
	out        []byte
	writer     kafkaproto.Writer // of the request being built
	in         *inbound          // of the present connection or dial
	stats      FetcherStats
	suspect    suspect
	askedAt    time.Time // of the request in flight
	firstAt    time.Time // first byte of its answer
	took       int       // record bytes of its answer
	busy       int       // partitions with records in it
	answeredAt time.Time // end of the last whole answer
	spokeAt    time.Time // of what that answer says; see spoke
	spokeFor   uint64    // generation of the request that it answers
}

// FetcherStats are plain counters, read on the loop.
type FetcherStats struct {
	Connects, Disconnects, Requests, Responses int64
	ReceivedBytes, DiscardedBytes              int64 // discarded: arrived without room for them
	ThrottledMillis                            int64
	SessionsLost                               int64 // the source forgot the fetch session
}

func newFetcher(s *shard.Shard, b Broker, cfg Config, count *Counters, report func(Event), log rateLog) *Fetcher {
	f := &Fetcher{cfg: cfg, shard: s, broker: b, report: report, log: log, count: count,
		topics: newTopicIndex(), appetite: newAppetite(cfg.FetchMaxBytes, min(cfg.PartitionMaxBytes, cfg.RecordsMax/2))}
	f.backoff = newBackoff(cfg.BackoffMin, cfg.BackoffMax)
	f.in = &inbound{f: f}
	return f
}

// add takes a replicator into the next request.
//
// A partition that the next request would name as forgotten needs a new
// session. A source takes what is new in before it takes what is forgotten out,
// so a partition named as both would be fetched no more; and one that is merely
// not forgotten would count as told what the last answer said of it, which
// nobody took in.
func (f *Fetcher) add(r *Replicator) {
	if f.session.forgetting(r) {
		f.session.renew()
	}
	f.topics.add(r)
	r.owner, r.sent, r.phase = f, neverSent, following
	r.watch()
	f.touch(r)
	f.next()
}

// touch notes that a partition's next fetch differs from the last one.
func (f *Fetcher) touch(r *Replicator) {
	if !r.dirty {
		r.dirty, r.dirtyAt = true, len(f.dirty)
		f.dirty = append(f.dirty, r)
	}
}

// remove takes a replicator out; an answer that is arriving for it is dropped.
func (f *Fetcher) remove(r *Replicator) {
	if r.owner != f {
		return
	}
	r.keepSeen()
	f.topics.remove(r)
	if r.sent != neverSent {
		f.session.forget(r)
	}
	if r.dirty {
		r.dirty = false
		f.dirty[r.dirtyAt] = nil
	}
	r.owner = nil
	r.unwatch()
	r.abandon()
	if f.in.target == r {
		f.in.target = nil
	}
}

// next does what the state asks for: dial, fetch, or nothing.
func (f *Fetcher) next() {
	switch f.state {
	case disconnected:
		if f.topics.partitions > 0 && f.timer == nil {
			f.dial()
		}
	case idle:
		if f.timer == nil && (f.topics.partitions > 0 || len(f.session.forgotten) > 0) {
			f.fetch()
		}
	}
}

func (f *Fetcher) dial() {
	f.state = dialling
	f.attempt++
	attempt := f.attempt
	f.in = &inbound{f: f, scratch: f.in.scratch}
	f.shard.Dial(f.broker.Addr, f.cfg.ConnectTimeout, f.in, func(c *shard.Conn, err error) {
		f.dialled(attempt, c, err)
	})
}

func (f *Fetcher) dialled(attempt uint64, c *shard.Conn, err error) {
	switch {
	case err != nil && attempt == f.attempt && f.state == dialling:
		f.lost(fmt.Errorf("connect to source broker %d at %s: %w", f.broker.ID, f.broker.Addr, err))
	case err == nil && (attempt != f.attempt || f.state != dialling):
		c.Close(nil)
	case err == nil:
		f.conn = c
		f.stats.Connects++
		f.greet()
	}
}

// lost handles the end of a connection, however it ended: what was arriving is
// dropped, the session is given up, and the next dial waits for the backoff.
func (f *Fetcher) lost(err error) {
	if f.state == closed {
		return
	}
	wasUp := f.connected()
	f.count.failed(lostKind(err, f.conn != nil), f.broker.Addr)
	f.conn, f.state = nil, disconnected
	f.attempt++
	f.blame(err)
	f.in.abandon()
	f.session.renew()
	f.topics.each(func(r *Replicator) {
		r.keepSeen()
		r.sent = neverSent
	})
	if wasUp {
		f.stats.Disconnects++
		f.stopNameless()
	}
	f.report(Event{Kind: BrokerDown, Broker: f.broker, Err: err})
	f.stopTimer()
	wait := f.backoff.next()
	f.log.Warn("source broker lost", "broker", f.broker.Addr, "err", err, "retry_in", wait)
	f.timer = f.shard.After(wait, func() {
		f.timer = nil
		f.next()
	})
}

// stopNameless stops the partitions that are fetched by name: whoever answers
// at this address the next time may have another topic of that name, and only
// the control plane can compare them (S6).
func (f *Fetcher) stopNameless() {
	if f.requestVersion() >= fetchByID {
		return
	}
	var list []*Replicator
	f.topics.each(func(r *Replicator) { list = append(list, r) })
	for _, r := range list {
		r.detach()
	}
}

// close ends the Fetcher for good.
func (f *Fetcher) close() {
	f.stopTimer()
	f.clock.Stop()
	c := f.conn
	f.state, f.conn = closed, nil
	f.in.abandon()
	if c != nil {
		c.Close(nil)
	}
}

func (f *Fetcher) stopTimer() {
	if f.timer != nil {
		f.timer.Stop()
		f.timer = nil
	}
}

// empty: nothing is fetched and nothing will come back by itself.
func (f *Fetcher) empty() bool { return f.topics.partitions == 0 && f.waiting == 0 }

func (f *Fetcher) connected() bool { return f.state == idle || f.state == fetching }

var errSlowSource = errors.New("the source sends too slowly")

// watch restarts the clock that ends a connection on which an answer is due
// and next to nothing arrives. A link that is slow but alive is given smaller
// answers instead of being cut for ever. While we do not read, nothing is due.
//
// There is a request every few hundred microseconds, and hardly ever one overdue:
// the timer is left where it is, and finds when it rings what is due by then.
func (f *Fetcher) watch() {
	f.due, f.dueFrom = f.cfg.Now().Add(f.patience()), f.stats.ReceivedBytes
	if f.clock == nil {
		f.clock = f.shard.After(f.patience(), f.overdue)
	}
}

func (f *Fetcher) patience() time.Duration { return f.cfg.MaxWait + f.cfg.RequestTimeout }

// overdue runs when the clock rings.
func (f *Fetcher) overdue() {
	f.clock = nil
	left, got := f.due.Sub(f.cfg.Now()), f.stats.ReceivedBytes-f.dueFrom
	switch {
	case f.state != fetching && f.state != greeting:
	case left > 0:
		f.clock = f.shard.After(left, f.overdue)
	case got >= progressMin || held(f.conn):
		f.watch()
	default:
		f.appetite.spoiled()
		f.drop(fmt.Errorf("%w: %d bytes in %s", errSlowSource, got, f.patience()))
	}
}

// drop closes the connection; Closed comes back as lost.
func (f *Fetcher) drop(err error) {
	if c := f.conn; c != nil {
		c.Close(err)
	}
}

// retryLater leaves a partition out of fetches for a while.
func (f *Fetcher) retryLater(r *Replicator, wait time.Duration) {
	r.detach()
	r.phase, r.home = backingOff, f
	f.waiting++
	r.retry = f.shard.After(wait, func() { f.waitOver(r) })
}

func (f *Fetcher) endWait(r *Replicator) {
	r.retry.Stop()
	r.retry, r.home = nil, nil
	f.waiting--
}

// waitOver takes a partition in again. One that waits for the disk goes on
// waiting while the disk is full: its records would only be thrown away.
func (f *Fetcher) waitOver(r *Replicator) {
	f.endWait(r)
	if r.trouble == full {
		if judge(r.part.Log.Err()) == noSpace {
			f.retryLater(r, f.cfg.RefusedWait)
			return
		}
		f.accepted(r)
	}
	f.add(r)
}
