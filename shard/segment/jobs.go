package segment

// job is work on the log's files that blocks. Jobs run one after another, in
// order, away from the loop; done runs on the loop.
type job struct {
	work func() error
	done func(error)
}

func (l *Log) enqueue(work func() error, done func(error)) {
	l.jobs = append(l.jobs, job{work, done})
	l.nextJob()
}

func (l *Log) nextJob() {
	if l.jobBusy || l.exclBusy || len(l.jobs) == 0 {
		return
	}
	j := l.jobs[0]
	l.jobs[0] = job{}
	l.jobs = l.jobs[1:]
	l.jobBusy = true
	l.env.Offload(j.work, func(err error) {
		l.jobBusy = false
		j.done(err)
		l.nextJob()
		l.settle()
	})
}

// exclusive is an operation that changes the files under the log: truncate,
// reset, close. From its request until its end appends are refused (ErrBusy)
// and cold reads wait. It begins when everything appended is fsynced,
// nothing is in flight and no reservation is out: its holder's Commit gets
// ErrBusy.
type exclusive struct {
	flush bool // wait for durability; false: only for quiet
	// needsQuiet: also on a failed log abort must not run before everything in
	// flight has ended.
	needsQuiet bool
	run        func(ended func())
	abort      func(error) // the log failed before run could begin
}

func (l *Log) exclusively(x exclusive) {
	if l.closed {
		x.abort(ErrClosed)
		return
	}
	l.excl = append(l.excl, x)
	if x.flush {
		l.sync.want = max(l.sync.want, l.vend())
	}
	l.markDirty()
}

// settle starts what waits for quiet: first the way back from a full disk,
// then the exclusive operations, in order.
func (l *Log) settle() {
	if l.exclBusy || l.closed {
		return
	}
	quiet := l.writing == 0 && !l.sync.busy && !l.jobBusy && len(l.jobs) == 0 && l.cold == 0 && l.resv.p == nil
	if l.failed != nil {
		l.abortExclusives(quiet)
		return
	}
	if l.space.rollback {
		if quiet {
			l.exclBusy = true
			l.rollBack(func() { l.endExclusive(false) })
		}
		return
	}
	if len(l.excl) == 0 || !quiet || l.excl[0].flush && l.vdurable < l.vend() {
		return
	}
	l.exclBusy = true
	l.excl[0].run(func() { l.endExclusive(true) })
}

func (l *Log) endExclusive(pop bool) {
	l.exclBusy = false
	if pop {
		l.excl[0] = exclusive{}
		l.excl = l.excl[1:]
	}
	l.markDirty()
	l.nextJob()
	l.settle()
}

func (l *Log) abortExclusives(quiet bool) {
	for len(l.excl) > 0 && (quiet || !l.excl[0].needsQuiet) {
		x := l.excl[0]
		l.excl[0] = exclusive{}
		l.excl = l.excl[1:]
		x.abort(l.failed)
	}
}
