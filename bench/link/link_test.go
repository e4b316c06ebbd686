package link

import (
	"strings"
	"testing"
	"time"
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
