package verify

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"umbra/kafkaproto/batch"
)

// batches is a log of n batches of one to three records from offset 0 on.
func batches(t *testing.T, n int) (log [][]byte, end int64) {
	t.Helper()
	for i := range n {
		b := batch.Builder{BaseOffset: end}
		for range i%3 + 1 {
			b.Add(batch.Record{Value: bytes.Repeat([]byte{byte(i)}, i%7*40)})
		}
		out, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, out)
		end += int64(i%3 + 1)
	}
	return log, end
}

// chunk is what a fetch at offset next answers: some batches from the one that
// holds it on, the last one cut at will.
func chunk(log [][]byte, next int64, most int, cut bool) []byte {
	i := slices.IndexFunc(log, func(b []byte) bool { return batch.View(b).LastOffset() >= next })
	if i < 0 {
		return nil
	}
	out := slices.Concat(log[i:min(len(log), i+most)]...)
	if cut && i+most < len(log) {
		out = append(out, log[i+most][:batch.HeadSize/2]...)
	}
	return out
}

// run compares two logs chunk by chunk, as compareRange does.
func compareLogs(t *testing.T, r *rand.Rand, theirs, ours [][]byte, end int64, compacted bool) (comparer, *Difference) {
	t.Helper()
	c := comparer{compacted: compacted}
	for c.next < end {
		was := c.next
		a := chunk(theirs, c.next, 1+r.IntN(4), r.IntN(2) == 0)
		b := chunk(ours, c.next, 1+r.IntN(4), false)
		if d := c.compare(a, b, end); d != nil {
			return c, d
		}
		if c.next == was {
			t.Fatalf("no progress at %d", was)
		}
	}
	return c, nil
}

func TestChunksMayEndAnywhere(t *testing.T) {
	log, end := batches(t, 60)
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		c, d := compareLogs(t, r, log, log, end, false)
		if d != nil || c.batches != 60 || len(c.skipped) > 0 {
			t.Fatalf("seed %d: %+v after %d batches, skipped %v", seed, d, c.batches, c.skipped)
		}
	}
}

func TestDifferencesAreFoundInAnyChunk(t *testing.T) {
	log, end := batches(t, 30)
	changed := func(i int) [][]byte {
		out := slices.Clone(log)
		out[i] = bytes.Clone(out[i])
		out[i][len(out[i])-1] ^= 1
		return out
	}
	for i := range log {
		at := batch.View(log[i]).BaseOffset()
		for seed := range uint64(5) {
			r := rand.New(rand.NewPCG(seed, 2))
			f := func(what string, theirs, ours [][]byte) {
				t.Helper()
				if _, d := compareLogs(t, r, theirs, ours, end, false); d == nil || d.Offset != at {
					t.Errorf("%s at %d, seed %d: %+v", what, at, seed, d)
				}
			}
			f("changed byte", log, changed(i))
			f("missing here", log, slices.Delete(slices.Clone(log), i, i+1))
			f("missing there", slices.Delete(slices.Clone(log), i, i+1), log)
			f("ends early there", log[:i], log)
		}
	}
}

func TestCompactionIsNoDifference(t *testing.T) {
	log, end := batches(t, 30)
	compacted := slices.Concat(log[:4], log[9:17], log[20:28]) // the tail, too
	c, d := compareLogs(t, rand.New(rand.NewPCG(1, 3)), compacted, log, end, true)
	if d != nil || c.batches == 0 || len(c.skipped) == 0 {
		t.Errorf("%+v, %d batches compared, skipped %v", d, c.batches, c.skipped)
	}
}
