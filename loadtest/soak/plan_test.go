package soak

import (
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"umbra/loadtest/workload"
)

func options(seed uint64) Options {
	return Options{For: time.Hour, Every: 10 * time.Minute, Seed: seed, Brokers: 3, Rate: 1e6}
}

func TestPlanComesFromTheSeed(t *testing.T) {
	a, b, other := Plan(options(7)), Plan(options(7)), Plan(options(8))
	if !reflect.DeepEqual(a, b) {
		t.Error("the same seed gave two plans")
	}
	if reflect.DeepEqual(a, other) {
		t.Error("two seeds gave the same plan")
	}
	if len(a) != 6 {
		t.Errorf("%d rounds in an hour of ten minutes each", len(a))
	}
	// A shorter run begins as the long one does.
	short := options(7)
	short.For = 20 * time.Minute
	if !reflect.DeepEqual(Plan(short), a[:2]) {
		t.Error("a shorter run has another beginning")
	}
}

func TestPlanIsSound(t *testing.T) {
	seen := map[Kind]int{}
	for _, o := range []Options{options(1), {For: 20 * time.Second, Every: 20 * time.Second, Seed: 1, Short: true}} {
		for i, round := range Plan(o) {
			last, busy := time.Duration(0), map[string]time.Duration{}
			for _, e := range round {
				seen[e.Kind]++
				from, to := e.Kind.hold(o.Short)
				if e.At < last || e.At < busy[e.Class]-time.Millisecond || e.At+e.Hold > o.Every || e.Round != i || e.Hold < from || e.Hold > max(from, to) {
					t.Errorf("%v, after %v, its class was busy until %v", e, last, busy[e.Class])
				}
				last, busy[e.Class] = e.At, e.At+e.Hold
			}
		}
	}
	for _, k := range Kinds() {
		if seen[k] == 0 {
			t.Errorf("%s never happens in an hour", k)
		}
	}
}

// Leaving kinds out leaves the others where they were.
func TestOnlySomeKinds(t *testing.T) {
	o := options(7)
	all := Plan(o)
	o.Only = []string{string(KillUmbra), string(Reset)}
	for i, round := range Plan(o) {
		want := slices.DeleteFunc(slices.Clone(all[i]), func(e Event) bool { return e.Kind != KillUmbra && e.Kind != Reset })
		if !reflect.DeepEqual(round, want) {
			t.Errorf("round %d: %v, want %v", i, round, want)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	f := func(change func(*Options), want string) {
		t.Helper()
		o := options(1)
		change(&o)
		err := o.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f(func(*Options) {}, "")
	f(func(o *Options) { o.For = time.Second }, "--for is 1s")
	f(func(o *Options) { o.Every = time.Second }, "--every is 1s")
	f(func(o *Options) { o.Brokers = 2 }, "--brokers is 2")
	f(func(o *Options) { o.Rate = 1 }, "--rate")
	f(func(o *Options) { o.Only = []string{"kill-umbra", "flood"} }, `--only "flood"`)
	o := options(5)
	o.Only = []string{"reset"}
	if got := o.Command(); got != "umbra-bench soak --seed 5 --for 1h0m0s --every 10m0s --brokers 3 --rate 1000000 --only reset" {
		t.Error(got)
	}
}

func TestRecoveries(t *testing.T) {
	h, r := &history{}, &recoveries{}
	tp := logs([]topic{{name: "t", partitions: 1}})[0]
	end := r.begin(KillUmbra)
	if r.quiet() {
		t.Error("quiet while an event is under way")
	}
	end()
	healed := r.since
	h.add(ends{at: healed.Add(time.Second), of: map[workload.TopicPartition]int64{tp: 100}})
	r.look(h, map[workload.TopicPartition]int64{tp: 99}, healed.Add(2*time.Second))
	r.look(h, map[workload.TopicPartition]int64{}, healed.Add(2*time.Second))
	if len(r.done) != 0 {
		t.Errorf("recovered with a record missing: %v", r.done)
	}
	r.look(h, map[workload.TopicPartition]int64{tp: 100}, healed.Add(3*time.Second))
	if want := []Recovery{{Kind: KillUmbra, Seconds: 3}}; !reflect.DeepEqual(r.done, want) {
		t.Errorf("%v, want %v", r.done, want)
	}
	r.begin(Cut)()
	second := r.begin(Reset) // before the first has recovered
	first := r.begin(Slow)
	second()
	first()
	if r.interrupted != 2 || r.pending != Slow {
		t.Errorf("%d interrupted, pending %q; want 2, slow", r.interrupted, r.pending)
	}
}

func TestLogScanFindsErrors(t *testing.T) {
	topics := &registry{}
	topics.add(topic{name: "again", fate: recreated})
	topics.add(topic{name: "fine"})
	s := &logScan{}
	f := func(line, want string) {
		t.Helper()
		if got := s.unexpected(line, topics); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	f(`{"level":"INFO","msg":"serving"}`, "")
	f(`{"level":"WARN","msg":"source broker lost"}`, "")
	f(`{"level":"ERROR","msg":"gap: ..","event":"gap"}`, "")
	f(`{"level":"ERROR","msg":"topic stopped","event":"topic_faulted","topic":"again"}`, "")
	f(`{"level":"ERROR","msg":"topic stopped","event":"topic_faulted","topic":"fine"}`, "topic stopped")
	f(`{"level":"ERROR","msg":"a shard failed; stopping"}`, "a shard failed; stopping")
	f(`panic: BUG: it`, "panic:")
	f(`fatal error: all goroutines are asleep`, "fatal error:")
}

func TestVerdictPage(t *testing.T) {
	b := newBook(io.Discard)
	told := 0
	b.onFirst = func() { told++ }
	healed := b.event(Event{Kind: Reset}, "after 5 bytes")
	healed(nil)
	b.passed("prefix", "t/0", "")
	b.judge("prefix", "t/0", "", wrongf("batches differ\nhere"))
	b.judge("prefix", "t/0", "", wrongf("again"))
	b.judge("prefix", "t/1", "", io.ErrUnexpectedEOF)
	if b.clean() || told != 1 || len(b.violations) != 1 || *b.count("prefix") != (Count{Done: 3, Failed: 2, Skipped: 1}) {
		t.Fatalf("%+v, %d violations, told %d times", *b.count("prefix"), len(b.violations), told)
	}
	r := &Result{Verdict: "FAIL", Seed: 4, Command: "umbra-bench soak --seed 4", Violations: b.violations, Checks: map[string]Count{"prefix": *b.count("prefix")},
		Events: map[Kind]int{Reset: 1}, Recoveries: []Recovery{{Kind: Reset, Seconds: 2}}, Journal: "j"}
	var page strings.Builder
	if err := r.Page(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FAIL   seed 4", "First violation", "batches differ", "reset after 5 bytes", "umbra-bench soak --seed 4", "prefix", "2.0"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no %q in the page:\n%s", want, page.String())
		}
	}
}
