package metadata

import (
	"errors"
	"strings"
	"testing"

	"umbra/core/link/spec"
	"umbra/kafkaproto"
)

func shadowOf(state spec.TopicState, partitions int, stopped ...int32) *Topic {
	t := &Topic{Name: "a", ID: kafkaproto.TopicID{1}, Partitions: make([]Partition, partitions), Shadow: &Shadow{Link: "dr", LinkID: "i", State: state, Term: 3}}
	for _, p := range stopped {
		t.Shadow.Faults = t.Shadow.Faults.With(spec.PartitionFault{Partition: p, Reason: spec.Reason{Code: spec.CorruptSource, Detail: "crc"}})
	}
	return t
}

func corrupt(partitions ...int32) (fs spec.Faults) {
	for _, p := range partitions {
		fs = fs.With(spec.PartitionFault{Partition: p, Reason: spec.Reason{Code: spec.CorruptSource, Detail: "crc"}})
	}
	return fs
}

// TestCopies is the whole rule of what is copied.
func TestCopies(t *testing.T) {
	f := func(topic *Topic, want string, stopped int) {
		t.Helper()
		got := ""
		for i := range topic.Partitions {
			c := "-"
			if topic.Shadow.Copies(int32(i)) {
				c = "+"
			}
			got += c
		}
		if got != want || topic.Stopped() != stopped || topic.Shadow.Copying() != (strings.Contains(want, "+") || stopped == len(topic.Partitions) && len(topic.Shadow.Faults) > 0) {
			t.Errorf("%s %v: copies %s, %d stopped, copying %v; want %s, %d", topic.Shadow.State, topic.Shadow.Faults, got, topic.Stopped(), topic.Shadow.Copying(), want, stopped)
		}
	}
	f(shadowOf(spec.Active, 3), "+++", 0)
	f(shadowOf(spec.Paused, 3), "---", 0)
	f(shadowOf(spec.Paused, 3, 1), "---", 0)
	f(shadowOf(spec.Faulted, 3), "---", 3)
	f(shadowOf(spec.Faulted, 3, 1), "+-+", 1)
	f(shadowOf(spec.Faulted, 3, 0, 1, 2), "---", 3) // one the source adds is copied
	f(shadowOf(spec.FailingOver, 3, 1), "---", 0)
	f(shadowOf(spec.FailedOver, 3), "---", 0)
	local := &Topic{Name: "l", Partitions: make([]Partition, 2)}
	if local.Stopped() != 0 {
		t.Error("a local topic has stopped partitions")
	}
}

func TestFaultsAndTerms(t *testing.T) {
	topic := shadowOf(spec.Active, 4)
	check := func(act string, err error, state spec.TopicState, term int64, faults int, detail string) {
		t.Helper()
		s := topic.Shadow
		if err != nil || s.State != state || s.Term != term || len(s.Faults) != faults || s.Reason.Detail != detail {
			t.Fatalf("%s: %v; %+v, want %s, term %d, %d faults, %q", act, err, s, state, term, faults, detail)
		}
	}
	check("one stops", topic.StopPartitions(corrupt(2)), spec.Faulted, 3, 1, "1 of 4 partitions stopped: partition 2: crc")
	check("the same again", topic.StopPartitions(corrupt(2)), spec.Faulted, 3, 1, "1 of 4 partitions stopped: partition 2: crc")
	check("another", topic.StopPartitions(corrupt(0)), spec.Faulted, 3, 2, "2 of 4 partitions stopped: partition 0: crc; partition 2: crc")
	if s, r := topic.Shadow.StateOf(1); s != spec.Active || !r.IsZero() {
		t.Errorf("partition 1 is %s for %+v", s, r)
	}
	if s, r := topic.Shadow.StateOf(2); s != spec.Faulted || r.Detail != "crc" {
		t.Errorf("partition 2 is %s for %+v", s, r)
	}
	all := spec.Reason{Code: spec.SourceRecreated, Detail: "id"}
	check("the topic", topic.Shadow.Stop(all), spec.Faulted, 4, 0, "id")
	check("the topic again", topic.Shadow.Stop(spec.Reason{Code: spec.SourceShrunk, Detail: "2"}), spec.Faulted, 4, 0, "2")
	if s, r := topic.Shadow.StateOf(1); s != spec.Faulted || r.Detail != "2" {
		t.Errorf("partition 1 is %s for %+v", s, r)
	}
	if err := topic.StopPartitions(corrupt(1)); !errors.Is(err, spec.ErrTransition) {
		t.Errorf("a partition of a stopped topic: %v", err)
	}
	check("resume", topic.Shadow.Resume(), spec.Active, 5, 0, "")
	check("one stops", topic.StopPartitions(corrupt(3)), spec.Faulted, 5, 1, "1 of 4 partitions stopped: partition 3: crc")
	check("resume", topic.Shadow.Resume(), spec.Active, 6, 0, "")
	topic.Shadow.State = spec.FailingOver
	for _, err := range []error{topic.StopPartitions(corrupt(1)), topic.Shadow.Stop(all), topic.Shadow.Resume()} {
		if !errors.Is(err, spec.ErrTransition) || topic.Shadow.Term != 6 || topic.Shadow.Faults != nil {
			t.Errorf("in the middle of a failover: %v, %+v", err, topic.Shadow)
		}
	}
}

