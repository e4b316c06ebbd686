package link

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// What is kept is all of it; where that is too much, all but the rows, and it says
// so.
func TestStoredReceipt(t *testing.T) {
	at := time.Unix(1000, 5).UTC()
	r := &Receipt{Format: receiptFormat, Umbra: "v", Operation: "op", Link: "dr", ClusterID: "here", By: spec.Caller{UID: 1, GID: 2, PID: 3}, Started: at, Finished: at.Add(time.Second),
		Phases: []Phase{{Name: "recorded", Seconds: 0.1}}, Source: SourceStatus{Bootstrap: []string{"a:1"}, ClusterID: "there", Brokers: 3, LastSeen: at, Failure: "gone"},
		Loss: Lag{Records: 3, Bytes: 300, Seconds: 0.3, Bound: AtLeast, AsOf: at}, ProducerIDFloor: 42,
		Topics: []ReceiptTopic{{Topic: "stuck", ID: kafkaproto.NewTopicID(), State: spec.FailingOver, Before: spec.Active, Failure: "disk"}}}
	wide := ReceiptTopic{Topic: "orders", ID: kafkaproto.NewTopicID(), State: spec.FailedOver, Before: spec.Faulted, Reason: spec.Reason{Code: spec.CorruptSource, Detail: "d", Since: at},
		Started: at, Writable: at, Loss: Lag{Bound: Unknown}}
	for i := range 500 {
		wide.Partitions = append(wide.Partitions, ReceiptPartition{FinalPartition: spec.FinalPartition{Partition: int32(i), LogEnd: rand.Int64(), SourceEnd: -1, SourceSeen: at, LeaderEpoch: 4,
			OpenTransactions: 1, Stopped: spec.Reason{Code: spec.LocalStorage, Since: at}}, End: rand.Int64(), EpochAfter: 5, Loss: Lag{Bound: Exact, AsOf: at},
			Aborted: []AbortedTxn{{ProducerID: 1, ProducerEpoch: 2, FirstOffset: 3, MarkerOffset: 4}},
			Gaps:    []spec.GapRecord{{Topic: "orders", From: 1, To: 2, At: at}}, Cuts: []spec.CutRecord{{Topic: "orders", File: "f", At: at}}})
	}
	r.Topics = append(r.Topics, wide)
	f := func(limit int, want *Receipt) {
		t.Helper()
		body, err := r.encode(limit)
		if err != nil || len(body) > limit {
			t.Fatalf("%d bytes, %v", len(body), err)
		}
		got, err := decodeReceipt(metadata.Receipt{Body: body})
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("limit %d: %v (-want +got)\n%s", limit, err, diff)
		}
	}
	f(storedBytesMax, r)
	short := *r
	short.RowsLeftOut = true
	wide.Partitions = nil
	short.Topics = []ReceiptTopic{r.Topics[0], wide}
	f(2000, &short)

	r.Format++
	body, err := r.encode(storedBytesMax)
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{fmt.Sprintf("format %d", r.Format): body, "cannot unmarshal": []byte(`{"operation":"op"}`)} {
		if _, err := decodeReceipt(metadata.Receipt{ID: "op", Link: "dr", Body: b}); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
