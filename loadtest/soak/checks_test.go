package soak

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/admin/api"
	"umbra/loadtest/hostile"
	"umbra/loadtest/rawfetch"
	"umbra/loadtest/workload"
)

// These tests prove that the soak can fail: each check is shown a shadow that lies.

const logEnd = 200

// pair is a source and a shadow that hold the same 200 records in batches of 10.
func pair(t *testing.T) (src, dst side, shadow *hostile.Server) {
	t.Helper()
	open := func(name string) (side, *hostile.Server) {
		s, err := hostile.Start(hostile.NewTopic("t", 1, logEnd/10, 10, 1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		r, err := rawfetch.Open(name, s.Seeds()...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		return sideOf(r), s
	}
	src, _ = open("source")
	dst, shadow = open("shadow")
	return src, dst, shadow
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// tampered is a side whose batches went through change; nil leaves one out.
func tampered(s side, change func(rawfetch.Batch) *rawfetch.Batch) side {
	truth := s.batches
	s.batches = func(ctx context.Context, topic string, p int32, from, to int64) iter.Seq2[rawfetch.Batch, error] {
		return func(yield func(rawfetch.Batch, error) bool) {
			for b, err := range truth(ctx, topic, p, from, to) {
				if err == nil {
					changed := change(b)
					if changed == nil {
						continue
					}
					b = *changed
				}
				if !yield(b, err) {
					return
				}
			}
		}
	}
	return s
}

// bounded is a side whose bounds went through change.
func bounded(s side, change func(*rawfetch.Bounds)) side {
	truth := s.bounds
	s.bounds = func(ctx context.Context, topic string, p int32) (rawfetch.Bounds, error) {
		b, err := truth(ctx, topic, p)
		change(&b)
		return b, err
	}
	return s
}

// flip changes one byte of the batch that holds an offset, and makes its checksum right:
// a lie that only a comparison finds.
func flip(offset int64) func(rawfetch.Batch) *rawfetch.Batch {
	return func(b rawfetch.Batch) *rawfetch.Batch {
		if b.Base <= offset && offset <= b.Last {
			b.Raw = bytes.Clone(b.Raw)
			b.Raw[len(b.Raw)-3] ^= 1
			binary.BigEndian.PutUint32(b.Raw[17:], crc32.Checksum(b.Raw[21:], crc32.MakeTable(crc32.Castagnoli)))
		}
		return &b
	}
}

func drop(offset int64) func(rawfetch.Batch) *rawfetch.Batch {
	return func(b rawfetch.Batch) *rawfetch.Batch {
		if b.Base <= offset && offset <= b.Last {
			return nil
		}
		return &b
	}
}

func TestPrefixFindsLies(t *testing.T) {
	src, dst, shadow := pair(t)
	ctx := within(t)
	check := func(name string, dst side, from int64, want string) {
		t.Helper()
		s, err := prefixAt(ctx, src, dst, "t", 0, from, 9)
		switch {
		case want == "" && (err != nil || s.to != logEnd):
			t.Errorf("%s: %+v, %v; want all equal", name, s, err)
		case want != "" && (!isWrong(err) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want a violation with %q", name, err, want)
		}
	}
	check("the truth", dst, 0, "")
	check("the truth, from the middle", dst, 55, "")
	check("a byte", tampered(dst, flip(123)), 0, "batches differ")
	check("a byte below what is asked", tampered(dst, flip(23)), 100, "")
	check("a batch less", tampered(dst, drop(123)), 0, "batches differ")
	check("the last batch less", tampered(dst, drop(logEnd-1)), 0, "no more")
	check("ahead of the source", bounded(dst, func(b *rawfetch.Bounds) { b.HighWatermark++ }), 0, "the source at")
	check("less than was served", bounded(dst, func(b *rawfetch.Bounds) { b.HighWatermark = 100 }), 150, "it had served")
	check("a start above the source's that may be", bounded(dst, func(b *rawfetch.Bounds) { b.Start = 9 }), 0, "")
	check("a start above the source's", bounded(dst, func(b *rawfetch.Bounds) { b.Start = 10 }), 0, "starts at 10")
	check("stable beyond the source's", bounded(dst, func(b *rawfetch.Bounds) { b.LastStable++ }), 0, "last stable")
	shadow.SetFault("t", 0, hostile.Fault{Kind: hostile.WrongCRC, At: 0})
	check("a bit of the answer", dst, 0, "checksum")
}

// What only says that a side was away is no verdict.
func TestAwayIsNotWrong(t *testing.T) {
	src, dst, _ := pair(t)
	ctx, cancel := context.WithCancel(within(t))
	cancel()
	if _, err := prefixAt(ctx, src, dst, "t", 0, 0, 0); err == nil || isWrong(err) {
		t.Errorf("a check that could not be done: %v, want an error that passes", err)
	}
}

func TestSurvivorsFindsLies(t *testing.T) {
	src, dst, _ := pair(t)
	ctx := within(t)
	if n, err := survivors(ctx, src, dst, "t", 0); n != logEnd || err != nil {
		t.Errorf("the truth: %d records, %v", n, err)
	}
	// The source's cleaner took some: nothing is wrong.
	if n, err := survivors(ctx, tampered(src, drop(35)), dst, "t", 0); n != logEnd-10 || err != nil {
		t.Errorf("compacted at the source: %d records, %v", n, err)
	}
	if _, err := survivors(ctx, src, tampered(dst, drop(35)), "t", 0); !isWrong(err) || !strings.Contains(err.Error(), "offset 30 is missing") {
		t.Errorf("a batch less: %v", err)
	}
	if _, err := survivors(ctx, src, tampered(dst, flip(35)), "t", 0); !isWrong(err) || !strings.Contains(err.Error(), "another one") {
		t.Errorf("a byte: %v", err)
	}
}

// ledgerOf enters every record of a log.
func ledgerOf(t *testing.T, s side) *ledger {
	t.Helper()
	l, err := newLedger(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	for r, err := range records(within(t), s, "t", 0, 0, logEnd) {
		if err != nil {
			t.Fatal(err)
		}
		l.ack(r)
	}
	return l
}

func TestLedgerFindsLies(t *testing.T) {
	src, dst, _ := pair(t)
	ctx := within(t)
	l := ledgerOf(t, src)
	tp := workload.TopicPartition{Topic: "t", Partition: 0}
	whole := rawfetch.Bounds{HighWatermark: logEnd, LastStable: logEnd}
	reckon := func(s side, log rawfetch.Bounds, end int64) (Reckoning, error) {
		return l.reckon(ctx, s, tp, log, end, false)
	}
	f := func(name string, r Reckoning, err error, want Reckoning) {
		t.Helper()
		if err != nil || r != want {
			t.Errorf("%s: %+v, %v; want %+v", name, r, err, want)
		}
	}
	r, err := reckon(dst, whole, logEnd)
	f("the truth", r, err, Reckoning{Acked: logEnd, Present: logEnd})
	r, err = reckon(dst, rawfetch.Bounds{Start: 15, HighWatermark: 170}, 170)
	f("trimmed and cut", r, err, Reckoning{Acked: logEnd, Present: 155, Trimmed: 15, Lost: 30})
	for name, s := range map[string]side{"a batch less": tampered(dst, drop(77)), "a byte": tampered(dst, flip(77)), "the last one less": tampered(dst, drop(logEnd-1))} {
		if _, err := reckon(s, whole, logEnd); !isWrong(err) {
			t.Errorf("%s: %v, want a violation", name, err)
		}
	}
	// A log that ends below what must be there has lost it.
	if _, err := reckon(dst, rawfetch.Bounds{HighWatermark: 150}, logEnd); !isWrong(err) || !strings.Contains(err.Error(), "150 is missing") {
		t.Errorf("an end too low: %v", err)
	}
}

// Acks come in any order, and are held against the log in its own.
func TestLedgerSorts(t *testing.T) {
	l, err := newLedger(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	tp := workload.TopicPartition{Topic: "t", Partition: 3}
	for _, offset := range []int64{7, 1 << 40, 0, 3} {
		l.ack(&kgo.Record{Topic: tp.Topic, Partition: tp.Partition, Offset: offset, Key: []byte("k"), Value: fmt.Append(nil, offset)})
	}
	acks, err := l.of(tp)
	if err != nil || len(acks) != 4 || acks[0].offset != 0 || acks[3].offset != 1<<40 || acks[0].sum == acks[1].sum || acks[0].key != acks[3].key {
		t.Errorf("%+v, %v", acks, err)
	}
	if l.len() != 4 || len(l.partitions()) != 1 || l.partitions()[0] != tp {
		t.Errorf("%d acks of %v", l.len(), l.partitions())
	}
}

// A record whose key was written again later may be gone, but may not be another.
func TestHoldsWhatIsOptional(t *testing.T) {
	src, dst, _ := pair(t)
	ctx := within(t)
	var todo []expectation
	for r := range records(ctx, src, "t", 0, 0, logEnd) {
		todo = append(todo, expectation{offset: r.Offset, sum: sumOf(r), optional: r.Offset/10 == 7})
	}
	if n, err := holds(ctx, tampered(dst, drop(77)), "t", 0, todo, logEnd); n != logEnd-10 || err != nil {
		t.Errorf("optional ones gone: %d present, %v", n, err)
	}
	if _, err := holds(ctx, tampered(dst, drop(87)), "t", 0, todo, logEnd); !isWrong(err) {
		t.Errorf("others gone: %v", err)
	}
	if _, err := holds(ctx, tampered(dst, flip(77)), "t", 0, todo, logEnd); !isWrong(err) {
		t.Errorf("an optional one is another: %v", err)
	}
}

func row(end, records int64, bound api.Bound, asOf time.Time) api.PartitionRow {
	return api.PartitionRow{Topic: "t", EndOffset: end, Lag: api.Lag{Records: records, Bound: bound, AsOf: asOf}}
}

func TestLagLies(t *testing.T) {
	now := time.Now()
	at := func(ago time.Duration) time.Time { return now.Add(-ago) }
	h := &history{}
	tp := workload.TopicPartition{Topic: "t"}
	for ago := time.Minute; ago >= 0; ago -= time.Second { // 10 records a second, 600 a minute ago
		h.add(ends{at: at(ago), of: map[workload.TopicPartition]int64{tp: 1200 - int64(ago/time.Second)*10}})
	}
	f := func(name string, r api.PartitionRow, lie bool) {
		t.Helper()
		if why := lagLie(r, h, now); (why != "") != lie {
			t.Errorf("%s: %q, want a lie: %v", name, why, lie)
		}
	}
	f("all here", row(1200, 0, api.Exact, at(0)), false)
	f("behind, and it says so", row(700, 500, api.Exact, at(0)), false)
	f("0 while data is missing", row(700, 0, api.Exact, at(0)), true)
	f("too little", row(700, 300, api.Exact, at(0)), true)
	f("at least, of then", row(700, 200, api.AtLeast, at(30*time.Second)), false)
	f("at least 0, of then, while data was missing then", row(700, 0, api.AtLeast, at(30*time.Second)), true)
	f("unknown", row(0, 0, api.Unknown, time.Time{}), false)
	f("exact, of long ago", row(1200, 0, api.Exact, at(30*time.Second)), true)
	f("a partition nobody knows", api.PartitionRow{Topic: "u", Lag: api.Lag{Bound: api.Exact, AsOf: now}}, false)
}
