package process

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"umbra/bench/delay"
	"umbra/bench/measure"
	"umbra/kafkaproto/compress"
)

// The children are this test binary, run again.
func TestMain(m *testing.M) {
	ServeIfChild()
	os.Exit(m.Run())
}

func start(t *testing.T, cfg SourceConfig) *Source {
	t.Helper()
	s, err := StartSource(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestDiscardReadsWhatTheSourceHolds(t *testing.T) {
	s := start(t, SourceConfig{Topic: "load", Partitions: 3, Record: 1000, Batch: 8000, Chunk: 100_000, Bytes: 6 << 20})
	if s.About.Bytes < 5<<20 || s.About.Bytes > 7<<20 || s.About.BatchBytes > 8000 || s.About.BatchBytes != s.About.PlainBytes {
		t.Errorf("asked for 6 MiB: %+v", s.About)
	}
	d, err := StartDiscard(DiscardConfig{Bootstrap: s.About.Addr, Topic: "load", Chunk: 1 << 20, Answer: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	total, err := d.Run(context.Background())
	if err != nil || total.Bytes != s.About.Bytes || len(d.Ends) != 3 {
		t.Errorf("read %+v up to %v, %v; the source holds %d bytes", total, d.Ends, err, s.About.Bytes)
	}
	if cpu, err := measure.ProcessCPU(d.PID()); err != nil || cpu <= 0 {
		t.Errorf("the client cannot be measured after its work: %v, %v", cpu, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// A client that follows a source reads what comes after it was told how far, and the
// end of what a source grows by can be told beforehand.
func TestDiscardFollowsAcrossTheWay(t *testing.T) {
	way, err := StartWay(WayConfig{RTT: 4 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, SourceConfig{Topic: "load", Partitions: 3, Record: 100, Batch: 16_000, Chunk: 100_000, Codec: compress.LZ4, Advertise: way.Addr})
	if s.About.BatchBytes >= s.About.PlainBytes {
		t.Errorf("with a codec: %+v", s.About)
	}
	if err := way.Forward(s.About.Addr); err != nil {
		t.Fatal(err)
	}
	d, err := StartDiscard(DiscardConfig{Bootstrap: way.Addr, Topic: "load", Chunk: 1 << 20, Answer: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	rate := float64(s.About.BatchBytes) * 1000 // one each ms
	const grow = 20*time.Millisecond + 1
	ends := map[int32]int64{}
	var batches int64
	for p := range 3 {
		n := s.About.Batches(rate, grow, p, 3)
		ends[int32(p)], batches = n*s.About.Records, batches+n
	}
	if batches != 21 {
		t.Errorf("%d batches in 20 ms", batches)
	}
	followed := make(chan error, 1)
	go func() {
		total, err := d.Follow(context.Background(), ends)
		if err == nil && total.Bytes != batches*int64(s.About.BatchBytes) {
			err = fmt.Errorf("followed %+v of %d batches", total, batches)
		}
		followed <- err
	}()
	acks, err := s.Grow(context.Background(), rate, grow)
	if err != nil || !maps.Equal(delay.Ends(acks), ends) {
		t.Errorf("grew to %v, %v; foretold %v", delay.Ends(acks), err, ends)
	}
	if err := <-followed; err != nil {
		t.Error(err)
	}
	if err := errors.Join(d.Close(), way.Close()); err != nil {
		t.Error(err)
	}
}

func TestSourceGrows(t *testing.T) {
	s := start(t, SourceConfig{Topic: "load", Partitions: 2, Record: 100, Batch: 1000, Chunk: 100_000})
	before := measure.Now()
	const bursts = 40
	rate := float64(s.About.BatchBytes) * 1000 // one each ms
	acks, err := s.Grow(context.Background(), rate, bursts*s.About.Step(rate))
	if err != nil || len(acks) != bursts {
		t.Fatalf("%d acks, %v", len(acks), err)
	}
	ends := delay.Ends(acks)
	if ends[0] != ends[1] || ends[0] == 0 || acks[0].At < before || acks[bursts-1].At > measure.Now() {
		t.Errorf("ends %v, acks from %d to %d", ends, acks[0].At, acks[bursts-1].At)
	}
}

// The topics of a source are told apart, grow one after the other, and die together.
func TestSourceOfSeveralTopics(t *testing.T) {
	cfg := SourceConfig{Topic: "load", Topics: 3, Partitions: 2, Record: 100, Batch: 1000, Chunk: 100_000, Bytes: 3 * 2 * 2000}
	s, err := StartSource(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, names := context.Background(), cfg.Names()
	if !slices.Equal(names, []string{"load-00000", "load-00001", "load-00002"}) {
		t.Fatalf("topics %q", names)
	}
	rate := float64(s.About.BatchBytes) * 1000
	if _, err := s.Grow(ctx, rate, 4*s.About.Step(rate)); err != nil { // both partitions of the first two
		t.Fatal(err)
	}
	for i, name := range names {
		want := 2 * s.About.Records
		if i < 2 {
			want += s.About.Records
		}
		d, err := StartDiscard(DiscardConfig{Bootstrap: s.About.Addr, Topic: name, Chunk: 1 << 20, Answer: 16 << 20})
		if err != nil {
			t.Fatal(err)
		}
		total, err := d.Run(ctx)
		if err = errors.Join(err, d.Close()); err != nil || !maps.Equal(d.Ends, map[int32]int64{0: want, 1: want}) || total.Bytes != 2*want/s.About.Records*int64(s.About.BatchBytes) {
			t.Errorf("topic %q: read %+v up to %v, want %d in each partition; %v", name, total, d.Ends, want, err)
		}
	}
	s.Kill()
	if d, err := StartDiscard(DiscardConfig{Bootstrap: s.About.Addr, Topic: names[0]}); err == nil {
		t.Errorf("a source that was killed answers; %v", d.Close())
	}
}

func TestSourceStopsGrowingWithItsContext(t *testing.T) {
	s, err := StartSource(SourceConfig{Topic: "load", Partitions: 1, Record: 100, Batch: 1000, Chunk: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if acks, err := s.Grow(ctx, 1, time.Hour); err == nil {
		t.Errorf("grew for an hour: %d acks", len(acks))
	}
	if err := s.Close(); err == nil {
		t.Error("a source that was killed ended well")
	}
}

// What a child says on its standard error is in the error.
func TestChildThatFails(t *testing.T) {
	_, err := StartDiscard(DiscardConfig{Bootstrap: "127.0.0.1:1", Topic: "load"})
	if err == nil || !strings.Contains(err.Error(), "connect to broker 127.0.0.1:1") || !strings.Contains(err.Error(), "discarding client") {
		t.Errorf("got %v", err)
	}
	if err := Serve(context.Background(), "nothing", nil, nil, nil); err == nil {
		t.Error("an unknown command was served")
	}
}
