package api

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func sealed(t *testing.T) *Receipt {
	t.Helper()
	r := &Receipt{
		Version: ReceiptVersion, Link: "dr", Outcome: OutcomeFailedOver, Seconds: 0.36,
		StartedAt:     time.Date(2026, 11, 22, 3, 5, 13, 123456789, time.FixedZone("", 3600)),
		Source:        Source{Bootstrap: []string{"a:1"}, Error: "dial <a:1> & wait"},
		EstimatedLoss: Lag{Records: 1310, Seconds: 1e-7, Bound: AtLeast},
		Topics: []ReceiptTopic{{Topic: "orders", Partitions: []ReceiptPartition{
			{Partition: 3, FinalOffset: 81, EndOffset: 82, SourceEndOffset: KnownOffset(90)}}}},
	}
	if err := r.Seal(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSealHoldsInAnyLayout(t *testing.T) {
	r := sealed(t)
	for _, indent := range []bool{false, true} {
		b, err := Marshal(r, indent)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckSeal(b); err != nil {
			t.Errorf("indent %v: %v\n%s", indent, err, b)
		}
		// It also survives a client that decodes and writes it again.
		var again Receipt
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		b, _ = Marshal(&again, indent)
		if err := CheckSeal(b); err != nil {
			t.Errorf("after a round trip, indent %v: %v\n%s", indent, err, b)
		}
	}
}

func TestSealIsStable(t *testing.T) {
	r := sealed(t)
	first := r.SHA256
	if err := r.Seal(); err != nil || r.SHA256 != first || len(first) != 64 {
		t.Errorf("sealed twice: %q, then %q (%v)", first, r.SHA256, err)
	}
}

func TestCheckSealRefuses(t *testing.T) {
	b, _ := Marshal(sealed(t), true)
	f := func(name string, changed []byte, want string) {
		t.Helper()
		if bytes.Equal(changed, b) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if err := CheckSeal(changed); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, want)
		}
	}
	f("loss made smaller", bytes.Replace(b, []byte("1310"), []byte("131"), 1), "was changed")
	f("offset changed", bytes.Replace(b, []byte(`"final_offset": 81`), []byte(`"final_offset": 80`), 1), "was changed")
	f("no digest", bytes.Replace(b, []byte("receipt_sha256"), []byte("other"), 1), "carries no")
	f("cut off", b[:len(b)/2], "not JSON")
	f("digest twice", bytes.Replace(b, []byte(`"version": 1,`), []byte(`"version": 1, "receipt_sha256": "`+sealed(t).SHA256+`",`), 1), "2 times")
}
