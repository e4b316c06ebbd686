package broker

import (
	"time"

	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
)

// Fetch (key 1, versions 4-17) returns record batches as they lie in the log,
// from where they lie: a response is its head and spans of slabs.
//
// A fetch goes through rounds. A round looks at every partition and reads what
// there is, on all owning loops at once where each may have all it is asked for,
// else on one after the other with what is left of the byte budget (visit.go). It
// is answered when there are min_bytes or an error, or when max_wait is over; else
// it gives back what it read and parks until a partition moves (park.go); another
// loop that wakes it brings what has moved. One fetch of a connection is under way
// at a time.
//
//	v5:  log start offset
//	v7:  incremental sessions (session.go)
//	v9:  current leader epoch: 74 for an older one, 75 for a newer one
//	v11: rack; there is one replica, so the preferred one is always -1
//	v12: last fetched epoch, answered with a diverging epoch
//	v13: topics by id, 100 for one that does not exist
//	v16: the leader's address with NOT_LEADER_OR_FOLLOWER and the two fencing errors
//
// Where we differ: a partition's last stable offset counts as changed data of
// an incremental session, too. Followers are served like consumers.
func handleFetch(r *request) {
	f := r.loop.newFetch(r)
	if !decode(r, &f.m) {
		return
	}
	f.maxBytes = min(max(int(f.m.MaxBytes), 0), r.loop.fetchMax)
	f.committed = f.m.IsolationLevel == 1
	if err := f.openSession(); err != nil {
		f.answerError(err)
		return
	}
	r.conn.fetching = f
	f.deadline = r.began.Add(time.Duration(max(f.m.MaxWaitMillis, 0)) * time.Millisecond)
	f.round()
}

// fetch is one Fetch request under way. It belongs to the connection's loop.
type fetch struct {
	r           *request
	loop        *loop
	m           kafkaproto.FetchRequest
	snap        *metadata.Snapshot
	session     *session // nil: without
	incremental bool     // only what changed is answered
	items       []*fetchItem
	maxBytes    int
	committed   bool
	deadline    time.Time

	visits    []*visit // of this round, those that are to come
	visiting  int      // under way
	atOnce    []*visit // of this round, the first of which was to find the first batch
	serial    bool     // no visits at once any more
	left      int      // bytes of this round's budget
	got       int      // bytes of this round
	again     bool     // memory was short: another round soon
	timer     *shard.Timer
	watches   []*watch // parked on these
	gifts     []*visit // brought by watches that fired, for the next round
	parked    bool
	woken     bool
	cancelled bool
}

// fetchItem is one partition of a fetch. While a visit is under way it belongs
// to the loop that is visited.
type fetchItem struct {
	asked
	part *sessionPart // nil without a session
	of   *fetchItem   // of what a watch brings: the item it is for

	// As found in this round.
	topic *metadata.Topic
	owner *loop
	pid   shard.PartitionID
	known bool // found needs no visit
	found found
}

// asked is what a client asks of one partition.
type asked struct {
	name         string             // up to v12
	id           kafkaproto.TopicID // from v13 on
	index        int32
	offset       int64
	maxBytes     int
	currentEpoch int32
	lastEpoch    int32
}

// round looks at all partitions once.
func (f *fetch) round() {
	f.snap = f.r.snapshot()
	f.left, f.got = f.maxBytes, 0
	f.visits = f.visits[:0]
	f.again = f.loop.queued >= f.loop.queuedMax
	if f.again && time.Now().Before(f.deadline) { // others hold the memory it would read into
		f.dropGifts()
		f.park()
		return
	}
	for _, it := range f.items {
		it.found = nothing()
		it.topic, it.owner = nil, nil
		it.found.err = f.find(it)
		it.known = it.found.err != nil
	}
	f.takeGifts()
	for _, it := range f.items {
		if !it.known && !f.spared(it) {
			f.visitFor(it.owner).add(it)
		}
	}
	f.visit()
}

// takeGifts has what watches brought stand for visits, as far as it is still
// asked for and the budget allows.
func (f *fetch) takeGifts() {
	for _, v := range f.gifts {
		for _, gift := range v.items {
			it := gift.of
			if it.known || it.owner != v.owner || it.pid != gift.pid || gift.found.err != nil || f.crowded(gift.found.bytes) {
				gift.found.release()
				continue
			}
			it.found, it.known = gift.found, true
			f.count(it)
		}
	}
	f.gifts = nil
}

// crowded says whether so many bytes more are beyond the budget; the first batch never is.
func (f *fetch) crowded(bytes int) bool { return bytes > 0 && f.got > 0 && bytes > f.left }

