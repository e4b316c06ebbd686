package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/shard"
)

// What is set must act. One daemon with the defaults of these tests and one
// where everything differs answer the same questions; each setting's answer
// must be the one that belongs to its value. TestEverySettingIsShown keeps the
// list complete.

// changedSettings is the other daemon's configuration, without
// connections.max.idle.ms: the least that it allows ends the connections of any
// question on a machine that is busy for that long, see idles.
func changedSettings() []string {
	return []string{"kafka.listen=127.0.0.2:0", "kafka.advertise=dr.example.com:1234",
		"storage.engine=pwrite", "storage.depth=64", "storage.fsync=interval", "storage.flush_interval=1h", "storage.flush_bytes=256KiB",
		"memory.arena=32MiB", "shards.count=1", "shards.pin=on", "shards.mailbox=128", "metrics.per_partition=off", "log.level=debug", "log.format=json",
		"kafka.properties.broker.id=7", "kafka.properties.fetch.max.bytes=1024",
		"kafka.properties.max.connections=4", "kafka.properties.max.connections.per.ip=3",
		"kafka.properties.log.retention.check.interval.ms=20", "kafka.properties.producer.id.expiration.ms=1",
		"kafka.properties.log.segment.bytes=20000", "kafka.properties.log.retention.ms=-1"}
}

// subject is one of the two daemons.
type subject struct {
	t    *testing.T
	d    *daemon
	logs *logBook
}

// settingRow is one question to both daemons.
type settingRow struct {
	settings       string // names, for the test's name
	usual, changed string // the answers; "": it depends on the machine, or would take too long to see
	see            func(s *subject) string
}

func settingRows() []settingRow {
	return []settingRow{
		{"kafka.listen", "127.0.0.1", "127.0.0.2", func(s *subject) string { host, _, _ := net.SplitHostPort(s.d.listen()); return host }},
		{"kafka.advertise broker.id", "1, where it listens", "7 dr.example.com:1234", (*subject).advertised},
		{"storage.engine", "", "pwrite", func(s *subject) string { return s.d.group.Shard(0).Ring().Engine() }},
		{"storage.depth", "1024", "64", func(s *subject) string { return fmt.Sprint(s.d.group.Shard(0).Ring().Depth()) }},
		{"storage.fsync", "durable when acknowledged", "not durable when acknowledged", (*subject).acksAll},
		{"storage.flush_interval", "flushed", "", (*subject).flushed},
		{"storage.flush_bytes", "", "flushed", (*subject).flushedBySize},
		{"flush.ms", "", "flushed", (*subject).flushedByTopic},
		{"memory.arena", "64", "32", func(s *subject) string { return fmt.Sprint(s.d.group.Shard(0).Arena().Stats().Budget >> 20) }},
		{"shards.count", "2", "1", func(s *subject) string { return fmt.Sprint(s.d.group.Len()) }},
		{"shards.pin", "", "true", func(s *subject) string { pinned, _ := s.d.group.Pinned(); return fmt.Sprint(pinned) }},
		{"shards.mailbox", "8192", "128", func(s *subject) string { return fmt.Sprint(s.d.group.Shard(0).Snapshot().MailboxCap) }},
		{"metrics.per_partition", "series per partition", "none", (*subject).perPartition},
		{"log.level", "no debug lines", "debug lines", func(s *subject) string {
			if strings.Contains(s.logs.String(), "DEBUG") {
				return "debug lines"
			}
			return "no debug lines"
		}},
		{"log.format", "text", "json", func(s *subject) string {
			if strings.HasPrefix(s.logs.String(), "{") {
				return "json"
			}
			return "text"
		}},
		{"fetch.max.bytes", "3 batches", "1 batches", (*subject).fetches},
		{"producer.id.expiration.ms", "OUT_OF_ORDER_SEQUENCE_NUMBER", "NONE", (*subject).forgetsProducers},
		{"segment.bytes log.segment.bytes", "1 segments", "3 segments", (*subject).segments},
		{"segment.ms", "", "rolled", (*subject).rolls},
		{"log.retention.check.interval.ms retention.ms", "", "removed", func(s *subject) string { return s.removes("retention.ms=0") }},
		{"log.retention.check.interval.ms retention.bytes", "", "removed", func(s *subject) string { return s.removes("retention.bytes=0") }},
		{"log.retention.check.interval.ms retention.bytes", "", "removed", func(s *subject) string { return s.removes("retention.bytes=20000") }},
		{"connections.max.idle.ms", "", "closed", (*subject).idles},
		{"max.connections.per.ip", "10 connections", "3 connections", func(s *subject) string { return s.connects(10, "127.0.0.9") }},
		{"max.connections", "6 connections", "4 connections", func(s *subject) string { return s.connects(6, "127.0.0.10", "127.0.0.11") }},
	}
}

