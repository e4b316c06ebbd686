package rpo

import (
	"slices"
	"strings"
	"testing"
	"time"

	"umbra/admin/api"
	"umbra/bench/delay"
	"umbra/kafkaproto/batch"
)

// Even numbers go to partition 0, odd ones to partition 1.
func home(number int64) int32 { return int32(number % 2) }

func acked(partition int32, offset, number int64, at time.Duration) delay.Ack {
	return delay.Ack{Partition: partition, End: offset + 1, Number: number, At: int64(at)}
}

func TestAccount(t *testing.T) {
	const killed, sent = 100 * time.Millisecond, 6
	all := []delay.Ack{acked(0, 0, 0, 70e6), acked(1, 0, 1, 71e6), acked(0, 1, 2, 80e6), acked(1, 1, 3, 90e6), acked(0, 2, 4, 101e6)}
	f := func(acks []delay.Ack, zero, one []int64, want truth) {
		t.Helper()
		got := account(acks, map[int32]held{0: {numbers: zero}, 1: {numbers: one}}, int64(killed), sent, home)
		if got.lost != want.lost || got.lostFor != want.lostFor || got.unacked != want.unacked || len(got.wrong) != len(want.wrong) {
			t.Errorf("got %+v, want %+v", got, want)
			return
		}
		for i := range want.wrong {
			if !strings.Contains(got.wrong[i], want.wrong[i]) {
				t.Errorf("got %q, want %q in it", got.wrong[i], want.wrong[i])
			}
		}
	}
	f(all, []int64{0, 2, 4}, []int64{1, 3}, truth{})
	f(all, []int64{0, 2, 4}, []int64{1, 3, 5}, truth{unacked: 1})
	f(all, []int64{0, 2}, []int64{1, 3}, truth{lost: 1}) // its answer came after the kill: no time is lost
	f(all, []int64{0}, []int64{1}, truth{lost: 3, lostFor: 20 * time.Millisecond})
	f(all, nil, nil, truth{lost: 5, lostFor: 30 * time.Millisecond})
	f(nil, []int64{0}, nil, truth{unacked: 1})
	f(all, []int64{0, 4, 2}, []int64{1, 3}, truth{wrong: []string{"record 2 was acknowledged there and the shadow holds 4", "record 4 was acknowledged there and the shadow holds 2"}})
	f(all, []int64{0, 2, 2}, []int64{1, 3}, truth{wrong: []string{"record 2 is there twice", "shadow holds 2"}})
	f(nil, []int64{1}, nil, truth{unacked: 1, wrong: []string{"record 1 was not sent there"}})
	f(nil, []int64{6}, nil, truth{unacked: 1, wrong: []string{"record 6 was not sent there"}})

	got := account(nil, map[int32]held{0: {wrong: []string{"offset 9: torn"}}}, 0, 0, home)
	if len(got.wrong) != 1 || !strings.Contains(got.wrong[0], "partition 0 offset 9: torn") {
		t.Errorf("what the reader found: %q", got.wrong)
	}
}

func receipt(final, end int64, source api.Offset, loss api.Lag) *api.Receipt {
	r := &api.Receipt{Version: api.ReceiptVersion, Link: "l", EstimatedLoss: loss,
		Topics: []api.ReceiptTopic{{Topic: "t", Partitions: []api.ReceiptPartition{{FinalOffset: final, EndOffset: end, SourceEndOffset: source}}}}}
	if err := r.Seal(); err != nil {
		panic("BUG: " + err.Error())
	}
	return r
}

func TestClaim(t *testing.T) {
	have := map[int32]held{0: {numbers: []int64{0, 1, 2}, local: 3}}
	ends := map[int32]int64{0: 10}
	if got := missing(ends, have); got != 7 {
		t.Fatalf("missing: %d", got)
	}
	f := func(r *api.Receipt, want ...string) {
		t.Helper()
		got := claimOf(r, have, ends).Faults
		if len(got) != len(want) {
			t.Errorf("got %q, want %q", got, want)
			return
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("got %q, want %q in it", got[i], want[i])
			}
		}
	}
	f(receipt(3, 3, api.KnownOffset(5), api.Lag{Records: 2, Bound: api.AtLeast}))
	f(receipt(3, 3, nil, api.Lag{Bound: api.Unknown}))
	f(receipt(2, 3, nil, api.Lag{}), "final offset 2, and 3 records are there")
	f(receipt(3, 4, nil, api.Lag{}), "end offset 4, and the first local record is at 3")
	f(receipt(3, 3, api.KnownOffset(11), api.Lag{}), "the source's end is 11, and it has 10")
	f(receipt(3, 3, nil, api.Lag{Records: 8, Bound: api.AtLeast}), "8 records are at_least lost, and the source has 7")
	tampered := receipt(3, 3, nil, api.Lag{})
	tampered.Link = "m"
	f(tampered, "sha256")
	f(&api.Receipt{}, "receipt_sha256", "not about the one topic")

	c := claimOf(receipt(3, 3, nil, api.Lag{Records: 4, Seconds: 1.5, Bound: api.AtLeast}), have, ends)
	if c.Records != 4 || c.Ms != 1500 || c.Bound != "at_least" {
		t.Errorf("claim: %+v", c)
	}
}

func build(t *testing.T, base int64, values ...[]byte) batch.View {
	t.Helper()
	b := batch.Builder{BaseOffset: base}
	for _, v := range values {
		b.Add(batch.Record{Value: v, Timestamp: 1})
	}
	out, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHeldTakesWhatWasSent(t *testing.T) {
	p := payload{seed: 3, size: 50}
	h := held{local: -1}
	first, second := build(t, 0, p.make(0), p.make(4)), build(t, 2, p.make(8))
	for _, v := range []batch.View{first, second} {
		if err := h.take(v, p); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(h.numbers, []int64{0, 4, 8}) || h.bytes != int64(len(first)+len(second)) || h.local != -1 || len(h.wrong) != 0 {
		t.Errorf("holds %+v", h)
	}
	torn := p.make(12)
	torn[20]++
	if err := h.take(build(t, 3, torn), p); err != nil || len(h.wrong) != 1 || h.numbers[3] != -1 {
		t.Errorf("a changed byte: %v, %+v", err, h)
	}
	if err := h.take(build(t, 5, p.make(16)), p); err == nil || !strings.Contains(err.Error(), "offset 5 follows where 4 is due") {
		t.Errorf("a hole: %v", err)
	}
	if err := h.take(build(t, 4, []byte(probeValue)), p); err != errLocal || h.local != 4 || len(h.numbers) != 4 {
		t.Errorf("a record of the shadow's own: %v, %+v", err, h)
	}
}
