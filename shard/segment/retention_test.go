package segment

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"umbra/kafkaproto/batch"
)

// threeSegments makes three sealed segments of two batches and an active one;
// batch i has offsets 10i..10i+9 and time i hours after the rig's clock.
func threeSegments(t *testing.T, r *rig) (want []made) {
	t.Helper()
	for i := range int64(7) {
		b := makeBatch(batchSpec{base: 10 * i, records: 10, size: 800, ts: r.now.UnixMilli() + i*int64(time.Hour/time.Millisecond)})
		want = append(want, made{b, 10 * i, 10*i + 9})
		if err := r.mirror(b); err != nil {
			t.Fatal(err)
		}
		r.pump()
	}
	if n := len(r.log.Segments()); n != 4 {
		t.Fatalf("%d segments, want 4", n)
	}
	return want
}

func logFiles(t *testing.T, dir string) int {
	files, err := filepath.Glob(filepath.Join(dir, "*"+logSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestSetStart(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{SegmentBytes: 1700})
		r.open()
		want := threeSegments(t, r)
		set := func(offset int64) {
			t.Helper()
			r.must(func(done func(error)) { r.log.SetStart(offset, done) })
			r.pump()
		}
		set(15) // inside a batch of the first segment
		if r.log.StartOffset() != 15 || logFiles(t, r.dir) != 4 {
			t.Fatalf("start %d, %d files", r.log.StartOffset(), logFiles(t, r.dir))
		}
		equalBatches(t, "from inside", r.read(15, 100), want[1:])
		_, err := r.readOnce(ReadRequest{Offset: 14, UpTo: 100, MaxBytes: 100})
		wantErr(t, err, ErrOutOfRange)
		set(5) // no way back
		if r.log.StartOffset() != 15 {
			t.Fatalf("start %d", r.log.StartOffset())
		}
		set(40) // two segments go
		if r.log.StartOffset() != 40 || logFiles(t, r.dir) != 2 {
			t.Fatalf("start %d, %d files, want 40 and 2", r.log.StartOffset(), logFiles(t, r.dir))
		}
		r.reopen()
		if r.log.StartOffset() != 40 || r.log.EndOffset() != 70 {
			t.Fatalf("reopened start %d end %d", r.log.StartOffset(), r.log.EndOffset())
		}
		equalBatches(t, "reopened", r.read(40, 100), want[4:])
		set(70) // everything
		if r.log.StartOffset() != 70 || r.log.EndOffset() != 70 {
			t.Fatalf("start %d end %d", r.log.StartOffset(), r.log.EndOffset())
		}
		set(95) // beyond the end
		if r.log.StartOffset() != 95 || r.log.EndOffset() != 95 || r.log.Size() != 0 {
			t.Fatalf("start %d end %d size %d", r.log.StartOffset(), r.log.EndOffset(), r.log.Size())
		}
		r.reopen()
		if r.log.StartOffset() != 95 || r.log.EndOffset() != 95 {
			t.Fatalf("reopened start %d end %d", r.log.StartOffset(), r.log.EndOffset())
		}
		if err := r.mirror(makeBatch(batchSpec{base: 90, records: 10, size: 300})); err != nil {
			t.Fatalf("the batch that holds the start: %v", err)
		}
	})
}

func TestRetention(t *testing.T) {
	r := newRig(t, "pwrite", Config{SegmentBytes: 1700, Retention: 5 * time.Hour})
	r.open()
	threeSegments(t, r)
	retain := func() {
		r.log.Retain(r.now)
		r.pump()
	}
	retain()
	if r.log.StartOffset() != 0 {
		t.Fatal("removed what is new")
	}
	r.now = r.now.Add(8*time.Hour + time.Minute) // segments end at hours 1, 3, 5; the last is active
	retain()
	if r.log.StartOffset() != 40 {
		t.Fatalf("start %d, want 40", r.log.StartOffset())
	}
	r.now = r.now.Add(100 * time.Hour)
	retain()
	if r.log.StartOffset() != 60 {
		t.Fatalf("start %d: the active segment must stay", r.log.StartOffset())
	}
	r.log.Configure(Config{SegmentBytes: 1700, Retention: 5 * time.Hour, SegmentAge: time.Hour})
	r.log.RollIfDue(r.now)
	r.pump()
	retain()
	if r.log.StartOffset() != 70 || r.log.EndOffset() != 70 || logFiles(t, r.dir) != 0 {
		t.Fatalf("start %d end %d files %d, want all gone", r.log.StartOffset(), r.log.EndOffset(), logFiles(t, r.dir))
	}
	r.reopen()
	if r.log.StartOffset() != 70 || r.log.EndOffset() != 70 {
		t.Fatalf("reopened start %d end %d", r.log.StartOffset(), r.log.EndOffset())
	}
	if err := r.mirror(makeBatch(batchSpec{base: 75, size: 100})); err != nil {
		t.Fatal(err)
	}
	r.reopen()
	if r.log.EndOffset() != 76 {
		t.Fatalf("end %d", r.log.EndOffset())
	}
}

