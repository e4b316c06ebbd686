package replicate

import (
	"testing"

	"umbra/kafkaproto"
)

// Where a large chunk is expected, its head is received with little behind it, which
// has to be copied; else with as much as there is.
func TestHeadsOfLargeChunks(t *testing.T) {
	f := func(name string, in inbound, want int) {
		t.Helper()
		in.scratch = make([]byte, scratchSize)
		first, then := in.Buffers()
		if len(first) != want || then != nil {
			t.Errorf("%s: %d bytes and then %d, want %d", name, len(first), len(then), want)
		}
	}
	f("nothing is known", inbound{stage: size}, scratchSize)
	f("behind small chunks", inbound{stage: stream, fill: 100, pos: 100}, scratchSize-100)
	f("behind a large one", inbound{stage: stream, large: true}, headSize)
	f("a head that is larger", inbound{stage: stream, large: true, fill: headSize}, headSize)
	f("one as large as can be", inbound{stage: stream, large: true, fill: scratchSize - 1}, 1)
	f("records that nobody takes", inbound{stage: records, large: true, recordsLeft: 1 << 20}, scratchSize)
}

// Another answer than a fetch's is received with as much as there is.
func TestOtherAnswersAreNotLargeChunks(t *testing.T) {
	in := inbound{large: true, scratch: make([]byte, scratchSize)}
	if in.expect(kafkaproto.KeyFetch, 12, 1, 1<<20); len(in.heads()) != headSize {
		t.Errorf("a fetch behind a large chunk receives %d bytes at once", len(in.heads()))
	}
	if in.expect(kafkaproto.KeyMetadata, 9, 2, 1<<20); len(in.heads()) != scratchSize {
		t.Errorf("metadata behind it receive %d", len(in.heads()))
	}
}
