package clients

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"umbra/loadtest/rawfetch"
)

// A Record is what is produced and read back: text without tabs and line ends.
type Record struct{ Key, Value string }

// A Target is one partition of a topic that exists, on some cluster.
type Target struct {
	Bootstrap string // comma-separated addresses
	Topic     string
	Partition int32
	Codec     string // none, gzip, snappy, lz4, zstd; for producing
	From      int64  // offset to consume from
	Acks      string // "all" (also the empty string) or "1"; for producing
}

// A Client is one stock client, at one protocol level.
type Client struct {
	Name   string
	Codecs []string // that it can both write and read
	// Produce sends the records in order and returns when all are acknowledged.
	Produce func(ctx context.Context, t Target, records []Record) error
	// Consume reads n records from t.From on.
	Consume func(ctx context.Context, t Target, n int) ([]Record, error)
}

// AllCodecs are the five of record batch v2, in the order of their numbers.
func AllCodecs() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

// Records draws n records that every codec makes smaller; tag tells runs apart.
func Records(tag string, n int) []Record {
	out := make([]Record, n)
	for i := range out {
		out[i] = Record{Key: fmt.Sprintf("%s-%d", tag, i), Value: fmt.Sprintf("%s record %d %s", tag, i, strings.Repeat("umbra ", 40))}
	}
	return out
}

// RoundTrip produces n records from the log's present end on, reads them back with
// the same client, and checks with an independent reader that what lies in the
// log is compressed as asked: a client that finds a feature missing silently falls back.
func RoundTrip(ctx context.Context, c Client, t Target, n int) error {
	fail := func(act string, err error) error {
		return fmt.Errorf("%s, codec %s, topic %s: %s: %w", c.Name, t.Codec, t.Topic, act, err)
	}
	r, err := rawfetch.Open(c.Name, strings.Split(t.Bootstrap, ",")...)
	if err != nil {
		return fail("open", err)
	}
	defer r.Close()
	before, err := r.Bounds(ctx, t.Topic, t.Partition)
	if err != nil {
		return fail("log end before", err)
	}
	want := Records(c.Name, n)
	if err := c.Produce(ctx, t, want); err != nil {
		return fail("produce", err)
	}
	t.From = before.HighWatermark
	got, err := c.Consume(ctx, t, n)
	if err != nil {
		return fail("consume", err)
	}
	if !slices.Equal(got, want) {
		return fail("consume", differ(got, want))
	}
	return checkCodec(ctx, r, t, n)
}

// differ says where two lists part.
func differ(got, want []Record) error {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Errorf("record %d is %.60q, want %.60q", i, got[i], want[i])
		}
	}
	return fmt.Errorf("%d records, want %d", len(got), len(want))
}

func checkCodec(ctx context.Context, r *rawfetch.Reader, t Target, n int) error {
	want := slices.Index(AllCodecs(), t.Codec)
	after, err := r.Bounds(ctx, t.Topic, t.Partition)
	if err != nil {
		return err
	}
	if got := after.HighWatermark - t.From; got != int64(n) {
		return fmt.Errorf("%s: topic %s grew by %d offsets, want %d", r.Name(), t.Topic, got, n)
	}
	for b, err := range r.Batches(ctx, t.Topic, t.Partition, t.From, after.HighWatermark) {
		if err != nil {
			return err
		}
		if b.Codec() != want {
			return fmt.Errorf("%s: asked for codec %s, in the log lies %v", r.Name(), t.Codec, &b)
		}
	}
	return nil
}
