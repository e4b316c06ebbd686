package link_test

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"umbra/core/link"
	"umbra/core/link/linktest"
	"umbra/core/link/spec"
	"umbra/core/link/verify"
	"umbra/kafkaproto/batch"
)

func (s *story) verify(topics ...string) *link.Verification {
	s.t.Helper()
	v, err := s.n.manager.Verify(context.Background(), "dr", topics, func(int, int, int64) {})
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// equal wants every partition compared to its end without a difference.
func (s *story) equal(v *link.Verification, partitions int) {
	s.t.Helper()
	if len(v.Results) != partitions || len(v.Left) != 0 {
		s.t.Errorf("%d partitions compared, left %v", len(v.Results), v.Left)
	}
	for _, r := range v.Results {
		if r.Err != nil || r.Difference != nil {
			s.t.Errorf("%s/%d: %v, %+v", r.Target.Topic, r.Target.Index, r.Err, r.Difference)
		}
	}
}

// TestVerify finds copies equal while the source trims, throttles and takes
// records, and finds each kind of difference.
func TestVerify(t *testing.T) {
	for _, r := range linktest.Releases() {
		t.Run(r.Name, func(t *testing.T) {
			s := newStory(t, linktest.Config{Brokers: 2, Release: r}, nodeSetup{})
			s.src.CreateTopic("orders", 3)
			s.fill("orders", 3, 200)
			s.link("orders")
			s.same("orders", 3)
			s.equal(s.verify(), 3)
			stop := s.load("orders", 3)
			for i := range 10 {
				s.src.Trim("orders", 0, int64(20*i+1))
				if v := s.verify(); v.Results[0].Difference != nil || v.Results[1].Difference != nil || v.Results[0].Err != nil {
					t.Errorf("under load: %+v %v, %+v", v.Results[0].Difference, v.Results[0].Err, v.Results[1].Difference)
				}
			}
			stop()
			s.same("orders", 3)
			s.equal(s.verify("orders"), 3)
		})
	}
}

// TestVerifyFindsDifferences changes the source behind the copy's back.
func TestVerifyFindsDifferences(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("orders", 5)
	s.fill("orders", 5, 10)
	s.link("orders")
	s.same("orders", 5)
	if err := s.n.manager.Pause(context.Background(), "dr"); err != nil {
		t.Fatal(err)
	}
	change := func(index int, f func([]byte) []byte) { s.src.Spoil("orders", index, f) }
	change(0, func(b []byte) []byte { return b }) // no difference
	change(1, func(b []byte) []byte {             // one bit, with a right checksum
		v := batch.View(b)
		v.SetLogAppendTime(v.MaxTimestamp() + 1)
		return b
	})
	change(2, func(b []byte) []byte { binary.BigEndian.PutUint32(b[12:], 77); return b }) // leader epoch, outside the checksum
	change(3, func([]byte) []byte { return nil })
	s.src.Shorten("orders", 4, 15)
	v := s.verify()
	for i, want := range []string{"", "CRC", "leader epoch", "the source has none", "the source ends at"} {
		d := v.Results[i].Difference
		switch {
		case want == "" && d != nil:
			t.Errorf("partition %d: %+v, there is none", i, d)
		case want != "" && (d == nil || !strings.Contains(d.What, want)):
			t.Errorf("partition %d: %+v, want %q", i, d, want)
		}
	}
}

// TestVerifySaysWhatItCouldNotCompare names gaps, what the source dropped, what
// is newer than the cut, and topics that are gone.
func TestVerifySaysWhatItCouldNotCompare(t *testing.T) {
	s := newStory(t, linktest.Config{Brokers: 1}, nodeSetup{})
	s.src.CreateTopic("orders", 1)
	s.src.CreateTopic("gone", 1)
	s.fill("orders", 1, 10)
	s.fill("gone", 1, 3)
	s.link("orders,gone")
	s.same("orders", 1)
	s.same("gone", 1)
	s.failover("orders")
	s.src.Trim("orders", 0, 10)
	s.fill("orders", 1, 5)
	s.src.DeleteTopic("gone")
	s.eventually("the deletion is said", func() bool { _, code := s.state("gone"); return code == spec.SourceDeleted })
	v := s.verify()
	if len(v.Results) != 1 || v.Left["gone"] == "" {
		t.Fatalf("%d results, left %v", len(v.Results), v.Left)
	}
	r := v.Results[0]
	want := []verify.Range{{From: 0, To: 10, Why: "the source does not have them any more"}, {From: 30, To: 45, Why: "not copied yet, or written after the cut"}}
	if r.Err != nil || r.Difference != nil || r.From != 10 || r.To != 30 || len(r.NotCompared) != 2 || r.NotCompared[0] != want[0] || r.NotCompared[1] != want[1] {
		t.Errorf("%+v", r)
	}
}
