package replicate

import "umbra/shard"

// backlogMax is how much a shard's logs may hold that the disk has not taken yet
// before a link stops reading. The rest waits in the source's send buffer and costs
// nothing here: memory is bounded, lag is not.
const backlogMax = 16 << 20

// relieve stops reading while the disk is behind. Where the kernel cannot be told
// to hold the bytes back, the logs' own bounds do: what comes beyond is thrown away
// and fetched again.
func (f *Fetcher) relieve() {
	c := f.conn
	if c == nil || c.Paused() || f.shard.Unwritten() < backlogMax || !f.shard.PausesInKernel() {
		return
	}
	c.Pause()
	if f.relieving { // since an earlier connection
		return
	}
	f.relieving = true
	began := f.cfg.Now()
	f.shard.WhenWritten(backlogMax/2, func() {
		f.relieving = false
		f.count.BacklogNanos += int64(f.cfg.Now().Sub(began))
		f.goOnReading()
	})
}

// goOnReading gives the source its time anew: what it did not send while nobody
// read is not its fault.
func (f *Fetcher) goOnReading() {
	if !held(f.conn) {
		return
	}
	f.conn.Resume()
	if f.state == fetching {
		f.watch()
	}
}

// held: the connection stands still because of us.
func held(c *shard.Conn) bool { return c != nil && c.Paused() }
