package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"umbra/bench/plain"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
)

func good() Options {
	return Options{Systems: Systems(), Records: []int{1024, 100}, Bytes: 64 << 20, RecordsMax: 100_000, Partitions: 10, Batch: 16 << 10,
		WarmUps: 1, Rounds: 3, Rates: []float64{1e6, 20e6}, DelayFor: time.Second}
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
	f(func(o *Options) { o.RecordsMax = 1 }, "--records-max is 1")
	f(func(o *Options) { o.Partitions = 0 }, "--partitions is 0")
	f(func(o *Options) { o.Batch = 1 }, "--batch is 1")
	f(func(o *Options) { o.WarmUps = -1 }, "--warm-ups is -1")
	f(func(o *Options) { o.Rounds = -1 }, "--rounds is -1")
	f(func(o *Options) { o.Records = []int{100, 0} }, "--record is 0")
	f(func(o *Options) { o.Records = nil }, "at least one")
	f(func(o *Options) { o.Systems = nil }, "at least one")
	f(func(o *Options) { o.Systems = []string{"mm3"} }, `--system "mm3"`)
	f(func(o *Options) { o.Systems = []string{Go, Umbra, Go} }, `--system "go" is there twice`)
	f(func(o *Options) { o.Rates = []float64{20e6, 10} }, "--delay-rate is 10")
	f(func(o *Options) { o.DelayFor = 0 }, "--seconds is 0s")
	quiet := good()
	quiet.Rates, quiet.DelayFor = nil, 0
	if err := quiet.Validate(); err != nil {
		t.Errorf("no delay: %v", err)
	}
}

func TestOrdered(t *testing.T) {
	o := Options{Systems: []string{Discard, Umbra, MM2Tuned}}
	if got := o.ordered(); !slices.Equal(got, []string{Umbra, MM2Tuned, Discard}) {
		t.Errorf("got %v", got)
	}
}

// A topic is as large as was asked for, within a batch of each partition, and never
// has more records than allowed.
func TestPlan(t *testing.T) {
	o := good()
	for _, record := range o.Records {
		p, canned, batches, err := o.plan(record)
		if err != nil {
			t.Fatal(err)
		}
		v, rest, err := batch.Next(canned)
		if err != nil || len(rest) > 0 || len(canned) < o.Batch || len(canned) > o.Batch+record+70 {
			t.Fatalf("record %d: a batch of %d bytes, %d behind it, %v", record, len(canned), len(rest), err)
		}
		if want := int64(batches) * int64(v.Count()) * 10; p.records != want || p.records > o.RecordsMax {
			t.Errorf("record %d: %d records, want %d, %d at most", record, p.records, want, o.RecordsMax)
		}
		if p.bytes != int64(batches)*10*int64(len(canned)) || p.bytes > o.Bytes || len(p.ends) != 10 || p.ends[9] != p.records/10 {
			t.Errorf("record %d: %+v", record, p)
		}
	}
	o.RecordsMax = 1 << 40
	if p, _, _, err := o.plan(1024); err != nil || p.bytes < o.Bytes-10*int64(o.Batch+2048) {
		t.Errorf("%d bytes of %d, %v", p.bytes, o.Bytes, err)
	}
}

func TestShare(t *testing.T) {
	if got := share(1<<40, 3, 4); got != 3<<38 {
		t.Errorf("three quarters: %d", got)
	}
	if got := share(1000, 0, 10); got != 0 {
		t.Errorf("none: %d", got)
	}
}

func TestParsePeak(t *testing.T) {
	if n, err := parsePeak("Name:\tjava\nVmPeak:\t 9000 kB\nVmHWM:\t  1234 kB\nVmRSS:\t 7 kB\n"); n != 1234<<10 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := parsePeak("Name:\tjava\n"); err == nil {
		t.Error("a status without a peak was read")
	}
	if n, err := memoryPeak(os.Getpid()); n < 1<<20 || err != nil {
		t.Errorf("of this process: %d, %v", n, err)
	}
}

func TestPasses(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("x: %w", plain.ErrNotThere):                   true,
		fmt.Errorf("x: %w", kafkaproto.LeaderNotAvailable):       true,
		fmt.Errorf("x: %w", kafkaproto.TopicAuthorizationFailed): false,
		errors.New("connection reset"):                           false,
	} {
		if got := passes(err); got != want {
			t.Errorf("%v: got %v", err, got)
		}
	}
}

// What lies on the follower's disk is told from what it is about to delete.
func TestFollowerCheck(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"load-0/00.log": 100, "load-0/00.index": 999, "load-1/00.log": 7, "load-0.0123abcd-delete/00.log": 5000, "other-0/00.log": 9} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := checkReplicas(dir, topic{name: "load", bytes: 107}); err != nil {
		t.Error(err)
	}
	if err := checkReplicas(dir, topic{name: "load", bytes: 108}); err == nil || !strings.Contains(err.Error(), "follower 107") {
		t.Errorf("a byte is missing: %v", err)
	}
}

// The copying client ends with an error where there is nothing to copy from.
func TestServeCopyFails(t *testing.T) {
	for _, args := range [][]string{{"--source", "127.0.0.1:1", "--target", "127.0.0.1:1", "--topic", "x"}, {"--nonsense"}} {
		if err := ServeCopy(context.Background(), args, strings.NewReader(""), io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
