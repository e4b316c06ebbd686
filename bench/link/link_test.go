package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"umbra/bench/plain"
	"umbra/kafkaproto"
	"umbra/loadtest/umbra"
)

func good() Options {
	return Options{Sources: []string{SourceSynthetic, SourceKafka, "127.0.0.1:9092"}, Engines: []string{EngineRing, EnginePwrite, EngineAuto},
		Bytes: 1 << 30, KafkaBytes: 1 << 30, Partitions: 10, Record: 1024, Batch: 16 << 10, Warm: 1 << 30, Chunk: 1 << 20, Rounds: 3, DelayRate: 20e6, DelayFor: time.Second}
}

func TestOptionsValidate(t *testing.T) {
	if err := good().Validate(); err != nil {
		t.Errorf("good ones: %v", err)
	}
	f := func(change func(*Options), want string) {
		t.Helper()
		o := good()
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %q alone", err, want)
		}
	}
	f(func(o *Options) { o.Bytes = 0 }, "--bytes is 0")
	f(func(o *Options) { o.KafkaBytes = 5 }, "real cluster is 5")
	f(func(o *Options) { o.Partitions = 0 }, "--partitions is 0")
	f(func(o *Options) { o.Record = 0 }, "--record")
	f(func(o *Options) { o.Batch = 1 }, "--batch is 1")
	f(func(o *Options) { o.Chunk = 100 }, "--chunk is 100: want 16384")
	f(func(o *Options) { o.Rounds = -1 }, "--rounds")
	f(func(o *Options) { o.DelayFor = -1 }, "--seconds")
	f(func(o *Options) { o.DelayRate = 10 }, "--delay-rate")
	f(func(o *Options) { o.Sources = []string{"kafk"} }, `--source "kafk"`)
	f(func(o *Options) { o.Engines = []string{"uring"} }, `--engine "uring"`)
	f(func(o *Options) { o.Engines = nil }, "at least one")
	quiet := good()
	quiet.DelayFor, quiet.DelayRate = 0, 0
	if err := quiet.Validate(); err != nil {
		t.Errorf("no delay, no rate: %v", err)
	}
}

// Each source has its share of the time, and the delays are kept out of it.
func TestUntil(t *testing.T) {
	begin := time.Now()
	r := &run{Options: good(), started: begin}
	if got := r.until(0, 2); !got.IsZero() {
		t.Errorf("no limit: until %v", got)
	}
	r.Within, r.Sources = 90*time.Second, []string{"a", "b", "c"}
	delays := 2 * (r.DelayFor + delayWarm + 2*time.Second)
	for i, want := range []time.Duration{30 * time.Second, 60 * time.Second, 90 * time.Second} {
		if got := r.until(i, 2).Sub(begin); got != want-delays {
			t.Errorf("source %d: until %v, want %v", i, got, want-delays)
		}
	}
	if r.DelayFor = 0; r.until(1, 2).Sub(begin) != 60*time.Second {
		t.Errorf("without delays: until %v", r.until(1, 2).Sub(begin))
	}
}

func TestReached(t *testing.T) {
	f := func(have, want map[int32]int64, sum int64, all bool) {
		t.Helper()
		if s, a := reached(have, want); s != sum || a != all {
			t.Errorf("have %v of %v: got %d %v", have, want, s, a)
		}
	}
	f(nil, map[int32]int64{0: 0, 1: 0}, 0, false) // not there is not empty
	f(map[int32]int64{0: 0, 1: 0}, map[int32]int64{0: 0, 1: 0}, 0, true)
	f(map[int32]int64{0: 5, 1: 6}, map[int32]int64{0: 5, 1: 7}, 11, false)
	f(map[int32]int64{0: 9, 1: 7}, map[int32]int64{0: 5, 1: 7}, 16, true)
}

func TestPasses(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("x: %w", plain.ErrNotThere):                          true,
		fmt.Errorf("x: %w", kafkaproto.NotLeaderOrFollower):             true,
		fmt.Errorf("x: %w", kafkaproto.TopicAuthorizationFailed):        false,
		errors.New("connection reset"):                                  false,
		fmt.Errorf("x: %w", errors.Join(errors.New("y"), os.ErrClosed)): false,
	} {
		if got := passes(err); got != want {
			t.Errorf("%v: got %v", err, got)
		}
	}
}

func TestAwait(t *testing.T) {
	tries := 0
	got, err := await(context.Background(), time.Minute, "count", func() (int, error) {
		if tries++; tries < 3 {
			return 0, errors.New("not yet")
		}
		return tries, nil
	})
	if got != 3 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := await(context.Background(), time.Millisecond, "count", func() (int, error) { return 0, errors.New("never") }); err == nil || err.Error() != "count: never" {
		t.Errorf("got %v", err)
	}
}

// What lies on disk is compared by its length, the topic's own files only.
func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"load-0/00.log": 100, "load-0/90.log": 50, "load-1/00.log": 7, "load-1/00.index": 1000, "other-0/00.log": 10_000} {
		file := filepath.Join(dir, "data", "partitions", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := &shadow{daemon: &umbra.Daemon{Dir: dir}}
	if err := s.checkFiles("load", 157); err != nil {
		t.Error(err)
	}
	if err := s.checkFiles("load", 158); err == nil || !strings.Contains(err.Error(), "158 bytes at the source and 157 in 3 segment files") {
		t.Errorf("a byte is missing: %v", err)
	}
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	p := Progress{To: &b}
	add := p.counter("filling", 1000)
	for range 100 {
		add(10)
	}
	if n := strings.Count(b.String(), "filling: "); n != 20 || !strings.HasSuffix(b.String(), "100%") {
		t.Errorf("%d lines: %q", n, b.String())
	}
	Progress{}.say("nothing, and it does not panic")
}
