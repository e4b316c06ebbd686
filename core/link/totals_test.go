package link

import (
	"context"
	"errors"
	"testing"
	"time"

	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/link/verify"
	"umbra/core/metadata"
	"umbra/kafkaproto"
)

func TestTallyFailover(t *testing.T) {
	at := time.Unix(1000, 0)
	topic := func(after time.Duration, failure string) ReceiptTopic {
		return ReceiptTopic{Started: at, Writable: at.Add(after), Failure: failure}
	}
	l := &Link{}
	done := &Receipt{Topics: []ReceiptTopic{topic(3*time.Second, ""), topic(5*time.Second, ""), topic(time.Second, "")}}
	partial := &Receipt{Topics: []ReceiptTopic{topic(time.Second, ""), topic(0, "disk")}}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	l.tallyFailover(t.Context(), done, nil)
	l.tallyFailover(t.Context(), partial, nil)
	l.tallyFailover(t.Context(), nil, errors.New("etcd"))
	l.tallyFailover(t.Context(), nil, ErrNothingToDo)
	l.tallyFailover(stopped, nil, errors.New("the process stops"))
	got := l.state.totals
	for _, r := range FailoverResults() {
		if got.Failovers[r] != 1 {
			t.Errorf("%d failovers are %s, want 1", got.Failovers[r], r)
		}
	}
	if n, sum := got.FailoverSeconds.Count(), got.FailoverSeconds.Sum; n != 2 || sum != 6*time.Second {
		t.Errorf("%d durations of %v together, want 2 of 6s", n, sum)
	}
}

func TestTallyVerification(t *testing.T) {
	names := []string{"equal", "different", "unread", "left", "gone"}
	var topics []*metadata.Topic
	byName := map[string]*metadata.Topic{}
	for _, n := range names {
		topic := &metadata.Topic{Name: n, ID: kafkaproto.NewTopicID()}
		byName[n] = topic
		topics = append(topics, topic)
	}
	result := func(topic string, r verify.Result) verify.Result {
		r.Target.Place = source.Place{PartitionKey: source.PartitionKey{Topic: topic}}
		return r
	}
	v := &Verification{Left: map[string]string{"left": "a partition has no leader"}, Results: []verify.Result{
		result("equal", verify.Result{}), result("equal", verify.Result{}),
		result("different", verify.Result{Difference: &verify.Difference{}}), result("different", verify.Result{}), result("different", verify.Result{Difference: &verify.Difference{}}),
		result("unread", verify.Result{Err: errors.New("timeout")}),
		result("left", verify.Result{}), result("gone", verify.Result{})}}
	l := &Link{}
	first, second := time.Unix(1000, 0), time.Unix(2000, 0)
	l.tallyVerification(v, topics, first)
	v.Results = v.Results[2:4] // of one topic, and only one of its partitions differs now
	l.tallyVerification(v, topics[:4], second)
	f := func(topic string, want TopicVerified) {
		t.Helper()
		if got := l.state.totals.Verified[byName[topic].ID]; got != want {
			t.Errorf("%s: %+v, want %+v", topic, got, want)
		}
	}
	f("equal", TopicVerified{Equal: first})
	f("different", TopicVerified{Mismatches: 3})
	f("unread", TopicVerified{})
	f("left", TopicVerified{})
	if _, kept := l.state.totals.Verified[byName["gone"].ID]; kept {
		t.Error("a topic that is gone is remembered")
	}
}

func TestContactIsSaidOncePerChange(t *testing.T) {
	var c contact
	f := func(code spec.Code, want bool) {
		t.Helper()
		if got := c.changes(code); got != want {
			t.Errorf("%q: %v, want %v", code, got, want)
		}
	}
	f("", true)
	f("", false)
	f(spec.SourceUnreachable, true)
	f(spec.SourceUnreachable, false)
	f(spec.SourceIdentity, true)
	f("", true)
}
