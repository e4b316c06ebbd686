package shard

import "fmt"

// offloads is a shard's blocking work: jobs in order, on a bounded number of
// goroutines that start when first needed. Loop only but for the channel.
type offloads struct {
	run         chan offloadJob // to the workers; holds one job for each
	waiting     []offloadJob    // behind those
	running     int             // handed to the workers
	outstanding int             // from Offload until then was called
	workers     int
	closed      bool
}

type offloadJob struct {
	work func() error
	then func(error)
}

// Offload runs work on a goroutine, where it may block, and then calls then with
// its result on the loop. Over Config.OffloadDepth outstanding jobs, or once the
// shard is stopping, work is not run and then gets ErrOffloadFull or ErrStopped.
func (s *Shard) Offload(work func() error, then func(error)) {
	if n := s.offloads.outstanding; n >= s.cfg.OffloadDepth {
		s.stats.OffloadRefused++
		s.AtTurnEnd(func() { then(fmt.Errorf("offload work of shard %d: %w (%d)", s.id, ErrOffloadFull, n)) })
		return
	}
	s.offloadForLog(work, then)
}

// offloadForLog is Offload for logs: a log has one job at a time and a bounded
// number of look-ups, so the number of partitions bounds it, and a refusal would
// cost the log its life.
func (s *Shard) offloadForLog(work func() error, then func(error)) {
	o := &s.offloads
	if o.closed {
		s.AtTurnEnd(func() { then(fmt.Errorf("offload work of shard %d: %w", s.id, ErrStopped)) })
		return
	}
	o.outstanding++
	o.waiting = append(o.waiting, offloadJob{work, then})
	s.feedOffloads()
}

func (s *Shard) feedOffloads() {
	o := &s.offloads
	for o.running < s.cfg.OffloadWorkers && len(o.waiting) > 0 {
		if o.workers <= o.running {
			o.workers++
			s.group.workers.Go(func() { s.offloadWorker(o.run) })
		}
		o.run <- o.waiting[0] // never waits: it holds OffloadWorkers
		o.running++
		o.waiting[0] = offloadJob{}
		o.waiting = o.waiting[1:]
	}
}

func (s *Shard) offloadWorker(jobs <-chan offloadJob) {
	for j := range jobs {
		err := j.work()
		s.deliver(func() {
			s.offloads.outstanding--
			s.offloads.running--
			s.feedOffloads()
			j.then(err)
		})
	}
}

// stopOffloads takes no more work; the goroutines end with the job they have.
// Jobs behind those end with ErrStopped.
func (s *Shard) stopOffloads() {
	o := &s.offloads
	if o.closed {
		return
	}
	o.closed = true
	close(o.run)
	for _, j := range o.waiting {
		o.outstanding--
		j.then(fmt.Errorf("offload work of shard %d: %w", s.id, ErrStopped))
	}
	o.waiting = nil
}
