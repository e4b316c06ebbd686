package replicate

import "umbra/shard"

// backlogMax is how much a shard's logs may hold that the disk has not taken yet
// before a link stops reading. The rest waits in the source's send buffer and costs
// nothing here: memory is bounded, lag is not.
const backlogMax = 16 << 20

// relieve stops reading while the disk is behind.
func (f *Fetcher) relieve() {
	c := f.conn
	if c == nil || c.Paused() || f.shard.Unwritten() < backlogMax {
		return
	}
	began := f.cfg.Now()
	c.Pause()
	f.shard.WhenWritten(backlogMax/2, func() {
		f.count.BacklogNanos += int64(f.cfg.Now().Sub(began))
		c.Resume()
	})
}

// held: the connection stands still because of us.
func held(c *shard.Conn) bool { return c != nil && c.Paused() }
