package link_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"umbra/core/link"
	"umbra/core/link/linktest"
	"umbra/core/link/spec"
	"umbra/kafkaproto"
)

// TestOptionsAtTheSource: what the source hears is what the options say.
func TestOptionsAtTheSource(t *testing.T) {
	var mu sync.Mutex
	names, fetches := map[string]bool{}, []kafkaproto.FetchRequest{}
	s := newStory(t, linktest.Config{Heard: func(h kafkaproto.RequestHeader, req kafkaproto.Message) {
		mu.Lock()
		defer mu.Unlock()
		names[*h.ClientID] = true
		if f, ok := req.(*kafkaproto.FetchRequest); ok {
			fetches = append(fetches, *f)
		}
	}}, nodeSetup{})
	s.src.CreateTopic("orders", 1)
	s.fill("orders", 1, 5)
	s.link("orders", func(d *spec.Definition) {
		var err error
		d.Options, err = spec.ParseOptions(map[string]string{"client_id": "dr-site", "fetch_max_bytes": "1MiB", "partition_max_bytes": "64KiB",
			"fetch_min_bytes": "2B", "fetch_max_wait": "70ms", "metadata_refresh": "100ms"})
		if err != nil {
			t.Fatal(err)
		}
	})
	s.same("orders", 1)
	// At the default of 5 s this would take longer than the test waits.
	s.eventually("the source is asked for its metadata often", func() bool { return s.src.Requests(kafkaproto.KeyMetadata) > 15 })
	mu.Lock()
	defer mu.Unlock()
	if len(names) != 1 || !names["dr-site"] {
		t.Errorf("client ids %v", names)
	}
	if len(fetches) == 0 {
		t.Error("no fetch was heard")
	}
	for _, f := range fetches {
		if f.MaxBytes != 1<<20 || f.MinBytes != 2 || f.MaxWaitMillis != 70 {
			t.Fatalf("max bytes %d, min bytes %d, wait %d ms", f.MaxBytes, f.MinBytes, f.MaxWaitMillis)
		}
		for _, topic := range f.Topics {
			for _, p := range topic.Partitions {
				if p.PartitionMaxBytes != 64<<10 {
					t.Fatalf("partition max bytes %d", p.PartitionMaxBytes)
				}
			}
		}
	}
}

// TestPlanRefusesAnotherCluster: a link that is told its source's cluster id is
// not planned for another one.
func TestPlanRefusesAnotherCluster(t *testing.T) {
	s := newStory(t, linktest.Config{ClusterID: "prod"}, nodeSetup{})
	plan := func(id string) (*link.Plan, error) {
		return s.n.manager.Plan(t.Context(), spec.Definition{Name: "dr", Bootstrap: s.src.Addrs(), Filter: spec.Filter{Include: []spec.Pattern{{Kind: spec.Glob, Text: "*"}}},
			Options: spec.Options{SourceClusterID: id}})
	}
	for _, id := range []string{"", "prod"} {
		if _, err := plan(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := plan("test"); err == nil || !strings.Contains(err.Error(), `cluster id "prod", this link copies "test"`) {
		t.Errorf("planned for another cluster: %v", err)
	}
}

// TestWhoCreatesALinkFindsIt: and who deletes one does not.
func TestWhoCreatesALinkFindsIt(t *testing.T) {
	s := newStory(t, linktest.Config{}, nodeSetup{})
	for range 50 {
		d := spec.Definition{Name: "dr", Bootstrap: s.src.Addrs(), Filter: spec.Filter{Include: []spec.Pattern{{Kind: spec.Literal, Text: "orders"}}}, Options: quick()}
		if _, err := s.n.store.CreateLink(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if _, err := s.n.manager.Link("dr"); err != nil || len(s.n.manager.Links()) != 1 {
			t.Fatalf("after its creation: %v, %d links", err, len(s.n.manager.Links()))
		}
		if err := s.n.manager.Delete(t.Context(), "dr", false); err != nil {
			t.Fatal(err)
		}
		if _, err := s.n.manager.Link("dr"); !errors.Is(err, link.ErrNotFound) || len(s.n.manager.Links()) != 0 {
			t.Fatalf("after its deletion: %v, %d links", err, len(s.n.manager.Links()))
		}
	}
}