// find resolves an item against the metadata.
func (f *fetch) find(it *fetchItem) (err error) {
	if f.r.version() >= 13 {
		if it.topic = f.snap.ByID(it.id); it.topic == nil {
			return refuse(kafkaproto.UnknownTopicID, "topic id %s does not exist", it.id)
		}
		err = checkIndex(it.topic, it.index)
	} else {
		it.topic, err = findByName(f.snap, it.name, it.index)
	}
	if err != nil {
		return err
	}
	it.pid = partitionID(it.topic, it.index)
	if it.owner = f.r.broker.loopOf(it.topic, it.index); it.owner == nil {
		return f.r.broker.notOpen(it.pid)
	}
	return nil
}

// spared answers for a partition of another loop without asking that loop: where it has
// nothing to read, or where what watches brought is enough for an answer and the client's
// next fetch finds the rest. What is published may be a moment old: a fetch that then
// parks is woken by the owner, one that may not wait asks the owner at once.
func (f *fetch) spared(it *fetchItem) bool {
	if it.owner == f.loop || f.m.MaxWaitMillis <= 0 || !f.published(it) {
		return false
	}
	return it.offset >= it.found.bound(f.committed) || f.got > 0 && f.got >= int(f.m.MinBytes)
}

// published fills in where a partition stands. It says false where only the owner can
// tell.
func (f *fetch) published(it *fetchItem) bool {
	p, open := f.r.broker.group().Published(it.pid)
	if !open || it.lastEpoch >= 0 || it.offset < p.LogStart || it.offset > p.LogEnd || checkEpoch(it.currentEpoch, p.LeaderEpoch) != nil {
		return false
	}
	it.found.highWatermark, it.found.lastStable, it.found.logStart, it.found.epoch = p.HighWatermark, p.LastStable, p.LogStart, p.LeaderEpoch
	return true
}

func (f *fetch) visitFor(owner *loop) *visit {
	for _, v := range f.visits {
		if v.owner == owner {
			return v
		}
	}
	v := &visit{home: f.loop, owner: owner, committed: f.committed}
	v.done = func() { f.visited(v) }
	f.visits = append(f.visits, v)
	return v
}

// visit goes to the loops that own what is asked for: to all at once when each may have
// all it is asked for, else from one to the next with what is left.
func (f *fetch) visit() {
	most := 0
	for _, v := range f.visits {
		most += v.most()
	}
	f.atOnce = nil
	if len(f.visits) < 2 || most > f.left || f.serial {
		f.nextVisit()
		return
	}
	visits, had := f.visits, f.got > 0
	f.visits, f.visiting = nil, len(visits)
	if !had {
		f.atOnce = visits
	}
	for i, v := range visits {
		v.left, v.any = v.most(), had || i > 0
		v.begin()
	}
}

// nextVisit goes to the next loop, or ends the round.
func (f *fetch) nextVisit() {
	if len(f.visits) == 0 || f.cancelled {
		f.endRound()
		return
	}
	v := f.visits[0]
	f.visits = f.visits[1:]
	f.visiting = 1
	v.left, v.any = f.left, f.got > 0
	v.begin()
}

// visited takes what a visit brought.
func (f *fetch) visited(v *visit) {
	for _, it := range v.items {
		f.count(it)
	}
	if f.visiting--; f.visiting == 0 {
		f.nextVisit()
	}
}

// count takes what was read at one partition off the round's budget.
func (f *fetch) count(it *fetchItem) {
	f.got += it.found.bytes
	f.left = f.maxBytes - f.got
	f.again = f.again || it.found.short
}

// endRound answers, or parks.
func (f *fetch) endRound() {
	switch {
	case f.cancelled:
		f.drop()
		f.r.finish()
	case f.amiss():
		f.drop()
		f.serial = true
		f.round()
	case f.ready() || !time.Now().Before(f.deadline):
		f.answer()
	default:
		f.drop()
		f.park()
	}
}

// amiss says that visits at once have not found what one after the other would have: the
// first of all batches was too large for a visit that took itself for a later one, or is
// so large that it leaves no room for what others have read.
func (f *fetch) amiss() bool {
	if f.atOnce == nil {
		return false
	}
	for _, v := range f.atOnce {
		for _, it := range v.items {
			if it.found.bytes > 0 || it.found.large {
				return it.found.large || f.got > f.maxBytes && f.got > it.found.bytes
			}
		}
	}
	return false
}

// ready says whether what was found must not wait.
func (f *fetch) ready() bool {
	if len(f.items) == 0 || f.got >= int(f.m.MinBytes) {
		return true
	}
	for _, it := range f.items {
		if it.found.err != nil || it.found.diverging.EndOffset >= 0 {
			return true
		}
	}
	return false
}

// drop gives back what was read and is not sent.
func (f *fetch) drop() {
	for _, it := range f.items {
		it.found.release()
	}
}

// cancel ends the fetch of a connection that is gone.
func (f *fetch) cancel() {
	if f.cancelled {
		return
	}
	f.cancelled = true
	f.dropGifts()
	if f.parked {
		f.unpark()
		f.r.finish()
	}
}
