package link_test

import (
	"testing"

	"umbra/bench/synthetic"
	"umbra/core/link"
	"umbra/core/link/replicate"
)

func TestCountersOfALink(t *testing.T) {
	src, err := synthetic.Start(synthetic.Config{Topic: "load", Partitions: 5, RecordSize: 1000, BatchSize: 16 << 10, ChunkBytes: 1 << 20, Records: 5_000})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	n := startNode(t, t.TempDir(), "auto", nil)
	defer n.stop(t)
	l := n.link(t, src.Addr(), "load")
	bytes := src.TotalBytes()
	records := bytes / int64(src.BatchBytes()) * src.BatchRecords()
	status := func() *link.Status {
		t.Helper()
		st, err := l.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	sum := func(st *link.Status) (c replicate.Counters) {
		for _, s := range st.Shards {
			c.Add(s)
		}
		return c
	}
	eventually(t, "every record is here, and every partition was measured", func() bool {
		return n.ends("load") == records && sum(status()).Apply.Count() >= 5
	})
	c := sum(status())
	if c.WrittenBytes != bytes || c.WrittenRecords != records {
		t.Errorf("%d bytes and %d records were written, want %d and %d", c.WrittenBytes, c.WrittenRecords, bytes, records)
	}
	if c.FetchedRecords < records || c.FetchedBytes < bytes || c.Fetch.Count() == 0 || c.Fetch.Sum <= 0 {
		t.Errorf("fetched: %+v", c)
	}
	if len(c.Errors) != 0 || c.Refused != 0 {
		t.Errorf("errors of a healthy source: %v, %d refused", c.Errors, c.Refused)
	}

	src.Close()
	eventually(t, "the lost source is counted, on both ways to it", func() bool {
		st := status()
		c := sum(st)
		return c.Errors[replicate.ErrorKey{Kind: replicate.ErrorConnect, Broker: src.Addr()}] > 0 && st.Totals.ControlErrors > 0
	})
	before := status().Lag
	eventually(t, "the lag in seconds grows while the source is away", func() bool {
		now := status().Lag
		return now.Bound == link.AtLeast && now.Seconds > before.Seconds
	})
	if c := sum(status()); c.WrittenBytes != bytes {
		t.Errorf("%d bytes written are left of %d", c.WrittenBytes, bytes)
	}
}

func TestLagOfASourceThatWasNeverSeen(t *testing.T) {
	n := startNode(t, t.TempDir(), "auto", nil)
	defer n.stop(t)
	l := n.link(t, "127.0.0.1:1", "load")
	eventually(t, "a look at the source has failed", func() bool {
		st, err := l.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if st.Lag.Bound != link.Unknown {
			t.Fatalf("lag is %+v, nobody can know that", st.Lag)
		}
		return st.Totals.ControlErrors > 0
	})
}
