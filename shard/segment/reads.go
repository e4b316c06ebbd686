package segment

// Reads is the bound on what the logs of one shard read from the disk at a time. It
// belongs to the shard's loop.
//
// A disk is busy with a few MiB under way. More of them only take memory: what hundreds
// of readers ask for at once would be spread over so many slabs that each has left the
// processor's caches before it is checked and sent, and new ones have to be touched a
// first time.
type Reads struct {
	limit   int64
	bytes   int64
	waiting queue[*coldRead]
	running bool // next is on the stack
}

// NewReads makes a Reads of at most limit bytes under way; one larger read goes alone.
func NewReads(limit int64) *Reads { return &Reads{limit: limit} }

// Bytes is how much is under way.
func (r *Reads) Bytes() int64 { return r.bytes }

// Waiting is how many reads wait for their turn: one for each Log.Read under way at most.
func (r *Reads) Waiting() int { return r.waiting.len() }

// begin issues c now, or in its turn.
func (r *Reads) begin(c *coldRead) {
	r.waiting.push(c)
	r.next()
}

// end takes n bytes off and lets the next ones go.
func (r *Reads) end(n int64) {
	r.bytes -= n
	r.next()
}

// next issues what may go. What ends at once comes back here, and is left to the call
// below it on the stack.
func (r *Reads) next() {
	if r.running {
		return
	}
	r.running = true
	for r.waiting.len() > 0 {
		n := (*r.waiting.front()).size()
		if r.bytes > 0 && r.bytes+n > r.limit {
			break
		}
		c := r.waiting.pop()
		r.bytes += n
		c.issue()
	}
	r.running = false
}
