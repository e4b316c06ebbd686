package rpo

import (
	"fmt"
	"slices"
	"time"

	"umbra/admin/api"
	"umbra/bench/delay"
)

// truth is what a disaster cost, by the producer's own book.
type truth struct {
	lost    int64         // acknowledged, and not on the shadow
	lostFor time.Duration // from the acknowledgement of the oldest of them to the kill
	unacked int64         // on the shadow, and never acknowledged
	wrong   []string      // what the shadow holds and nobody sent, or not there
}

// account settles what a producer's acks, one for each record, say of what the
// shadow holds. sent is how many records there were, home the partition of each.
func account(acks []delay.Ack, have map[int32]held, killed, sent int64, home func(number int64) int32) truth {
	var out truth
	wrong := func(format string, args ...any) {
		if len(out.wrong) < wrongMax {
			out.wrong = append(out.wrong, fmt.Sprintf(format, args...))
		}
	}
	total := int64(0)
	seen := map[int64]bool{}
	for _, p := range partitionsOf(have) {
		h := have[p]
		for _, w := range h.wrong {
			wrong("partition %d %s", p, w)
		}
		total += int64(len(h.numbers))
		for offset, number := range h.numbers {
			switch {
			case number < 0 || number >= sent || home(number) != p:
				wrong("partition %d offset %d: record %d was not sent there", p, offset, number)
			case seen[number]:
				wrong("partition %d offset %d: record %d is there twice", p, offset, number)
			}
			seen[number] = true
		}
	}
	covered := int64(0)
	for _, a := range acks {
		numbers, offset := have[a.Partition].numbers, a.End-1
		if offset >= int64(len(numbers)) {
			out.lost++
			out.lostFor = max(out.lostFor, time.Duration(killed-a.At))
			continue
		}
		covered++
		if numbers[offset] != a.Number {
			wrong("partition %d offset %d: record %d was acknowledged there and the shadow holds %d", a.Partition, offset, a.Number, numbers[offset])
		}
	}
	out.unacked = total - covered
	return out
}

func partitionsOf(have map[int32]held) []int32 {
	var out []int32
	for p := range have {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// missing is how many records the source has and the shadow lacks.
func missing(ends map[int32]int64, have map[int32]held) int64 {
	var sum int64
	for p, end := range ends {
		sum += max(0, end-int64(len(have[p].numbers)))
	}
	return sum
}

// claimOf holds a receipt against what the shadow was read to hold, and the ends of
// the source's partitions.
func claimOf(r *api.Receipt, have map[int32]held, ends map[int32]int64) Claim {
	loss := r.EstimatedLoss
	c := Claim{Records: loss.Records, Ms: loss.Seconds * 1000, Bound: string(loss.Bound)}
	wrong := func(format string, args ...any) {
		c.Faults = append(c.Faults, fmt.Sprintf("receipt: "+format, args...))
	}
	if b, err := api.Marshal(r, true); err != nil {
		wrong("%v", err)
	} else if err := api.CheckSeal(b); err != nil {
		wrong("%v", err)
	}
	if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != len(have) {
		wrong("it is not about the one topic of %d partitions", len(have))
		return c
	}
	for _, p := range r.Topics[0].Partitions {
		h := have[p.Partition]
		if got := int64(len(h.numbers)); p.FinalOffset != got {
			wrong("partition %d: final offset %d, and %d records are there", p.Partition, p.FinalOffset, got)
		}
		if h.local >= 0 && h.local != p.EndOffset {
			wrong("partition %d: end offset %d, and the first local record is at %d", p.Partition, p.EndOffset, h.local)
		}
		if s := p.SourceEndOffset; s != nil && *s > ends[p.Partition] {
			wrong("partition %d: the source's end is %d, and it has %d", p.Partition, *s, ends[p.Partition])
		}
	}
	if truly := missing(ends, have); loss.Known() && loss.Records > truly {
		wrong("%d records are %s lost, and the source has %d that are not here", loss.Records, loss.Bound, truly)
	}
	return c
}
