package main

import (
	"fmt"
	"strings"
	"testing"

	"umbra/admin/api"
	"umbra/admin/client"
	"umbra/core/link/linktest"
	"umbra/core/metadata"
	"umbra/shard"
)

// What goes wrong at a source is told once: as an event with its place, and as
// a figure that an alert can watch.
func TestBadSourceIsTold(t *testing.T) {
	src, err := linktest.Start(linktest.Config{Brokers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	s := &story{t: t, d: serving(t, &logBook{}), unseen: newCatalogue()}
	if s.admin, err = client.New(s.d.cfg.AdminSocket()); err != nil {
		t.Fatal(err)
	}
	defer s.admin.Close()
	for _, topic := range []string{"gaps", "cuts", "again"} {
		src.CreateTopic(topic, 1)
		src.AppendMany(topic, 0, 10, linktest.Batch{Records: 3})
	}
	def := api.LinkDefinition{Name: "dr", Bootstrap: src.Addrs(), Topics: []string{"*"}}
	if _, err := s.admin.CreateLink(t.Context(), api.CreateLink{LinkDefinition: def}); err != nil {
		t.Fatal(err)
	}
	s.holds("gaps", 30)
	s.holds("cuts", 30)
	s.holds("again", 30)

	// The source drops what a paused link has not copied yet.
	if _, err := s.admin.PauseLink(t.Context(), "dr"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nothing is copied", func() bool { return s.following() == 0 })
	src.AppendMany("gaps", 0, 10, linktest.Batch{Records: 3})
	src.Trim("gaps", 0, 42)
	if _, err := s.admin.ResumeLink(t.Context(), "dr"); err != nil {
		t.Fatal(err)
	}
	s.await("the gap is counted", func(m scraped) bool { return m.value(`umbra_link_gap_records_total{link="dr"}`) == 12 })
	s.holds("gaps", 60)

	// An unclean election replaces what was copied.
	src.Unclean("cuts", 0, 21, 2)
	src.AppendMany("cuts", 0, 8, linktest.Batch{Records: 2})
	s.await("the cut is counted", func(m scraped) bool { return m.value(`umbra_link_cut_records_total{link="dr"}`) == 9 })

	src.DeleteTopic("again")
	src.CreateTopic("again", 1)
	s.await("the new topic is not mixed in", func(m scraped) bool {
		return m.value(`umbra_link_topic_faulted{link="dr",topic="again",reason="SOURCE_RECREATED"}`) == 1
	})

	f := func(kind, topic string, partition bool, words string) {
		t.Helper()
		eventually(t, fmt.Sprintf("one %s of %q says %q", kind, topic, words), func() bool { return s.told(kind, topic, partition, words) })
	}
	f("link_created", "", false, "link created")
	f("topic_created", "gaps", false, "shadow topic created")
	f("link_paused", "", false, "link paused")
	f("link_resumed", "", false, "link resumed")
	f("gap", "gaps", true, "from=30 to=42")
	f("cut", "cuts", true, "from=21 to=30")
	f("topic_faulted", "again", false, "SOURCE_RECREATED")
}

// holds waits until the copy of a topic's only partition ends at an offset.
func (s *story) holds(topic string, end int64) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%s is copied up to %d", topic, end), func() bool {
		top := s.d.store.Snapshot().Topics[topic]
		if top == nil {
			return false
		}
		p, ok := s.d.group.Published(shard.PartitionID{Topic: top.ID})
		return ok && p.HighWatermark == end
	})
}

// following is how many partitions the link is fetching now.
func (s *story) following() (n int) {
	s.t.Helper()
	l, err := s.d.manager.Link("dr")
	if err != nil {
		s.t.Fatal(err)
	}
	st, err := l.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, topic := range st.Topics {
		for _, p := range topic.Partitions {
			if p.Following {
				n++
			}
		}
	}
	return n
}

// told reports whether there is exactly one such event.
func (s *story) told(kind, topic string, partition bool, words string) bool {
	s.t.Helper()
	list, err := s.admin.Events(s.t.Context(), "dr", 0, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, e := range list.Events {
		if e.Type != kind || e.Topic != topic {
			continue
		}
		n++
		if !strings.Contains(e.Message, words) || (e.Partition != nil) != partition || e.Link != "dr" || e.At.IsZero() {
			s.t.Fatalf("%+v does not say %q", e, words)
		}
	}
	return n == 1
}

func TestTopicOfAPartition(t *testing.T) {
	snap := &metadata.Snapshot{}
	id := shard.PartitionID{Topic: [16]byte{1}}
	if topic, link := topicOf(snap, id); topic != id.Topic.String() || link != "" {
		t.Errorf("a topic that is gone: %q of %q", topic, link)
	}
}