// More partitions than the list may hold stop the topic.
func TestManyFaultsStopTheTopic(t *testing.T) {
	topic := shadowOf(spec.Active, 2*spec.FaultsMax)
	for i := range int32(spec.FaultsMax) {
		if err := topic.StopPartitions(corrupt(i)); err != nil || topic.Term() != 3 || !topic.Shadow.Copies(i+1) {
			t.Fatalf("%d stopped: %v, %+v", i+1, err, topic.Shadow)
		}
	}
	err := topic.StopPartitions(corrupt(spec.FaultsMax))
	if err != nil || topic.Term() != 4 || topic.Shadow.Copying() || !strings.HasPrefix(topic.Shadow.Reason.Detail, "257 of 512 partitions stopped") {
		t.Errorf("%v, %+v", err, topic.Shadow)
	}
}

// A topic that was stored before there were faults of single partitions is
// stopped as a whole when it is FAULTED, and nothing is written for it.
func TestOldStoredShadowLoads(t *testing.T) {
	old := `{"v":1,"name":"a","id":"AQAAAAAAAAAAAAAAAAAAAA","created":"2026-01-02T03:04:05Z","partitions":[{"shard":0,"epoch":1},{"shard":1,"epoch":1}],` +
		`"shadow":{"link":"dr","link_id":"i","state":"FAULTED","reason":{"code":"CORRUPT_SOURCE","detail":"partition 1: crc","since":"2026-01-02T03:04:05Z"},"term":2,"start":{"kind":"earliest"}}}`
	topic, err := decode[Topic]("k", []byte(old))
	if err != nil || topic.validate() != nil {
		t.Fatal(err, topic.validate())
	}
	if topic.Shadow.Copying() || topic.Stopped() != 2 {
		t.Errorf("%+v goes on", topic.Shadow)
	}
	if strings.Contains(encode(&topic), "faults") {
		t.Errorf("%s", encode(&topic))
	}
	if err := topic.Shadow.Resume(); err != nil || !topic.Shadow.Copies(1) {
		t.Errorf("resumed: %v, %+v", err, topic.Shadow)
	}
}

func TestFaultsRoundTripAndAreChecked(t *testing.T) {
	in := shadowOf(spec.Faulted, 4, 1, 3)
	in.Shadow.Start = spec.Start{Kind: spec.StartEarliest}
	text := encode(in)
	out, err := decode[Topic]("k", []byte(text))
	if err != nil || out.validate() != nil || encode(&out) != text || out.Shadow.Copies(3) || !out.Shadow.Copies(2) {
		t.Fatalf("%v\n%s\n%s", err, text, encode(&out))
	}
	c := in.clone()
	c.Shadow.Faults[0].Detail = "changed"
	if encode(in) != text {
		t.Error("the clone shares memory with the original")
	}
	out.Shadow.Faults[1].Partition = 4
	if out.validate() == nil {
		t.Error("a fault of a partition that is not there is accepted")
	}
}

// What is stored is checked, and a topic with stopped partitions grows.
func TestStoredFaults(t *testing.T) {
	ctx, s := deadline(t), open(t, Options{})
	must(s.CreateLink(ctx, definition("dr", "a")))(t)
	topic := must(s.CreateShadowTopic(ctx, NewShadow{Name: "a", Link: "dr", Partitions: 2, SourceID: kafkaproto.NewTopicID()}))(t)
	update := func(apply func(*Topic) error) error {
		_, err := s.UpdateShadow(ctx, topic.ID, 1, apply)
		return err
	}
	if err := update(func(t *Topic) error { return t.StopPartitions(corrupt(1)) }); err != nil {
		t.Fatal(err)
	}
	if err := s.GrowShadow(ctx, topic.ID, 1, 3); err != nil {
		t.Fatal(err)
	}
	got := s.Snapshot().ByID(topic.ID)
	if len(got.Partitions) != 3 || !got.Shadow.Copies(0) || got.Shadow.Copies(1) || !got.Shadow.Copies(2) {
		t.Errorf("%d partitions, %+v", len(got.Partitions), got.Shadow)
	}
	for name, apply := range map[string]func(*Topic) error{
		"an ACTIVE topic with a stopped partition": func(t *Topic) error { t.Shadow.State = spec.Active; return nil },
		"a partition that is not there":            func(t *Topic) error { t.Shadow.Faults = corrupt(7); return nil },
	} {
		if err := update(apply); err == nil {
			t.Errorf("%s is stored", name)
		}
	}
	if err := update(func(t *Topic) error { return t.Shadow.Stop(spec.Reason{Code: spec.SourceShrunk}) }); err != nil {
		t.Fatal(err)
	}
	wantErr(t, s.GrowShadow(ctx, topic.ID, 2, 4), spec.ErrTransition)
}
