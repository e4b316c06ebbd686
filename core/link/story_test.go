package link_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"umbra/core/link"
	"umbra/core/link/linktest"
	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/core/placement"
	"umbra/kafkaproto/batch"
	"umbra/shard"
	"umbra/shard/segment"
)

// story is a scripted source, a node that shadows it, and what both hold.
type story struct {
	t     testing.TB
	src   *linktest.Cluster
	setup nodeSetup
	n     *node
}

// nodeSetup is a node that can be started again on its directory.
type nodeSetup struct {
	dir        string
	engine     string
	arena      int64
	records    int           // link.Config.RecordsMax
	refused    time.Duration // link.Config.RefusedWait
	checkpoint func(spec.FailoverStep, bool) error
}

func (s nodeSetup) start(t testing.TB) *node {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := metadata.Open(context.Background(), metadata.Options{Dir: s.dir + "/meta", BrokerID: 1, Shards: 2, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	engine, arena, records := s.engine, s.arena, s.records
	if engine == "" {
		engine = "auto"
	}
	if arena == 0 {
		arena = 256 << 20
	}
	if records == 0 {
		records = 64 << 20
	}
	group, err := shard.Start(shard.Config{Shards: 2, Listen: "127.0.0.1:0", Engine: engine, Log: log, ArenaBytes: arena}, func(*shard.Conn) shard.Protocol { return nil })
	if err != nil {
		t.Fatal(err)
	}
	n := &node{store: store, group: group, keeper: placement.Start(store, group, placement.Config{Dir: s.dir + "/data", Log: log})}
	n.manager = link.Start(link.Config{Store: store, Group: group, Keeper: n.keeper, DataDir: s.dir, Version: "test", Log: log, Now: time.Now,
		Dial: source.PlainDialer, RecordsMax: records, RefusedWait: cmp.Or(s.refused, 200*time.Millisecond), Checkpoint: s.checkpoint})
	return n
}

// quick are options under which a story takes no longer than it must.
func quick() spec.Options {
	return spec.Options{MetadataRefresh: 200 * time.Millisecond, FetchMaxWait: 50 * time.Millisecond, ConnectTimeout: 2 * time.Second,
		RequestTimeout: 2 * time.Second, BackoffMin: 10 * time.Millisecond, BackoffMax: 200 * time.Millisecond}
}

func newStory(t testing.TB, cfg linktest.Config, setup nodeSetup) *story {
	t.Helper()
	src, err := linktest.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if setup.dir == "" {
		setup.dir = t.TempDir()
	}
	s := &story{t: t, src: src, setup: setup, n: setup.start(t)}
	t.Cleanup(func() {
		s.n.stop(t)
		src.Close()
	})
	return s
}

// link makes the link dr; change may alter its definition.
func (s *story) link(topics string, change ...func(*spec.Definition)) *link.Link {
	s.t.Helper()
	include, err := spec.ParsePatterns(topics)
	if err != nil {
		s.t.Fatal(err)
	}
	d := spec.Definition{Name: "dr", Bootstrap: s.src.Addrs(), Filter: spec.Filter{Include: include}, Options: quick()}
	for _, c := range change {
		c(&d)
	}
	if _, err := s.n.store.CreateLink(context.Background(), d); err != nil {
		s.t.Fatal(err)
	}
	return s.dr()
}

// dr is the running link.
func (s *story) dr() (l *link.Link) {
	s.t.Helper()
	s.eventually("the link runs", func() bool {
		var err error
		l, err = s.n.manager.Link("dr")
		return err == nil
	})
	return l
}

// restart stops the node and starts it on its directory.
func (s *story) restart() {
	s.t.Helper()
	s.n.stop(s.t)
	s.n = s.setup.start(s.t)
}

func (s *story) eventually(what string, is func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(40 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("it never came true that %s\n%s", what, s.picture())
		}
	}
}

// picture is what a person would want to see when a story goes wrong.
func (s *story) picture() string {
	var b strings.Builder
	for _, l := range s.n.manager.Links() {
		st, err := l.Status(context.Background())
		if err != nil {
			fmt.Fprintln(&b, err)
			continue
		}
		fmt.Fprintf(&b, "link %s: reachable %v, failure %v, reason %v\n", st.Link.Name, st.Reachable, st.Failure, st.Link.Reason)
		for _, t := range st.Topics {
			fmt.Fprintf(&b, "  %s %s %s\n", t.Topic.Name, t.State, t.Reason)
			for i, p := range t.Partitions {
				fmt.Fprintf(&b, "    %d: %d..%d of %d..%d, following %v at %s, refused %d, %v\n", i, p.LogStart, p.LogEnd, p.SourceStart, p.SourceHighWatermark, p.Following, p.Broker.Addr, p.Refused, p.Err)
			}
		}
	}
	return b.String()
}

func (s *story) topic(name string) *metadata.Topic { return s.n.store.Snapshot().Topics[name] }

// state is a topic's state and reason, zero when it is not here.
func (s *story) state(name string) (spec.TopicState, spec.Code) {
	if t := s.topic(name); t != nil && t.Shadow != nil {
		return t.Shadow.State, t.Shadow.Reason.Code
	}
	return 0, ""
}

func (s *story) part(topic string, index int) shard.Published {
	t := s.topic(topic)
	if t == nil {
		return shard.Published{LogEnd: -1, LogStart: -1, HighWatermark: -1}
	}
	p, ok := s.n.group.Published(shard.PartitionID{Topic: t.ID, Index: int32(index)})
	if !ok {
		return shard.Published{LogEnd: -1, LogStart: -1, HighWatermark: -1}
	}
	return p
}

// same waits until a topic's partitions begin and end where the source's do,
// and compares every byte.
func (s *story) same(topic string, partitions int) {
	s.t.Helper()
	for i := range partitions {
		s.eventually(fmt.Sprintf("%s/%d is as at the source", topic, i), func() bool {
			v, p := s.src.Partition(topic, i), s.part(topic, i)
			return p.LogEnd == v.High && p.HighWatermark == v.High && p.LogStart == v.Start
		})
	}
	s.prefix(topic, partitions)
}

// prefix checks S1 and S2: every byte of the copy is the source's at the same
// place, and the copy has no hole that the source does not have.
func (s *story) prefix(topic string, partitions int) {
	s.t.Helper()
	for i := range partitions {
		copied := s.read(topic, i)
		v := s.src.Partition(topic, i)                   // after the copy: it may only have grown
		start := max(s.part(topic, i).LogStart, v.Start) // what the source dropped cannot be compared
		if err := prefixOf(copied, start, v.Batches); err != nil {
			s.t.Fatalf("%s/%d is no exact prefix of its source: %v", topic, i, err)
		}
	}
}

// prefixOf compares a copy that begins at an offset with a source's batches.
func prefixOf(copied []batch.View, start int64, source []batch.View) error {
	for len(source) > 0 && source[0].LastOffset() < start {
		source = source[1:]
	}
	for len(copied) > 0 && copied[0].LastOffset() < start {
		copied = copied[1:]
	}
	for i, c := range copied {
		if i >= len(source) {
			return fmt.Errorf("batch %d..%d is not at the source", c.BaseOffset(), c.LastOffset())
		}
		if !bytes.Equal(c, source[i]) {
			return fmt.Errorf("batch %d..%d epoch %d differs from the source's %d..%d epoch %d",
				c.BaseOffset(), c.LastOffset(), c.LeaderEpoch(), source[i].BaseOffset(), source[i].LastOffset(), source[i].LeaderEpoch())
		}
	}
	return nil
}

// read copies everything readable out of a local log.
func (s *story) read(topic string, index int) (out []batch.View) {
	s.t.Helper()
	t := s.topic(topic)
	id := shard.PartitionID{Topic: t.ID, Index: int32(index)}
	sh := s.n.group.Shard(t.Partitions[index].Shard)
	type answer struct {
		b   []byte
		err error
	}
	for at := int64(-1); ; {
		done := make(chan answer, 1)
		if err := sh.Call(context.Background(), func() {
			p := sh.Partition(id)
			if p == nil {
				done <- answer{err: errors.New("not open")}
				return
			}
			at = max(at, p.Log.StartOffset())
			p.Log.Read(segment.ReadRequest{Offset: at, UpTo: p.HighWatermark(), MaxBytes: 1 << 20, MinOneBatch: true}, func(res segment.ReadResult) {
				a := answer{err: res.Err}
				for _, sp := range res.Spans {
					a.b = append(a.b, sp.Bytes...)
					sp.Release()
				}
				done <- a
			})
		}); err != nil {
			s.t.Fatal(err)
		}
		a := <-done
		if a.err != nil {
			s.t.Fatalf("read %s/%d at %d: %v", topic, index, at, a.err)
		}
		if len(a.b) == 0 {
			return out
		}
		for rest := a.b; len(rest) > 0; {
			v, more, err := batch.Next(rest)
			if err != nil {
				s.t.Fatal(err)
			}
			out, rest, at = append(out, v), more, v.LastOffset()+1
		}
	}
}

// fill appends n batches to each partition.
func (s *story) fill(topic string, partitions, n int) {
	for i := range partitions {
		s.src.AppendMany(topic, i, n, linktest.Batch{Records: 3, Size: 200})
	}
}

func (s *story) status() *link.Status {
	s.t.Helper()
	st, err := s.dr().Status(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

func (s *story) gaps(topic string) []spec.GapRecord {
	s.t.Helper()
	g, err := s.n.store.Gaps(context.Background(), s.topic(topic).ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return g
}

func (s *story) cuts(topic string) []spec.CutRecord {
	s.t.Helper()
	c, err := s.n.store.Cuts(context.Background(), s.topic(topic).ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// pauseBriefly lets others run; nothing is concluded from it.
func pauseBriefly() { time.Sleep(time.Millisecond) }
