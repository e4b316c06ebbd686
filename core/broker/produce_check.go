package broker

import (
	"errors"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/compress"
)

// check says whether a part may be appended; later is true when its records are
// still to be unpacked and looked at.
func (p *produce) check(part *producePart) (later bool, err error) {
	r := p.r
	if a := p.m.Acks; a < -1 || a > 1 {
		return false, refuse(kafkaproto.InvalidRequiredAcks, "acks is %d; -1 (all), 0 and 1 are valid", a)
	}
	if part.topic, err = findByName(p.snap, part.name, part.index); err != nil {
		if p.snap.Topics[part.name] == nil {
			err = unknownTopic(part.name)
		}
		return false, err
	}
	if part.topic.Internal {
		return false, refuse(kafkaproto.InvalidTopicException, "topic %q is internal; clients do not write to it", part.name)
	}
	if err := readOnly(part.topic); err != nil {
		r.loop.stats.rejectShadow(part.name)
		return false, err
	}
	if p.m.TransactionID != nil {
		return false, errTransactions()
	}
	u := rules{version: r.version(), now: p.now, TopicSettings: r.loop.settings(part.topic)}
	if part.batch, err = u.oneBatch(part.records); err != nil {
		return false, err
	}
	if err := u.head(part.batch); err != nil {
		return false, err
	}
	if _, other := u.target(part.batch); other {
		return true, nil
	}
	if part.batch.Codec() == compress.None {
		return false, u.records(part.batch, &r.loop.unpack)
	}
	if len(part.batch) > unpackHereMax {
		return true, nil
	}
	err = u.records(part.batch, &r.loop.unpack)
	if errors.Is(err, compress.ErrTooLarge) {
		return true, nil
	}
	return false, err
}

const (
	// unpackHereMax is the largest compressed batch that is unpacked on the
	// loop, and unpackedHereMax what it may unpack to there: about 50 us.
	unpackHereMax   = 8 << 10
	unpackedHereMax = 64 << 10
)

// checkAway unpacks the records of the given parts on a worker, packs them again
// where the topic has a codec of its own, then goes on.
func (p *produce) checkAway(heavy []int) {
	r := p.r
	r.hold()
	p.own()
	type job struct {
		rules
		batch batch.View
		err   error
	}
	jobs := make([]job, len(heavy))
	for i, n := range heavy {
		part := &p.parts[n]
		settings := *r.loop.settings(part.topic)
		jobs[i] = job{rules: rules{version: r.version(), now: p.now, TopicSettings: &settings}, batch: part.batch}
	}
	scratch := r.loop.takeScratch()
	seen := 0
	r.loop.shard.Offload(func() error {
		for i := range jobs {
			if jobs[i].err = jobs[i].records(jobs[i].batch, scratch); jobs[i].err == nil {
				jobs[i].batch, jobs[i].err = jobs[i].repack(jobs[i].batch, scratch)
			}
			if seen += jobs[i].seen; jobs[i].err != nil {
				seen += scratchKeepMax // what it grew to is not known
			}
		}
		return nil
	}, func(err error) {
		r.loop.giveScratch(scratch, seen)
		for i, n := range heavy {
			switch e := jobs[i].err; {
			case err != nil:
				p.parts[n].refuse(err)
			case errors.Is(e, compress.ErrTooLarge):
				p.parts[n].refuse(refuse(kafkaproto.MessageTooLarge, "the batch unpacks to more than %d bytes; send smaller batches", scratch.UnpackMax))
			case e != nil:
				p.parts[n].refuse(e)
			default:
				p.parts[n].batch = jobs[i].batch
			}
		}
		p.place()
	})
}

// scratchKeepMax: a scratch that may have grown beyond this is not kept.
const scratchKeepMax = 1 << 20

// takeScratch gives memory and coders to unpack with away from the loop.
func (l *loop) takeScratch() *batch.Scratch {
	if n := len(l.scratches); n > 0 {
		s := l.scratches[n-1]
		l.scratches = l.scratches[:n-1]
		return s
	}
	return &batch.Scratch{UnpackMax: l.broker.cfg.UnpackMax}
}

// giveScratch takes a scratch back that has unpacked about so many bytes.
func (l *loop) giveScratch(s *batch.Scratch, seen int) {
	if seen >= scratchKeepMax || len(l.scratches) >= scratchesMax {
		s.Codecs.Close()
		return
	}
	l.scratches = append(l.scratches, s)
}

// scratchesMax is how many scratches a loop keeps: about its workers.
const scratchesMax = 4
