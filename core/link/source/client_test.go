package source_test

import (
	"context"
	"net"
	"testing"
	"time"

	"umbra/core/link/linktest"
	"umbra/core/link/source"
	"umbra/kafkaproto"
)

func cluster(t *testing.T, brokers int) *linktest.Cluster {
	t.Helper()
	c, err := linktest.Start(linktest.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func client(t *testing.T, bootstrap ...string) *source.Client {
	t.Helper()
	c := source.New(source.Config{Bootstrap: bootstrap, ClientID: "test", Timeout: time.Minute, Dial: source.PlainDialer(time.Minute)})
	t.Cleanup(c.Close)
	return c
}

// TestMetadataPassesByAHungBroker: the first address takes connections and says
// nothing; the second one is asked long before the first one's time is over.
func TestMetadataPassesByAHungBroker(t *testing.T) {
	src := cluster(t, 2)
	src.CreateTopic("orders", 3)
	src.Hang(1, true)
	c := client(t, src.Addrs()...)
	for range 3 { // and then the one that answered is asked first
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		cl, err := c.Metadata(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if cl.Via != src.Addrs()[1] || len(cl.Topics) != 1 || len(cl.Topics[0].Partitions) != 3 || len(cl.Brokers) != 2 {
			t.Errorf("%+v", cl)
		}
	}
}

// TestMetadataOfNobody names every address that was tried.
func TestMetadataOfNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	if _, err := client(t, addr).Metadata(context.Background()); err == nil {
		t.Error("a closed port answered")
	}
}

// TestCallsGoSideBySide: a question to a broker that hangs holds up no other,
// also not one to another broker of the same client.
func TestCallsGoSideBySide(t *testing.T) {
	src := cluster(t, 2)
	src.CreateTopic("orders", 2) // led by broker 1 and 2
	src.AppendMany("orders", 1, 3, linktest.Batch{Records: 2})
	c := client(t, src.Addrs()...)
	cl, err := c.Metadata(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	place := func(i int32) source.Place {
		addr, _ := cl.Leader(cl.Topics[0].Partitions[i])
		return source.Place{PartitionKey: source.PartitionKey{Topic: "orders", Index: i}, Addr: addr, LeaderEpoch: 0}
	}
	src.Hang(1, true)
	ctx, cancel := context.WithCancel(context.Background())
	hung := make(chan error, 1)
	go func() {
		o := c.Offsets(ctx, kafkaproto.TimestampLatest, []source.Place{place(0)})
		hung <- o[place(0).PartitionKey].Err
	}()
	for range 10 {
		o := c.Offsets(context.Background(), kafkaproto.TimestampLatest, []source.Place{place(1)})[place(1).PartitionKey]
		if o.Err != nil || o.Offset != 6 {
			t.Fatalf("%+v", o)
		}
	}
	cancel()
	if err := <-hung; err == nil {
		t.Error("the hung broker answered")
	}
}

// TestABrokenIdleConnectionIsReplaced: brokers close connections that lie idle.
func TestABrokenIdleConnectionIsReplaced(t *testing.T) {
	src := cluster(t, 1)
	c := client(t, src.Addrs()...)
	for range 5 {
		if _, err := c.Metadata(context.Background()); err != nil {
			t.Fatal(err)
		}
		src.Reset(1)
	}
}

// TestDescribeTellsHiddenFromGone is what tells a revoked right from a deletion.
func TestDescribeTellsHiddenFromGone(t *testing.T) {
	src := cluster(t, 1)
	src.CreateTopic("hidden", 1)
	src.Deny("hidden", true)
	c := client(t, src.Addrs()...)
	cl, err := c.Metadata(context.Background())
	if err != nil || len(cl.Topics) != 0 {
		t.Fatalf("%+v, %v", cl, err)
	}
	topics, err := c.Describe(context.Background(), cl.Via, []string{"hidden", "gone"})
	if err != nil || len(topics) != 2 || topics[0].Err != kafkaproto.TopicAuthorizationFailed || topics[1].Err != kafkaproto.UnknownTopicOrPartition {
		t.Errorf("%+v, %v", topics, err)
	}
}
