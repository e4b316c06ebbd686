package replicate

import (
	"testing"
	"time"
)

// An answer that was long on its way says what the source had when it was asked, not
// what it has: a lag is as of then.
func TestLateAnswerIsAsOfItsAsking(t *testing.T) {
	asked := time.Unix(1_000, 0)
	f := func(name string, took time.Duration, want time.Time) {
		t.Helper()
		cfg := Config{MaxWait: 500 * time.Millisecond, Now: func() time.Time { return asked.Add(took) }}
		if got := (&Fetcher{cfg: cfg, askedAt: asked}).spoke(); !got.Equal(want) {
			t.Errorf("%s, after %v: the source spoke at %v, want %v", name, took, got, want)
		}
	}
	f("at once", time.Millisecond, asked.Add(time.Millisecond))
	f("a long poll that was empty", 510*time.Millisecond, asked.Add(510*time.Millisecond))
	f("over a thin line", 8*time.Second, asked)
}
