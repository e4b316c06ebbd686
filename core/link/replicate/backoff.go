package replicate

import (
	"math/rand/v2"
	"time"
)

// backoff is exponential with full jitter on the upper half, so that the
// fetchers of many shards do not knock on a returning broker together.
type backoff struct {
	min, max, now time.Duration
}

func newBackoff(min, max time.Duration) backoff { return backoff{min: min, max: max, now: min} }

func (b *backoff) reset() { b.now = b.min }

func (b *backoff) next() time.Duration {
	wait := b.now/2 + rand.N(b.now/2+1)
	b.now = min(b.now*2, b.max)
	return wait
}
