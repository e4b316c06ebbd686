package broker

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard"
)

// Produce (key 0, versions 3-11; 0-2 are advertised and close the connection,
// see kafkaproto.API) appends one batch per partition.
//
// A request goes through three steps: check every batch here, on the
// connection's loop; append, on the loops that own the partitions (append.go);
// wait until what was appended is written, or durable if acks is all. The next request of
// the connection begins when this one's appends are decided, so that the order
// of appends is the order of sending; waiting for the disk holds nobody up.
//
//	acks=0   nothing is answered; an error closes the connection
//	acks=1   answered when written: what a crash of the machine can lose, and a
//	         crash of umbra cannot
//	acks=-1  answered when fsynced
//
// Records of a compressed batch are unpacked to be checked, as in Kafka: small
// ones here, others away from the loop. Batches are stored as they were sent,
// unless the topic's compression.type asks for another codec (recompress.go).
//
//	v5:  log start offset
//	v8:  record errors and a message
//	v10: the leader with NOT_LEADER_OR_FOLLOWER
//	v12: transactions of the second protocol; not served
func handleProduce(r *request) {
	p := r.loop.newProduce(r)
	if !decode(r, &p.m) {
		return
	}
	p.snap = r.snapshot()
	p.deadline = r.began.Add(time.Duration(max(p.m.TimeoutMillis, 0)) * time.Millisecond)
	for i := range p.m.Topics {
		t := &p.m.Topics[i]
		for j := range t.Partitions {
			p.parts = append(p.parts, producePart{name: t.Topic, index: t.Partitions[j].Partition, base: -1, appendTime: -1, logStart: -1, records: t.Partitions[j].Records})
		}
	}
	var heavy []int // parts whose records are unpacked away from the loop
	for i := range p.parts {
		later, err := p.check(&p.parts[i])
		if err != nil {
			p.parts[i].refuse(err)
		} else if later {
			heavy = append(heavy, i)
		}
	}
	if len(heavy) == 0 {
		p.place()
		return
	}
	p.checkAway(heavy)
}

// produce is one Produce request under way. It belongs to the connection's loop;
// loops that append for it get copies of what they need.
type produce struct {
	r        *request
	m        kafkaproto.ProduceRequest // kept, with its memory, from request to request
	snap     *metadata.Snapshot
	now      time.Time
	deadline time.Time
	parts    []producePart
	groups   int // append groups that have not placed their batches
	open     int // append groups that are not through
	timer    *shard.Timer
	owned    bool // the batches do not lie in the loop's scratch
	answered bool
}

// producePart is one partition of the request.
type producePart struct {
	name    string
	index   int32
	topic   *metadata.Topic
	records []byte
	batch   batch.View

	done       bool
	err        error
	base       int64
	appendTime int64
	logStart   int64
}

func (p *producePart) refuse(err error) { p.err, p.done = err, true }

// newProduce makes a produce, from the memory of one that has ended if it can.
func (l *loop) newProduce(r *request) *produce {
	p := popped(&l.produces)
	p.r, p.now = r, l.broker.now()
	return p
}

// producesMax is how many ended produces a loop keeps for their memory, and
// producePartsMax how many topics and partitions one of them may have had, with names
// of topicNameMax at most: a client could else fill a loop with memory that nobody
// needs again.
const (
	producesMax     = 64
	producePartsMax = 128
)

// recycle keeps the memory of a produce that nobody refers to any more.
func (p *produce) recycle() {
	l := p.r.loop
	if len(l.produces) == producesMax || !p.small() {
		return
	}
	clear(p.parts)
	for i := range p.m.Topics {
		clear(p.m.Topics[i].Partitions) // they hold records
	}
	*p = produce{m: kafkaproto.ProduceRequest{Topics: p.m.Topics}, parts: p.parts[:0]}
	l.produces = append(l.produces, p)
}

// small says whether its memory, the decoded request's included, is within the bounds.
func (p *produce) small() bool {
	if cap(p.parts) > producePartsMax || cap(p.m.Topics) > producePartsMax {
		return false
	}
	room := 0
	for _, t := range p.m.Topics[:cap(p.m.Topics)] {
		if room += cap(t.Partitions); len(t.Topic) > topicNameMax {
			return false
		}
	}
	return room <= 2*producePartsMax
}

// own makes the records outlive the handler: those in the loop's scratch are
// copied, those in a frame stay, for the request owns it.
func (p *produce) own() {
	if p.r.frame != nil || p.owned {
		return
	}
	p.owned = true
	for i := range p.parts {
		if part := &p.parts[i]; !part.done {
			part.batch = bytes.Clone(part.batch)
		}
	}
}

// place hands the batches that passed to the loops that own their partitions.
func (p *produce) place() {
	groups := p.group()
	p.groups, p.open = len(groups), len(groups)
	if len(groups) == 0 {
		p.answer()
		p.recycle()
		return
	}
	away := false
	for _, g := range groups {
		away = away || g.owner != p.r.loop
	}
	if away {
		p.r.hold()
		p.own()
	}
	for _, g := range groups {
		for i := range g.jobs {
			g.jobs[i].batch = p.parts[g.jobs[i].part].batch
		}
	}
	for _, g := range groups {
		g.begin() // the last one may end p
	}
}