func TestRetentionBySize(t *testing.T) {
	r := newRig(t, "pwrite", Config{SegmentBytes: 1700, RetentionBytes: 3500})
	r.open()
	threeSegments(t, r)
	r.log.Retain(r.now)
	r.pump()
	if r.log.StartOffset() != 20 || r.log.Size() < 3500 {
		t.Fatalf("start %d with %d bytes left: the rest must hold RetentionBytes", r.log.StartOffset(), r.log.Size())
	}
}

// A quiet topic must not keep its records until the segment is a week old.
func TestExpiredActiveSegmentGoes(t *testing.T) {
	r := newRig(t, "pwrite", Config{Retention: time.Hour})
	r.open()
	ts := r.now.UnixMilli()
	if err := r.mirror(makeBatch(batchSpec{base: 0, records: 10, size: 100, ts: ts})); err != nil {
		t.Fatal(err)
	}
	r.pump()
	look := func(now time.Time) {
		r.now = now
		r.log.RollIfDue(r.now)
		r.pump()
		r.log.Retain(r.now)
		r.pump()
	}
	newest := time.UnixMilli(ts + 9) // the batch's records are a millisecond apart at most
	if look(newest.Add(-10*time.Millisecond + time.Hour)); r.log.StartOffset() != 0 || !r.log.Segments()[0].Active {
		t.Fatalf("start %d: records went before their time", r.log.StartOffset())
	}
	if look(newest.Add(time.Millisecond + time.Hour)); r.log.StartOffset() != 10 || r.log.EndOffset() != 10 || logFiles(t, r.dir) != 0 {
		t.Fatalf("start %d end %d files %d, want all gone", r.log.StartOffset(), r.log.EndOffset(), logFiles(t, r.dir))
	}
}

func TestRollByAge(t *testing.T) {
	r := newRig(t, "pwrite", Config{SegmentAge: time.Hour})
	r.open()
	appendSmall(t, r, 1)
	r.pump()
	r.pass(59 * time.Minute)
	appendSmall(t, r, 1)
	if len(r.log.Segments()) != 1 {
		t.Fatal("rolled too early")
	}
	r.pass(2 * time.Minute)
	appendSmall(t, r, 1)
	r.pump()
	if n := len(r.log.Segments()); n != 2 {
		t.Fatalf("%d segments, want 2", n)
	}
	if got := r.read(0, 1000); len(got) != 3 {
		t.Errorf("%d batches", len(got))
	}
}

// Offsets relative to a segment's base fit 31 bits, also when one answer of
// the source spans more.
func TestRollByOffsetRange(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{})
		r.open()
		var batches [][]byte
		var want []made
		for _, base := range []int64{5, 5 + math.MaxInt32 - 3, 5 + math.MaxInt32 + 10, 3 * math.MaxInt32, 1 << 40} {
			b := makeBatch(batchSpec{base: base, records: 3, size: 5000})
			batches = append(batches, b)
			want = append(want, made{b, base, base + 2})
		}
		if err := r.mirror(batches...); err != nil {
			t.Fatal(err)
		}
		r.pump()
		if n := len(r.log.Segments()); n != 4 {
			t.Errorf("%d segments, want 4", n)
		}
		equalBatches(t, "hot", r.read(5, 1<<20), want)
		r.reopen()
		equalBatches(t, "reopened", r.read(5, 1<<20), want)
	})
}

