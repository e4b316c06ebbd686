package shard

import "testing"

func TestTurnsAreCountedByLength(t *testing.T) {
	var s Stats
	for nanos, bucket := range map[int64]int{0: 0, 999: 0, 1000: 1, 1999: 1, 2000: 2, 3_999_999: 12, 4_100_000: 13, 1 << 62: turnBuckets - 1} {
		before := s.TurnBuckets[bucket]
		s.tookTurn(nanos)
		if s.TurnBuckets[bucket] != before+1 {
			t.Errorf("a turn of %d ns is not in bucket %d: %v", nanos, bucket, s.TurnBuckets)
		}
	}
	if s.Turns != 8 || s.TurnMaxNanos != 1<<62 {
		t.Errorf("%d turns, the longest %d", s.Turns, s.TurnMaxNanos)
	}
}