func TestSettingsAct(t *testing.T) {
	usual, changed := subject{t: t, logs: &logBook{}}, subject{t: t, logs: &logBook{}}
	usual.d, changed.d = serving(t, usual.logs), serving(t, changed.logs, changedSettings()...)
	for _, c := range settingRows() {
		t.Run(c.settings, func(t *testing.T) {
			for _, look := range []struct {
				s    *subject
				want string
			}{{&usual, c.usual}, {&changed, c.changed}} {
				if look.want == "" {
					continue
				}
				look.s.t = t
				if got := c.see(look.s); got != look.want {
					t.Errorf("got %q, want %q (daemon on %s)", got, look.want, look.s.d.listen())
				}
			}
		})
	}
}

func (s *subject) dial(from string) (net.Conn, error) {
	d := net.Dialer{Timeout: time.Minute, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return d.Dial("tcp", s.d.listen())
}

func exchange(c net.Conn, key, version int16, req, resp kafkaproto.Message) error {
	w := kafkaproto.NewWriter(nil, false)
	start := w.BeginFrame()
	h := kafkaproto.RequestHeader{Key: key, Version: version, CorrelationID: 5}
	h.Encode(&w)
	req.Encode(&w, version)
	w.EndFrame(start, 0)
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := c.Write(w.Bytes()); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return err
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c, frame); err != nil {
		return err
	}
	r := kafkaproto.NewReader(frame, false)
	kafkaproto.DecodeResponseHeader(&r, key, version)
	resp.Decode(&r, version)
	return r.Err()
}

// ask asks one request on a connection of its own, and only once: a produce that
// is repeated may be in the log twice.
func (s *subject) ask(key, version int16, req, resp kafkaproto.Message) {
	s.t.Helper()
	c := s.admitted("127.0.0.1")
	defer c.Close()
	if err := exchange(c, key, version, req, resp); err != nil {
		s.t.Fatalf("request %d: %v", key, err)
	}
}

// admitted dials from the given local address until a connection is let in, as its
// first answer shows: those of the questions before may still be counted for a
// moment.
func (s *subject) admitted(from string) (c net.Conn) {
	s.t.Helper()
	eventually(s.t, "the broker lets a connection in", func() bool {
		var err error
		if c, err = s.dial(from); err != nil {
			return false
		}
		var versions kafkaproto.ApiVersionsResponse
		if exchange(c, kafkaproto.KeyApiVersions, 0, &kafkaproto.ApiVersionsRequest{}, &versions) != nil {
			c.Close()
			return false
		}
		return true
	})
	return c
}

func (s *subject) advertised() string {
	var m kafkaproto.MetadataResponse
	s.ask(kafkaproto.KeyMetadata, 9, &kafkaproto.MetadataRequest{Topics: []kafkaproto.MetadataRequestTopic{}}, &m)
	b := m.Brokers[0]
	if at := net.JoinHostPort(b.Host, fmt.Sprint(b.Port)); at != s.d.listen() {
		return fmt.Sprintf("%d %s", b.NodeID, at)
	}
	return fmt.Sprintf("%d, where it listens", b.NodeID)
}

// topic makes a topic of one partition, with configs as NAME=VALUE.
func (s *subject) topic(name string, configs ...string) shard.PartitionID {
	s.t.Helper()
	n := metadata.NewTopic{Name: name, Partitions: 1, Configs: map[string]string{}}
	for _, c := range configs {
		key, value, _ := strings.Cut(c, "=")
		n.Configs[key] = value
	}
	t, err := s.d.store.CreateTopic(s.t.Context(), n)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.d.keeper.Wait(s.t.Context(), t.ID, 1); err != nil {
		s.t.Fatal(err)
	}
	return shard.PartitionID{Topic: t.ID}
}

