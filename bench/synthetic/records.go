package synthetic

import (
	"math/rand/v2"

	"umbra/kafkaproto/batch"
)

// stamp is the time of every record, in ms.
const stamp = 1_700_000_000_000

// Fill adds the records of one batch to b: as many values of recordSize bytes as fit
// into batchSize before compression, and at least one.
//
// The values pack as events do, which are names that repeat and numbers that do not.
// Stretches of 24 bytes take turns: one from a page of 1 KiB of words, one of random
// digits of base 64. A batch shrinks to about 0.7 of its size with lz4 and 0.53 with zstd.
func Fill(b *batch.Builder, recordSize, batchSize int) {
	r := rand.New(rand.NewPCG(1, uint64(recordSize)))
	page := words(r)
	value := make([]byte, recordSize)
	for n := 0; ; n++ {
		event(r, page, value)
		if n > 0 && b.Len()+recordSize+recordHeadMost > batchSize {
			return
		}
		b.Add(batch.Record{Value: value, Timestamp: stamp})
	}
}

const (
	stretch  = 24
	pageSize = 1 << 10
	// recordHeadMost bounds what a record takes beside its value: its length and
	// the value's, attributes, deltas of time and offset, no key, no headers.
	recordHeadMost = 5 + 1 + 1 + 5 + 1 + 5 + 1
)

// words is a page of lower-case words.
func words(r *rand.Rand) []byte {
	page := make([]byte, pageSize)
	for i := range page {
		page[i] = 'a' + byte(r.IntN(26))
		if r.IntN(7) == 0 {
			page[i] = ' '
		}
	}
	return page
}

// event fills a value.
func event(r *rand.Rand, page, value []byte) {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := 0; i < len(value); i += 2 * stretch {
		known := value[i:min(i+stretch, len(value))]
		copy(known, page[r.IntN(pageSize-stretch):])
		fresh := value[min(i+stretch, len(value)):min(i+2*stretch, len(value))]
		for k := range fresh {
			fresh[k] = digits[r.IntN(len(digits))]
		}
	}
}
