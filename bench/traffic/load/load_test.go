package load

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"umbra/bench/synthetic"
	"umbra/kafkaproto"
)

// A broker answers Produce requests with rising offsets; slow is called with the
// number of each request before its answer.
type broker struct {
	net.Listener
	slow func(n int)
	fail int // request that is refused; 0: none

	mu   sync.Mutex
	ends map[int32]int64
}

func startBroker(t *testing.T, slow func(n int), fail int) *broker {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{Listener: l, slow: slow, fail: fail, ends: map[int32]int64{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { b.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return b
}

func (b *broker) serve(c net.Conn) {
	defer c.Close()
	var prefix [4]byte
	for n := 1; ; n++ {
		if _, err := io.ReadFull(c, prefix[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(prefix[:]))
		if _, err := io.ReadFull(c, frame); err != nil {
			return
		}
		if b.slow != nil {
			b.slow(n)
		}
		c.Write(b.answer(frame, n))
	}
}

func (b *broker) answer(frame []byte, n int) []byte {
	r := kafkaproto.NewReader(frame, false)
	var h kafkaproto.RequestHeader
	h.Decode(&r)
	var req kafkaproto.ProduceRequest
	req.Decode(&r, h.Version)
	resp := kafkaproto.ProduceResponse{Topics: []kafkaproto.ProduceResponseTopic{{Topic: req.Topics[0].Topic}}}
	p := kafkaproto.NewProduceResponseTopicPartition()
	p.Partition = req.Topics[0].Partitions[0].Partition
	b.mu.Lock()
	p.BaseOffset = b.ends[p.Partition]
	b.ends[p.Partition] += int64(binary.BigEndian.Uint32(req.Topics[0].Partitions[0].Records[57:]))
	b.mu.Unlock()
	if n == b.fail {
		p.ErrorCode = int16(kafkaproto.NotLeaderOrFollower)
	}
	resp.Topics[0].Partitions = append(resp.Topics[0].Partitions, p)
	w := kafkaproto.NewWriter(nil, false)
	start := w.BeginFrame()
	kafkaproto.ResponseHeader(&w, h.Key, h.Version, h.CorrelationID)
	resp.Encode(&w, h.Version)
	w.EndFrame(start, 0)
	return w.Bytes()
}

func (b *broker) job(kind Kind) Job {
	return Job{Kind: kind, Addr: b.Addr().String(), Topic: "load", Partitions: 3, Conns: 2, Record: 100, Batch: 4, Rate: 1000, Inflight: 5, Chunk: 1 << 20, For: 200 * time.Millisecond}
}

// serve runs a job as the child does.
func serve(t *testing.T, j Job, stopEarly bool) (Result, error) {
	t.Helper()
	in, say := io.Pipe()
	hear, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(context.Background(), in, out)
		out.Close()
	}()
	var r Result
	tell, ask := json.NewEncoder(say), json.NewDecoder(hear)
	tell.Encode(j)
	err := ask.Decode(&word{})
	if err == nil {
		tell.Encode(word{})
		if stopEarly {
			tell.Encode(word{})
		}
		err = ask.Decode(&r)
	}
	say.Close()
	if e := <-ended; e != nil {
		err = e
	}
	return r, err
}

func (b *broker) records() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sum int64
	for _, end := range b.ends {
		sum += end
	}
	return sum
}

// Every batch of the timetable is sent and answered, and counted once.
func TestSteady(t *testing.T) {
	b := startBroker(t, nil, 0)
	j := b.job(Steady)
	j.Samples = true
	r, err := serve(t, j, false)
	if err != nil {
		t.Fatal(err)
	}
	if r.Batches != 200 || b.records() != 800 || r.Latency.Count() != 200 || r.Late.Count() != 200 || len(r.Samples) != 200 || r.Bytes < 200*400 {
		t.Errorf("%d batches, %d records, %d bytes, %d latencies, %d samples; want 200 batches", r.Batches, b.records(), r.Bytes, r.Latency.Count(), len(r.Samples))
	}
	if len(b.ends) != 3 {
		t.Errorf("ends %v: want 3 partitions", b.ends)
	}
}

// A warm-up is sent, and not counted.
func TestWarm(t *testing.T) {
	for _, kind := range []Kind{Steady, Flat} {
		b := startBroker(t, nil, 0)
		j := b.job(kind)
		j.Warm = 50 * time.Millisecond
		r, err := serve(t, j, false)
		if err != nil || b.records() <= 4*r.Batches || r.Latency.Count() != r.Batches || r.Batches == 0 {
			t.Errorf("%s: %d batches counted, %d records at the broker, %v", kind, r.Batches, b.records(), err)
		}
	}
}

// A broker that stands still once for 100 ms shows in the latency of all that was due
// meanwhile, not of one batch alone.
func TestSteadyCountsWhatWasHeldUp(t *testing.T) {
	b := startBroker(t, func(n int) {
		if n == 20 {
			time.Sleep(100 * time.Millisecond)
		}
	}, 0)
	j := b.job(Steady)
	j.Conns = 1
	r, err := serve(t, j, false)
	if err != nil {
		t.Fatal(err)
	}
	if over := r.Latency.h.TotalCount() - below(r.Latency, 20*time.Millisecond); over < 70 {
		t.Errorf("%d of %d batches waited 20 ms or more: the stall is hidden", over, r.Batches)
	}
}

// below counts the times below d.
func below(h Histogram, d time.Duration) (n int64) {
	for _, b := range h.h.Distribution() {
		if b.To < d.Microseconds() {
			n += b.Count
		}
	}
	return n
}

func TestFlatKeepsRequestsUnderWay(t *testing.T) {
	b := startBroker(t, nil, 0)
	j := b.job(Flat)
	r, err := serve(t, j, false)
	if err != nil || r.Batches*4 != b.records() || r.Batches < 10 {
		t.Errorf("%d batches, %d records at the broker, %v", r.Batches, b.records(), err)
	}
}

// A broker that answers no more ends a closed loop with an error, drainLimit after its time.
func TestFlatIsBounded(t *testing.T) {
	held := make(chan struct{})
	b := startBroker(t, func(int) { <-held }, 0)
	defer close(held)
	j := b.job(Flat)
	lines, err := openLines(context.Background(), j)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(lines)
	into := &ledger{}
	flat(context.Background(), j, lines, 50*time.Millisecond-drainLimit, into)
	if r, err := into.result(); !errors.Is(err, os.ErrDeadlineExceeded) || r.Batches != 0 {
		t.Errorf("%d batches, %v", r.Batches, err)
	}
}

// A word ends a load before its time, with all its answers.
func TestStop(t *testing.T) {
	for _, kind := range []Kind{Steady, Flat} {
		b := startBroker(t, nil, 0)
		j := b.job(kind)
		j.For = time.Hour
		r, err := serve(t, j, true)
		if err != nil || r.Batches*4 != b.records() {
			t.Errorf("%s: %d batches, %d records at the broker, %v", kind, r.Batches, b.records(), err)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, kind := range []Kind{Steady, Flat} {
		b := startBroker(t, nil, 3)
		j := b.job(kind)
		j.For = time.Hour
		if _, err := serve(t, j, false); !errors.Is(err, kafkaproto.NotLeaderOrFollower) {
			t.Errorf("%s: a refused batch gave %v", kind, err)
		}
		b.Close()
		if _, err := serve(t, j, false); err == nil || !strings.Contains(err.Error(), b.Addr().String()) {
			t.Errorf("%s: a broker that is gone gave %v", kind, err)
		}
	}
	if _, err := serve(t, Job{Kind: "much"}, false); err == nil || !strings.Contains(err.Error(), `kind "much"`) || !strings.Contains(err.Error(), "connections is 0") {
		t.Errorf("a bad job gave %v", err)
	}
}

// Readers get all of a topic between them, however many they are.
func TestRead(t *testing.T) {
	s, err := synthetic.Start(synthetic.Config{Topic: "load", Partitions: 3, RecordSize: 100, BatchSize: 500, ChunkBytes: 5000, Records: 2000})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	records := s.TotalBytes() / int64(s.BatchBytes()) * s.BatchRecords()
	for _, conns := range []int{1, 2, 3, 8} {
		j := Job{Kind: Read, Addr: s.Addr(), Topic: "load", Partitions: 3, Conns: conns, Chunk: 5000}
		r, err := serve(t, j, false)
		// What lies around the ends of shares is read twice.
		if extra := int64(max(0, conns-3)) * 2 * 5000; err != nil || r.Bytes < s.TotalBytes() || r.Bytes > s.TotalBytes()+extra || r.Records != records {
			t.Errorf("%d readers: read %d bytes of %d, %d records of %d, %v", conns, r.Bytes, s.TotalBytes(), r.Records, records, err)
		}
	}
}

// The shares of all readers are the whole topic, without an overlap.
func TestShares(t *testing.T) {
	ends := map[int32]int64{0: 1000, 1: 7, 2: 0, 3: 500}
	for conns := 1; conns < 20; conns++ {
		j := Job{Partitions: 4, Conns: conns}
		by := map[int32][]share{}
		for i := range conns {
			for _, s := range j.sharesOf(i, ends) {
				by[s.partition] = append(by[s.partition], s)
			}
		}
		for p, end := range ends {
			list := by[p]
			slices.SortFunc(list, func(a, b share) int { return int(a.start - b.start + a.end - b.end) })
			next := int64(0)
			for _, s := range list {
				if s.start != next {
					t.Errorf("%d readers, partition %d: %v", conns, p, list)
				}
				next = s.end
			}
			if next != end {
				t.Errorf("%d readers, partition %d ends at %d: %v", conns, p, end, list)
			}
		}
	}
}

func TestTimetable(t *testing.T) {
	tt := timetable{begin: 1000, step: 10, conns: 3}
	if got := []int64{tt.due(0, 0), tt.due(2, 0), tt.due(0, 1), tt.due(1, 2)}; !slices.Equal(got, []int64{1000, 1020, 1030, 1070}) {
		t.Errorf("got %v", got)
	}
}

func TestHistogram(t *testing.T) {
	var h, o, empty Histogram
	for i := range 1000 {
		h.Add(time.Duration(i+1) * time.Millisecond)
	}
	doc, err := json.Marshal(struct{ A, B Histogram }{h, empty})
	if err != nil {
		t.Fatal(err)
	}
	var back struct{ A, B Histogram }
	if err := json.Unmarshal(doc, &back); err != nil {
		t.Fatal(err)
	}
	if back.A.Summary() != h.Summary() || back.B.Count() != 0 || back.B.At(0.5) != 0 {
		t.Errorf("got %+v and %+v back", back.A.Summary(), back.B.Summary())
	}
	o.Merge(h)
	o.Merge(empty)
	o.Merge(back.A)
	if o.Count() != 2000 || o.At(0.5) < 499 || o.At(0.5) > 502 {
		t.Errorf("merged %+v", o.Summary())
	}
	x, y := h.Curve()
	if len(x) == 0 || x[0] != 2 || !slices.IsSorted(x) || !slices.IsSorted(y) || x[len(x)-1] != 100 {
		t.Errorf("curve %v %v: want 2 to 100, as ten times must lie above the last point", x, y)
	}
	if err := json.Unmarshal([]byte(`"zzz"`), &h); err == nil {
		t.Error("rubbish was read as a histogram")
	}
}