// produce appends one batch of so many bytes of one record.
func (s *subject) produce(topic string, acks int16, p *batch.Producer, size int) kafkaproto.ErrorCode {
	s.t.Helper()
	b := batch.Builder{Producer: p}
	b.Add(batch.Record{Timestamp: time.Now().Add(-time.Minute).UnixMilli(), Value: make([]byte, size)})
	records, err := b.Build(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	var resp kafkaproto.ProduceResponse
	s.ask(kafkaproto.KeyProduce, 9, &kafkaproto.ProduceRequest{Acks: acks, TimeoutMillis: 30_000, Topics: []kafkaproto.ProduceRequestTopic{{Topic: topic,
		Partitions: []kafkaproto.ProduceRequestTopicPartition{{Records: records}}}}}, &resp)
	return kafkaproto.ErrorCode(resp.Topics[0].Partitions[0].ErrorCode)
}

func (s *subject) mustProduce(topic string, acks int16, size int) {
	s.t.Helper()
	if c := s.produce(topic, acks, nil, size); c != kafkaproto.None {
		s.t.Fatalf("produce to %s: %v", topic, c)
	}
}

// durable is the end of what is on stable storage, and of the log.
func (s *subject) durable(id shard.PartitionID) (durable, end int64) {
	s.t.Helper()
	err := s.d.group.Do(s.t.Context(), id, func(p *shard.Partition) { durable, end = p.Log.DurableOffset(), p.Log.EndOffset() })
	if err != nil {
		s.t.Fatal(err)
	}
	return durable, end
}

func (s *subject) acksAll() string {
	id := s.topic("acks")
	s.mustProduce("acks", -1, 100)
	if durable, end := s.durable(id); durable < end {
		return "not durable when acknowledged"
	}
	return "durable when acknowledged"
}

// awaitDurable: nothing but a flush on its own account makes it true.
func (s *subject) awaitDurable(id shard.PartitionID) string {
	s.t.Helper()
	eventually(s.t, "what was written is flushed", func() bool { durable, end := s.durable(id); return durable == end })
	return "flushed"
}

func (s *subject) flushed() string {
	id := s.topic("interval")
	s.mustProduce("interval", 1, 100)
	return s.awaitDurable(id)
}

func (s *subject) flushedBySize() string {
	id := s.topic("size", "segment.bytes=1048576")
	s.mustProduce("size", -1, 100) // written, says the answer
	if durable, _ := s.durable(id); durable != 0 {
		s.t.Error("100 bytes were flushed before their time")
	}
	s.mustProduce("size", 1, 400<<10)
	return s.awaitDurable(id)
}

func (s *subject) flushedByTopic() string {
	id := s.topic("flush", "flush.ms=1")
	s.mustProduce("flush", 1, 100)
	return s.awaitDurable(id)
}

func (s *subject) perPartition() string {
	s.topic("series")
	s.mustProduce("series", 1, 100)
	for series := range scrape(s.t, s.d.metrics()).series {
		if strings.HasPrefix(series, "umbra_partition_high_watermark{") {
			return "series per partition"
		}
	}
	return "none"
}

func (s *subject) fetches() string {
	s.topic("fetch")
	for range 3 {
		s.mustProduce("fetch", -1, 800)
	}
	req := kafkaproto.FetchRequest{MaxBytes: 1 << 20, SessionEpoch: -1, MaxWaitMillis: 10_000, MinBytes: 1, Topics: []kafkaproto.FetchRequestTopic{{Topic: "fetch",
		Partitions: []kafkaproto.FetchRequestTopicPartition{{PartitionMaxBytes: 1 << 20, CurrentLeaderEpoch: -1, LastFetchedEpoch: -1}}}}}
	var resp kafkaproto.FetchResponse
	s.ask(kafkaproto.KeyFetch, 11, &req, &resp)
	n := 0
	for rest := resp.Topics[0].Partitions[0].RecordBatches; len(rest) > 0; n++ {
		_, more, err := batch.Next(rest)
		if err != nil {
			s.t.Fatal(err)
		}
		rest = more
	}
	return fmt.Sprintf("%d batches", n)
}

// forgetsProducers sends a sequence with a hole: only a producer that nobody
// remembers may begin anywhere.
func (s *subject) forgetsProducers() string {
	s.topic("producers")
	if c := s.produce("producers", 1, &batch.Producer{ID: 900}, 100); c != kafkaproto.None {
		s.t.Fatal(c)
	}
	hole := func() string { return s.produce("producers", 1, &batch.Producer{ID: 900, Sequence: 50}, 100).Error() }
	if got := hole(); s.d.cfg.Kafka.Configs.BrokerSettings().ProducerIDExpiration > time.Hour {
		return got
	}
	eventually(s.t, "the producer is forgotten", func() bool { return hole() == "NONE" })
	return "NONE"
}

func (s *subject) segmentCount(id shard.PartitionID) (n int) {
	s.t.Helper()
	if err := s.d.group.Do(s.t.Context(), id, func(p *shard.Partition) { n = len(p.Log.Segments()) }); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *subject) segments() string {
	id := s.topic("segments")
	for range 3 {
		s.mustProduce("segments", -1, 15_000)
	}
	return fmt.Sprintf("%d segments", s.segmentCount(id))
}

func (s *subject) rolls() string {
	id := s.topic("rolls", "segment.ms=1")
	eventually(s.t, "a segment is rolled by age", func() bool { s.mustProduce("rolls", 1, 10); return s.segmentCount(id) > 1 })
	return "rolled"
}

// removes produces 45 KB to a topic with a retention that removes some of it.
func (s *subject) removes(retention string) string {
	name := "removes-" + strings.ReplaceAll(retention, "=", "-")
	id := s.topic(name, retention)
	for range 3 {
		s.mustProduce(name, -1, 15_000)
	}
	eventually(s.t, retention+" removes the oldest segment", func() bool { p, _ := s.d.group.Published(id); return p.LogStart >= 1 })
	return "removed"
}

// idles asks a daemon of its own: a connection that nobody uses must end, one of
// another question must not.
func (s *subject) idles() string {
	own := subject{t: s.t, d: serving(s.t, &logBook{}, "kafka.properties.connections.max.idle.ms=1000", "shards.count=1", "memory.arena=32MiB")}
	c, err := own.dial("127.0.0.1")
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		s.t.Fatalf("read %d bytes, %v; want a clean end", n, err)
	}
	return "closed"
}