func TestOffsetForTime(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{SegmentBytes: 1700, IndexInterval: 1})
		r.open()
		threeSegments(t, r)
		hour := int64(time.Hour / time.Millisecond)
		zero := r.now.UnixMilli()
		find := func(ts int64) (out TimeOffset) {
			t.Helper()
			r.must(func(done func(error)) {
				r.log.OffsetForTime(ts, func(o TimeOffset, err error) { out = o; done(err) })
			})
			return out
		}
		check := func() {
			t.Helper()
			f := func(ts, offset, at int64) {
				t.Helper()
				if got, want := find(ts), (TimeOffset{offset >= 0, offset, at, 0}); offset >= 0 && got != want {
					t.Errorf("time %+d h: %+v, want %+v", (ts-zero)/hour, got, want)
				} else if offset < 0 && got != nothingFound() {
					t.Errorf("time %+d h: %+v, want nothing", (ts-zero)/hour, got)
				}
			}
			f(0, r.log.StartOffset(), zero+r.log.StartOffset()/10*hour+r.log.StartOffset()%10)
			f(zero+3*hour+4, 34, zero+3*hour+4) // inside a batch
			f(zero+3*hour+10, 40, zero+4*hour)  // behind all records of a batch
			f(zero+6*hour+9, 69, zero+6*hour+9)
			f(zero+6*hour+10, -1, 0)
			var latest TimeOffset
			r.must(func(done func(error)) {
				r.log.OffsetOfMaxTimestamp(func(o TimeOffset, err error) { latest = o; done(err) })
			})
			if latest.Offset != 69 {
				t.Errorf("record with the largest time: %+v, want offset 69", latest)
			}
		}
		check()
		r.reopen()
		check()
		paths, _ := filepath.Glob(filepath.Join(r.dir, "*"+indexSuffix))
		for _, p := range paths {
			os.Remove(p)
		}
		r.must(func(done func(error)) { r.log.SetStart(12, done) })
		check()
	})
}

// While the log changes its files, a reservation's bytes are not appended, and
// those who wait for what is cut off hear of it.
func TestTruncateWaitsAndTells(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{FlushInterval: -1})
		r.open()
		want := threeSegmentsBatches(t, r)
		mem, err := r.log.Reserve(5000)
		if err != nil {
			t.Fatal(err)
		}
		var cut *Cut
		r.log.TruncateTo(35, filepath.Join(filepath.Dir(r.dir), "kept"), func(c Cut, err error) {
			if err != nil {
				t.Error(err)
			}
			cut = &c
		})
		_, err = r.log.Append(makeBatch(batchSpec{size: 100}), r.options())
		wantErr(t, err, ErrBusy)
		for range 50 {
			r.turn(true)
		}
		if cut != nil {
			t.Fatal("truncated under a reservation")
		}
		for i := range mem {
			mem[i] = 0xCC // the holder still fills it
		}
		wantErr(t, r.log.Commit(0, 0, []batch.Head{{Size: 100}}), ErrBusy)
		var read *ReadResult
		r.log.dropIdle()
		r.log.Read(ReadRequest{Offset: 0, UpTo: 30, MaxBytes: 1 << 20}, func(res ReadResult) { read = &res })
		r.pump()
		if cut == nil || cut.From != 30 || cut.To != 70 || r.log.EndOffset() != 30 {
			t.Fatalf("cut %+v, end %d", cut, r.log.EndOffset())
		}
		if read == nil || read.Err != nil || read.Bytes == 0 {
			t.Fatalf("the read that waited gives %+v", read)
		}
		read.Spans[0].Release()
		equalBatches(t, "left", r.read(0, 1<<20), want[:3])
		// The same offset again, with other bytes, is cut beside the first.
		first := cut.File
		if err := r.mirror(makeBatch(batchSpec{base: 30, records: 2, size: 333})); err != nil {
			t.Fatal(err)
		}
		r.must(func(done func(error)) {
			r.log.TruncateTo(30, filepath.Dir(first), func(c Cut, err error) { cut = &c; done(err) })
		})
		if cut.File == first || cut.Bytes < 300 {
			t.Errorf("second cut %+v beside %s", cut, first)
		}
		if latest, _ := os.ReadFile(first); len(split(t, latest)) != 4 {
			t.Error("the first cut was overwritten")
		}
	})
}

func threeSegmentsBatches(t *testing.T, r *rig) (want []made) {
	for i := range int64(7) {
		b := makeBatch(batchSpec{base: 10 * i, records: 10, size: 800})
		want = append(want, made{b, 10 * i, 10*i + 9})
		if err := r.mirror(b); err != nil {
			t.Fatal(err)
		}
	}
	return want
}

// Kafka's look-up by time finds a transaction's marker like any record; a
// shadow that skipped it would send a consumer elsewhere than its source does.
func TestOffsetForTimeFindsMarkers(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, Config{})
		r.open()
		appendSmall(t, r, 1)
		r.pass(time.Hour)
		at, err := r.log.AppendMarker(7, 0, true, AppendOptions{Now: r.now})
		if err != nil {
			t.Fatal(err)
		}
		r.pump()
		var got TimeOffset
		r.must(func(done func(error)) {
			r.log.OffsetForTime(r.now.UnixMilli(), func(o TimeOffset, err error) { got = o; done(err) })
		})
		if want := (TimeOffset{true, at, r.now.UnixMilli(), 0}); got != want {
			t.Errorf("got %+v, want the marker %+v", got, want)
		}
	})
}