// group sorts the parts by the loop that owns them.
func (p *produce) group() []*appendGroup {
	var groups []*appendGroup
	for i := range p.parts {
		part := &p.parts[i]
		if part.done {
			continue
		}
		owner := p.r.broker.loopOf(part.topic, part.index)
		if owner == nil {
			part.refuse(p.r.broker.notOpen(partitionID(part.topic, part.index)))
			continue
		}
		var g *appendGroup
		for _, have := range groups {
			if have.owner == owner {
				g = have
			}
		}
		if g == nil {
			g = &appendGroup{produce: p, home: p.r.loop, owner: owner, acks: p.m.Acks, deadline: p.deadline}
			groups = append(groups, g)
		}
		g.jobs = append(g.jobs, appendJob{part: i, id: partitionID(part.topic, part.index), term: part.topic.Term(),
			stamped: p.r.loop.settings(part.topic).LogAppendTime})
	}
	return groups
}

// placed is a group's word that its appends are decided.
func (p *produce) placed(g *appendGroup) {
	for _, j := range g.jobs {
		part := &p.parts[j.part]
		part.base, part.appendTime, part.logStart = j.base, j.appendTime, j.logStart
		if j.err != nil {
			part.refuse(j.err)
		}
	}
	if p.groups--; p.groups > 0 {
		return
	}
	p.r.unhold()
	if p.r.frame != nil {
		p.r.release() // the logs have their copies
	}
	if p.open > 0 && p.m.Acks != 0 {
		p.timer = p.r.loop.shard.After(time.Until(p.deadline), p.timedOut)
	}
}

// through is a group's word that nothing is to be waited for any more; errs
// are the jobs' errors while waiting, nil for none.
func (p *produce) through(g *appendGroup, errs []error) {
	if p.answered { // by timedOut
		return
	}
	for i, j := range g.jobs {
		part := &p.parts[j.part]
		if errs != nil && errs[i] != nil && !part.done {
			part.refuse(errs[i])
		}
		part.done = true
	}
	if p.open--; p.open == 0 {
		p.answer()
		p.recycle()
	}
}

// timedOut answers without the batches that are not safe in time. They may
// become so: that is what REQUEST_TIMED_OUT says.
func (p *produce) timedOut() {
	p.timer = nil
	for i := range p.parts {
		if part := &p.parts[i]; !part.done {
			part.refuse(refuse(kafkaproto.RequestTimedOut, "the batch at offset %d was appended and is not on stable storage after %d ms", part.base, p.m.TimeoutMillis))
		}
	}
	p.answer()
}

func (p *produce) answer() {
	if p.answered {
		return
	}
	p.answered = true
	p.timer.Stop()
	if p.m.Acks == 0 {
		p.answerNothing()
		return
	}
	p.r.reply(p.response())
}

// answerNothing ends an acks=0 request: the only way to tell of an error is to
// close the connection.
func (p *produce) answerNothing() {
	for i := range p.parts {
		part := &p.parts[i]
		if part.err != nil {
			p.r.loop.stats.countError(code(part.err))
			p.r.fail(fmt.Errorf("acks=0, topic %q partition %d: %w", part.name, part.index, part.err))
			return
		}
	}
	p.r.noReply()
}

func (p *produce) response() *kafkaproto.ProduceResponse {
	resp := &kafkaproto.ProduceResponse{Topics: make([]kafkaproto.ProduceResponseTopic, len(p.m.Topics))}
	n := 0
	for i := range p.m.Topics {
		t := &resp.Topics[i]
		t.Topic = p.m.Topics[i].Topic
		t.Partitions = make([]kafkaproto.ProduceResponseTopicPartition, len(p.m.Topics[i].Partitions))
		for j := range t.Partitions {
			p.parts[n].respond(&t.Partitions[j], p, resp)
			n++
		}
	}
	return resp
}

func (part *producePart) respond(out *kafkaproto.ProduceResponseTopicPartition, p *produce, resp *kafkaproto.ProduceResponse) {
	*out = kafkaproto.NewProduceResponseTopicPartition()
	out.Partition = part.index
	if part.err == nil {
		out.BaseOffset, out.LogAppendTime, out.LogStartOffset = part.base, part.appendTime, part.logStart
		return
	}
	c := code(part.err)
	p.r.loop.stats.countError(c)
	out.ErrorCode, out.BaseOffset, out.ErrorMessage = int16(c), -1, message(part.err)
	var bad *recordErrors
	if errors.As(part.err, &bad) {
		out.ErrorRecords = bad.records
	}
	switch {
	case c == kafkaproto.UnknownServerError:
		p.r.loop.logs.say(p.r.broker.log, p.now, "produce failed", "topic", part.name, "partition", part.index, "error", part.err)
	case c == kafkaproto.NotLeaderOrFollower && part.topic != nil && p.r.version() >= 10:
		b := p.snap.Broker
		out.CurrentLeader = kafkaproto.ProduceResponseTopicPartitionCurrentLeader{LeaderID: b.ID, LeaderEpoch: part.topic.Partitions[part.index].LeaderEpoch}
		if len(resp.Brokers) == 0 {
			resp.Brokers = append(resp.Brokers, kafkaproto.ProduceResponseBroker{NodeID: b.ID, Host: b.Host, Port: b.Port})
		}
	}
}