// connects opens so many connections from local addresses in turn and says how
// many of them were taken.
func (s *subject) connects(n int, from ...string) string {
	eventually(s.t, "the connections of other questions are gone", func() bool { return s.d.group.Connections() == 0 })
	taken := 0
	for i := range n {
		c, err := s.dial(from[i%len(from)])
		if err != nil {
			s.t.Fatal(err)
		}
		defer c.Close()
		var m kafkaproto.MetadataResponse
		if exchange(c, kafkaproto.KeyMetadata, 9, &kafkaproto.MetadataRequest{Topics: []kafkaproto.MetadataRequestTopic{}}, &m) == nil {
			taken++
		}
	}
	return fmt.Sprintf("%d connections", taken)
}

// shownElsewhere are settings whose effect another package's test shows, with
// the same catalogue of properties that the daemon hands on.
func shownElsewhere() map[string]string {
	return map[string]string{
		"storage.dir":                               "cmd/umbra/settings_test.go:TestMetadataPrefixActs",
		"storage.workers":                           "cmd/umbra/settings_test.go:TestStorageWorkersAct",
		"metadata.endpoints":                        "core/metadata/store_test.go:TestLongDirectoryAndExternalEndpoint",
		"metadata.user":                             "core/metadata/store_test.go:TestExternalEtcdWithPassword",
		"metadata.password":                         "core/metadata/store_test.go:TestExternalEtcdWithPassword",
		"metadata.prefix":                           "cmd/umbra/settings_test.go:TestMetadataPrefixActs",
		"metadata.quota":                            "cmd/umbra/settings_test.go:TestMetadataQuotaActs",
		"admin.socket":                              "cmd/umbra/settings_test.go:TestMetadataPrefixActs",
		"ops.http":                                  "cmd/umbra/settings_test.go:TestMetadataPrefixActs",
		"metrics.per_partition_max":                 "core/observe/collect_test.go:TestPerPartitionSeries",
		"auto.create.topics.enable":                 "core/broker/admin_metadata_test.go:TestAutoCreation",
		"num.partitions":                            "core/broker/admin_create_test.go:TestCreateTopicsAnswers",
		"delete.topic.enable":                       "core/broker/admin_delete_test.go:TestDeleteTopicsSwitchedOff",
		"socket.request.max.bytes":                  "core/broker/conn_test.go:TestConnectionClosesOn",
		"max.incremental.fetch.session.cache.slots": "core/broker/session_test.go:TestFetchSessionsAreBounded",
		"compression.type":                          "core/broker/recompress_test.go:TestProduceCompressionType",
		"cleanup.policy":                            "core/broker/produce_test.go:TestProduceRefuses",
		"max.message.bytes":                         "core/broker/produce_test.go:TestProduceRefuses",
		"message.timestamp.type":                    "core/broker/produce_test.go:TestProduceLogAppendTime",
		"message.timestamp.before.max.ms":           "core/broker/produce_test.go:TestProduceRefuses",
		"message.timestamp.after.max.ms":            "core/broker/produce_test.go:TestProduceRefuses",
		"index.interval.bytes":                      "shard/segment/index_test.go:TestIndexFinds",
	}
}

