package broker_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard"
	"umbra/shard/segment"
)

// adminNode is a node with what the tests of topics and configs do often.
type adminNode struct {
	*node
	t   testing.TB
	dir string
}

// nodeID is the broker id of every node here.
const nodeID = 1

func startAdmin(t testing.TB, properties map[string]string) *adminNode {
	t.Helper()
	return startAdminRig(t, rig{properties: properties})
}

func startAdminRig(t testing.TB, r rig) *adminNode {
	t.Helper()
	r.dir = t.TempDir()
	return &adminNode{t: t, dir: r.dir, node: start(t, r)}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// make creates a local topic and waits until it is open.
func (n *adminNode) make(name string, partitions int, configs ...string) *metadata.Topic {
	n.t.Helper()
	set := map[string]string{}
	for i := 0; i < len(configs); i += 2 {
		set[configs[i]] = configs[i+1]
	}
	return n.topic(n.t, name, partitions, set)
}

// link creates a link that takes the pattern.
func (n *adminNode) link(name, pattern string) {
	n.t.Helper()
	include, err := spec.ParsePatterns(pattern)
	check(n.t, err)
	_, err = n.store.CreateLink(n.t.Context(), spec.Definition{Name: name, Bootstrap: []string{"source.invalid:9092"}, Filter: spec.Filter{Include: include}})
	check(n.t, err)
}

// shadow creates a shadow topic of a link and waits until it is open.
func (n *adminNode) shadow(link, name string, partitions int) *metadata.Topic {
	n.t.Helper()
	t, err := n.store.CreateShadowTopic(n.t.Context(), metadata.NewShadow{Name: name, Link: link, Partitions: partitions, SourceID: kafkaproto.NewTopicID()})
	check(n.t, err)
	check(n.t, n.keeper.Wait(n.t.Context(), t.ID, partitions))
	return t
}

// moveShadow takes a shadow topic through the events, with a new term for each.
func (n *adminNode) moveShadow(t *metadata.Topic, events ...spec.Event) *metadata.Topic {
	n.t.Helper()
	for _, e := range events {
		var err error
		t, err = n.store.UpdateShadow(n.t.Context(), t.ID, n.store.Snapshot().ByID(t.ID).Term(), func(t *metadata.Topic) error {
			next, err := spec.Next(t.Shadow.State, e)
			t.Shadow.State, t.Shadow.Term = next, t.Shadow.Term+1
			if e == spec.EventFault {
				t.Shadow.Reason = spec.Reason{Code: spec.SourceDiverged}
			}
			return err
		})
		check(n.t, err)
	}
	return t
}

// on runs f on the loop that owns the partition.
func (n *adminNode) on(t *metadata.Topic, index int32, f func(*shard.Partition)) {
	n.t.Helper()
	check(n.t, n.group.Do(n.t.Context(), shard.PartitionID{Topic: t.ID, Index: index}, f))
}

// fill appends records, one batch each, as the owner of the topic's term would,
// and waits until they are written.
func (n *adminNode) fill(t *metadata.Topic, index int32, records int) {
	n.t.Helper()
	n.on(t, index, func(p *shard.Partition) {
		for range records {
			if _, err := p.Log.Append(oneRecord(n.t, "v"), segment.AppendOptions{Term: p.Log.Term(), LeaderEpoch: p.LeaderEpoch(), Now: time.Now()}); err != nil {
				n.t.Error(err)
			}
		}
	})
	eventually(n.t, "the records are written", func() bool { return n.published(t, index).HighWatermark >= int64(records) })
}

func oneRecord(t testing.TB, value string) batch.View {
	var b batch.Builder
	b.Add(batch.Record{Timestamp: time.Now().UnixMilli(), Value: []byte(value)})
	raw, err := b.Build(nil)
	check(t, err)
	return raw
}

func (n *adminNode) published(t *metadata.Topic, index int32) shard.Published {
	n.t.Helper()
	p, ok := n.group.Published(shard.PartitionID{Topic: t.ID, Index: index})
	if !ok {
		n.t.Fatalf("topic %q partition %d is not open", t.Name, index)
	}
	return p
}

// termOf is the term that the partition's log accepts.
func (n *adminNode) termOf(t *metadata.Topic, index int32) (term int64) {
	n.t.Helper()
	n.on(t, index, func(p *shard.Partition) { term = p.Log.Term() })
	return term
}

// wire is a client that speaks our own codecs and nothing else.
type wire struct {
	t    testing.TB
	conn net.Conn
	corr int32
}

func (n *adminNode) dial() *wire {
	n.t.Helper()
	c, err := net.Dial("tcp", n.addr)
	check(n.t, err)
	n.t.Cleanup(func() { c.Close() })
	return &wire{t: n.t, conn: c}
}

// send writes one request.
func (w *wire) send(key, version int16, req kafkaproto.Message) {
	w.t.Helper()
	w.corr++
	out := kafkaproto.NewWriter(nil, false)
	start := out.BeginFrame()
	id := "test"
	h := kafkaproto.RequestHeader{Key: key, Version: version, CorrelationID: w.corr, ClientID: &id}
	h.Encode(&out)
	req.Encode(&out, version)
	out.EndFrame(start, 0)
	_, err := w.conn.Write(out.Bytes())
	check(w.t, err)
}

// ask sends a request and decodes the whole answer.
func ask[R any, M interface {
	*R
	kafkaproto.Message
}](w *wire, key, version int16, req kafkaproto.Message) M {
	w.t.Helper()
	w.send(key, version, req)
	return receive[R, M](w, key, version)
}

// receive decodes the answer to the request sent last.
func receive[R any, M interface {
	*R
	kafkaproto.Message
}](w *wire, key, version int16) M {
	w.t.Helper()
	check(w.t, w.conn.SetReadDeadline(time.Now().Add(time.Minute)))
	var size [4]byte
	_, err := io.ReadFull(w.conn, size[:])
	check(w.t, err)
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err = io.ReadFull(w.conn, frame)
	check(w.t, err)
	r := kafkaproto.NewReader(frame, false)
	if corr := kafkaproto.DecodeResponseHeader(&r, key, version); corr != w.corr {
		w.t.Fatalf("correlation id %d, want %d", corr, w.corr)
	}
	resp := M(new(R))
	resp.Decode(&r, version)
	if err := r.Err(); err != nil || r.Left() != 0 {
		w.t.Fatalf("answer to API %d v%d: %v, %d bytes left over", key, version, err, r.Left())
	}
	return resp
}

// wantCode compares a code of a response with what it should be.
func wantCode(t testing.TB, what string, got int16, want kafkaproto.ErrorCode) {
	t.Helper()
	if kafkaproto.ErrorCode(got) != want {
		t.Errorf("%s: %v, want %v", what, kafkaproto.ErrorCode(got), want)
	}
}

func text(s *string) string {
	if s == nil {
		return "<null>"
	}
	return *s
}

func ptr[T any](v T) *T { return &v }
