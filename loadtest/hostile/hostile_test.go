package hostile_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"umbra/loadtest/hostile"
	"umbra/loadtest/rawfetch"
)

const bad, good = 0, 1 // partitions of "t"; led by broker 1 and broker 2

func start(t *testing.T) *hostile.Server {
	t.Helper()
	s, err := hostile.Start(hostile.NewTopic("t", 1, 30, 10, 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// A stock client takes everything from a server without faults.
func TestHealthyServesStockClient(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.Seeds()...), kgo.ConsumeTopics("t"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	s.Append("t", good, 7)
	for n := 0; n < 607; {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatalf("after %d records: %v", n, err)
		}
		n += f.NumRecords()
	}
}

// Whatever is wrong with one partition, the other broker's is served, the bad one
// up to the fault, and everything once the fault is over.
func TestFaultsStayWhereTheyAre(t *testing.T) {
	for _, kind := range hostile.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.SetFault("t", bad, hostile.Fault{Kind: kind, At: 100})
			if got := read(t, s, good, 300); got != 300 {
				t.Errorf("healthy partition read to %d, want 300", got)
			}
			if got := read(t, s, bad, 100); got != 100 {
				t.Errorf("bad partition read to %d, want 100", got)
			}
			if got := readIntoFault(t, s, kind); got > 110 {
				t.Errorf("read to %d past the fault at 100", got)
			}
			if s.Faulted("t", bad) == 0 {
				t.Error("no fetch met the fault")
			}
			s.SetFault("t", bad, hostile.Fault{})
			if got := read(t, s, bad, 300); got != 300 {
				t.Errorf("after the fault read to %d, want 300", got)
			}
		})
	}
}

// patience bounds the wait for what must come.
const patience = 20 * time.Second

// read is how far an independent reader comes.
func read(t *testing.T, s *hostile.Server, partition int32, to int64) (at int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := rawfetch.Open("hostile", s.Seeds()...)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return readOn(ctx, r, partition, to)
}

// readIntoFault is how far a reader comes that would like to have all of the bad
// partition. It ends when it has taken in what the fault has for it: then it gives
// up or asks again. Where no answer can come it ends when it has asked.
func readIntoFault(t *testing.T, s *hostile.Server, kind hostile.Kind) int64 {
	t.Helper()
	asked := 2
	switch kind {
	case hostile.Throttle, hostile.SlowBytes, hostile.Silence:
		asked = 1
	}
	r, err := rawfetch.Open("hostile", s.Seeds()...)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	came := make(chan int64)
	go func() {
		at := readOn(ctx, r, bad, 300)
		cancel()
		came <- at
	}()
	awaitFaulted(ctx, s, asked)
	cancel()
	return <-came
}

// awaitFaulted waits until so many fetches have met the fault, or ctx is over.
func awaitFaulted(ctx context.Context, s *hostile.Server, times int) {
	for s.Faulted("t", bad) < times {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// readOn reads a partition until it has come far enough, meets what no log can
// answer, or ctx is over.
func readOn(ctx context.Context, r *rawfetch.Reader, partition int32, to int64) (at int64) {
	for b, err := range r.Batches(ctx, "t", partition, 0, to) {
		if err != nil {
			return at
		}
		at = b.Last + 1
	}
	return at
}

// The faults of the connection, as they look on the wire.
func TestConnectionFaultsOnTheWire(t *testing.T) {
	f := func(kind hostile.Kind, first int, check func(h []byte, end error) bool) {
		t.Helper()
		head, end := onTheWire(t, kind, first)
		if len(head) < first || !check(head, end) {
			t.Errorf("%s: first bytes % x, then %v", kind, head, end)
		}
	}
	open := func(err error) bool { return errors.Is(err, syscall.ETIMEDOUT) || isTimeout(err) }
	f(hostile.WrongCorrelation, 12, func(h []byte, end error) bool { return binary.BigEndian.Uint32(h[4:]) == 42+7 && open(end) })
	f(hostile.HugeFrame, 12, func(h []byte, end error) bool { return binary.BigEndian.Uint32(h) == 1<<31-1 && open(end) })
	f(hostile.Throttle, 12, func(h []byte, end error) bool { return binary.BigEndian.Uint32(h[8:]) == 1<<31-1 && open(end) })
	f(hostile.CutAndReset, 12, func(_ []byte, end error) bool { return errors.Is(end, syscall.ECONNRESET) })
	f(hostile.Silence, 0, func(h []byte, end error) bool { return len(h) == 0 && open(end) })
	// The time bounds the bytes, not the other way about: a slow machine only adds to it.
	began := time.Now()
	f(hostile.SlowBytes, 1, func(h []byte, end error) bool {
		return time.Duration(len(h)-1)*time.Second <= time.Since(began) && open(end)
	})
}

// onTheWire asks for what is at a fault. The first bytes have all the time they need, and
// so has a reset; anything else that still came would come at once. It returns at most 12
// bytes of the answer, and how reading ended.
func onTheWire(t *testing.T, kind hostile.Kind, first int) (head []byte, end error) {
	t.Helper()
	s := start(t)
	s.SetFault("t", bad, hostile.Fault{Kind: kind})
	c, err := net.Dial("tcp4", s.Seeds()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(fetchRequest()); err != nil {
		t.Fatal(err)
	}
	head = make([]byte, 12)
	if n, err := io.ReadFull(c, head[:first]); err != nil {
		return head[:n], err
	}
	if kind != hostile.CutAndReset {
		lookForMore(c, s)
	}
	n, end := io.ReadFull(c, head[first:])
	if end == nil {
		_, end = io.Copy(io.Discard, c)
	}
	return head[:first+n], end
}

// lookForMore gives what must not come a while, from when the fault was met.
func lookForMore(c net.Conn, s *hostile.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	awaitFaulted(ctx, s, 1)
	c.SetReadDeadline(time.Now().Add(1500 * time.Millisecond))
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// fetchRequest is Fetch v4 for the bad partition, correlation id 42.
func fetchRequest() []byte {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MaxWaitMillis, req.MinBytes, req.MaxBytes = 4, 100, 1, 1<<20
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic = "t"
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.Partition, rp.PartitionMaxBytes = bad, 1<<20
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	return kmsg.NewRequestFormatter().AppendRequest(nil, req, 42)
}