// Every setting, broker property and topic config that claims to act is shown
// to act, here or in the test that is named; broker properties that are only
// the default of a topic config stand for it.
func TestEverySettingIsShown(t *testing.T) {
	shown := map[string]bool{}
	for _, row := range settingRows() {
		for _, name := range strings.Fields(row.settings) {
			shown[name] = true
		}
	}
	for name, where := range shownElsewhere() {
		file, test, _ := strings.Cut(where, ":")
		text, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil || !strings.Contains(string(text), "\nfunc "+test+"(") {
			t.Errorf("%s: there is no %s: %v", name, where, err)
		}
		shown[name] = true
	}
	c := settings(t)
	want := map[string]bool{}
	for _, e := range c.Entries() {
		want[e.Key] = true
	}
	defaults := map[string]bool{}
	for _, k := range c.Kafka.Configs.TopicKeys() {
		if k.Use == metadata.Acts {
			want[k.Name] = true
		}
		for _, name := range k.Synonyms {
			defaults[name] = true
		}
	}
	for _, k := range c.Kafka.Configs.BrokerKeys() {
		if k.Use == metadata.Acts && !defaults[k.Name] {
			want[k.Name] = true
		}
	}
	for name := range want {
		if !shown[name] {
			t.Errorf("no test shows that %s acts", name)
		}
	}
}

// storage.workers: so many goroutines write for a shard.
func TestStorageWorkersAct(t *testing.T) {
	workers := func() int {
		stacks := make([]byte, 8<<20)
		return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "umbra/ioring.(*pwriter).run(")
	}
	before := workers()
	serving(t, &logBook{}, "storage.engine=pwrite", "storage.workers=5", "shards.count=1")
	eventually(t, "the workers run", func() bool { return workers() == before+5 })
}

// metadata.quota: at the bound the store takes no more, and says which setting
// it is.
func TestMetadataQuotaActs(t *testing.T) {
	fill := func(quota string) (err error) {
		d := serving(t, &logBook{}, "metadata.quota="+quota)
		body := []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
		for i := 0; i < 20 && err == nil; i++ {
			err = d.store.SaveReceipt(t.Context(), metadata.Receipt{ID: fmt.Sprint(i), At: time.Unix(int64(i), 0), Body: body})
		}
		return err
	}
	if err := fill("16MiB"); !errors.Is(err, metadata.ErrNoSpace) || !strings.Contains(err.Error(), "metadata.quota") {
		t.Errorf("20 MiB in 16 MiB: %v", err)
	}
	if err := fill("64MiB"); err != nil {
		t.Errorf("20 MiB in 64 MiB: %v", err)
	}
}

// A property that is known and has no effect is named in the log.
func TestIdlePropertiesAreNamed(t *testing.T) {
	logs := &logBook{}
	serving(t, logs, "kafka.properties.transaction.max.timeout.ms=5000", "kafka.properties.num.partitions=3")
	const says = "a broker property is set and changes nothing"
	if got := logs.String(); strings.Count(got, says) != 1 || !strings.Contains(got, "property=transaction.max.timeout.ms value=5000") {
		t.Errorf("want one line about transaction.max.timeout.ms:\n%s", got)
	}
}

// metadata.prefix: two clusters in one store do not see each other.
func TestMetadataPrefixActs(t *testing.T) {
	dir := t.TempDir()
	topics := func(prefix string, create string) (names []string) {
		d, err := startDaemon(context.Background(), settings(t, "storage.dir="+dir, "kafka.listen=127.0.0.1:0", "ops.http=", "shards.count=1", "memory.arena=16MiB",
			"admin.socket="+filepath.Join(dir, "other.sock"), "metadata.prefix="+prefix), &logBook{}, false)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := d.stop(); err != nil {
				t.Error(err)
			}
		}()
		if _, err := os.Stat(filepath.Join(dir, "other.sock")); err != nil { // admin.socket
			t.Error(err)
		}
		if d.metrics() != "off" { // ops.http
			t.Errorf("metrics on %s", d.metrics())
		}
		if create != "" {
			if _, err := d.store.CreateTopic(t.Context(), metadata.NewTopic{Name: create, Partitions: 1}); err != nil {
				t.Fatal(err)
			}
		}
		for name := range d.store.Snapshot().Topics {
			names = append(names, name)
		}
		return names
	}
	if got := topics("/one", "a"); len(got) != 1 {
		t.Fatalf("topics %v", got)
	}
	if got := topics("/two", ""); len(got) != 0 {
		t.Errorf("topics %v under another prefix", got)
	}
	if got := topics("/one", ""); len(got) != 1 || got[0] != "a" {
		t.Errorf("topics %v after the restart", got)
	}
}
