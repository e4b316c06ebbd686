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
			if got := read(t, s, good, 300, 20*time.Second); got != 300 {
				t.Errorf("healthy partition read to %d, want 300", got)
			}
			if got := read(t, s, bad, 100, 20*time.Second); got != 100 {
				t.Errorf("bad partition read to %d, want 100", got)
			}
			if got := read(t, s, bad, 300, time.Second); got > 110 {
				t.Errorf("read to %d past the fault at 100", got)
			}
			if s.Faulted("t", bad) == 0 {
				t.Error("no fetch met the fault")
			}
			s.SetFault("t", bad, hostile.Fault{})
			if got := read(t, s, bad, 300, 20*time.Second); got != 300 {
				t.Errorf("after the fault read to %d, want 300", got)
			}
		})
	}
}

// read is how far an independent reader comes.
func read(t *testing.T, s *hostile.Server, partition int32, to int64, limit time.Duration) (at int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	r, err := rawfetch.Open("hostile", s.Seeds()...)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
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
	f := func(kind hostile.Kind, check func(head []byte, err error) bool) {
		t.Helper()
		s := start(t)
		s.SetFault("t", bad, hostile.Fault{Kind: kind})
		c, err := net.Dial("tcp4", s.Seeds()[0])
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(1500 * time.Millisecond))
		if _, err := c.Write(fetchRequest()); err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 12)
		n, err := io.ReadFull(c, head)
		if err == nil {
			_, err = io.Copy(io.Discard, c)
		}
		if !check(head[:n], err) {
			t.Errorf("%s: first bytes % x, then %v", kind, head[:n], err)
		}
	}
	open := func(err error) bool { return errors.Is(err, syscall.ETIMEDOUT) || isTimeout(err) }
	f(hostile.WrongCorrelation, func(h []byte, err error) bool { return binary.BigEndian.Uint32(h[4:]) == 42+7 && open(err) })
	f(hostile.HugeFrame, func(h []byte, err error) bool { return binary.BigEndian.Uint32(h) == 1<<31-1 && open(err) })
	f(hostile.Throttle, func(h []byte, err error) bool { return binary.BigEndian.Uint32(h[8:]) == 1<<31-1 && open(err) })
	f(hostile.SlowBytes, func(h []byte, err error) bool { return len(h) >= 1 && len(h) <= 3 && open(err) })
	f(hostile.CutAndReset, func(h []byte, err error) bool { return len(h) == 12 && errors.Is(err, syscall.ECONNRESET) })
	f(hostile.Silence, func(h []byte, err error) bool { return len(h) == 0 && open(err) })
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
