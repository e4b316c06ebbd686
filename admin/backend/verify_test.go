package backend

import (
	"errors"
	"reflect"
	"testing"

	"umbra/admin/api"
	"umbra/core/link"
	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/link/verify"
)

func result(topic string, index int32, from, to, batches int64) verify.Result {
	return verify.Result{Target: verify.Target{Place: source.Place{PartitionKey: source.PartitionKey{Topic: topic, Index: index}}}, From: from, To: to, Batches: batches, Bytes: batches * 100}
}

func report(v link.Verification) *api.VerifyReport {
	r := &api.VerifyReport{}
	fillReport(r, &v)
	return r
}

func TestReportIdentical(t *testing.T) {
	b := result("b", 1, 7, 12, 3)
	b.NotCompared = []verify.Range{{From: 12, To: 20, Why: "on their way"}}
	r := report(link.Verification{Results: []verify.Result{result("b", 0, 5, 9, 2), b, result("a", 0, 0, 0, 0)}, Left: map[string]string{"d": "gone", "c": "no leader"},
		Gaps: []spec.GapRecord{{Topic: "b", Partition: 1, From: 0, To: 7, Why: spec.SourceUnreachable}}})
	if r.Result != api.Identical || r.Partitions != 3 || r.Batches != 5 || r.Bytes != 500 || r.DifferencesTotal != 0 {
		t.Errorf("%+v", r)
	}
	topics := []api.VerifyTopic{{Topic: "a", Partitions: 1, Result: api.Nothing}, {Topic: "b", Partitions: 2, From: 5, To: 12, Batches: 5, Bytes: 500, Result: api.Identical}}
	if !reflect.DeepEqual(r.Topics, topics) {
		t.Errorf("topics %+v", r.Topics)
	}
	left := []api.Uncompared{{Topic: "b", Partition: 1, From: 12, To: 20, Why: "on their way"}, {Topic: "c", Partition: -1, Why: "no leader"}, {Topic: "d", Partition: -1, Why: "gone"},
		{Topic: "b", Partition: 1, From: 0, To: 7, Why: "never copied: " + spec.SourceUnreachable.Info().Title}}
	if !reflect.DeepEqual(r.NotCompared, left) {
		t.Errorf("not compared %+v", r.NotCompared)
	}
}

// A difference is not washed away by what is equal, in any order.
func TestReportDifferent(t *testing.T) {
	bad := result("a", 1, 0, 50, 9)
	bad.Difference = &verify.Difference{Offset: 50, What: "bytes"}
	for _, order := range [][]verify.Result{{bad, result("a", 0, 0, 9, 4)}, {result("a", 0, 0, 9, 4), bad}} {
		r := report(link.Verification{Results: order})
		if r.Result != api.Different || r.DifferencesTotal != 1 || r.Topics[0].Result != api.Different ||
			!reflect.DeepEqual(r.Differences, []api.Difference{{Topic: "a", Partition: 1, Offset: 50, What: "bytes"}}) {
			t.Errorf("%+v", r)
		}
	}
}

// All differences are counted; so many of them are spelled out.
func TestReportBoundsDifferences(t *testing.T) {
	var v link.Verification
	for i := range differencesShown + 7 {
		p := result("a", int32(i), 0, 1, 1)
		p.Difference = &verify.Difference{Offset: int64(i)}
		v.Results = append(v.Results, p)
	}
	r := report(v)
	if len(r.Differences) != differencesShown || r.DifferencesTotal != differencesShown+7 || r.Differences[3].Partition != 3 {
		t.Errorf("%d shown of %d", len(r.Differences), r.DifferencesTotal)
	}
}

// A comparison of nothing is not "identical", and a comparison that ended early
// says where.
func TestReportNothing(t *testing.T) {
	if r := report(link.Verification{}); r.Result != api.Nothing || r.Topics != nil {
		t.Errorf("%+v", r)
	}
	p := result("a", 2, 4, 4, 0)
	p.Err = errors.New("connection reset")
	r := report(link.Verification{Results: []verify.Result{p}})
	if r.Result != api.Nothing || !reflect.DeepEqual(r.NotCompared, []api.Uncompared{{Topic: "a", Partition: 2, From: 4, To: 4, Why: "connection reset"}}) {
		t.Errorf("%+v", r)
	}
}
