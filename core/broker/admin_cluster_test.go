package broker_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"umbra/kafkaproto"
	"umbra/shard"
)

func TestDescribeCluster(t *testing.T) {
	n := startAdmin(t, nil)
	w := n.dial()
	host, port := split(t, n.addr)
	for v := int16(0); v <= 1; v++ {
		f := func(endpoint int8, operations bool) *kafkaproto.DescribeClusterResponse {
			return ask[kafkaproto.DescribeClusterResponse](w, kafkaproto.KeyDescribeCluster, v,
				&kafkaproto.DescribeClusterRequest{EndpointType: endpoint, IncludeClusterAuthorizedOperations: operations})
		}
		r := f(1, false)
		if r.ErrorCode != 0 || r.ClusterID != n.store.Snapshot().ClusterID || r.ControllerID != nodeID || r.EndpointType != 1 ||
			r.ClusterAuthorizedOperations != kafkaproto.AuthorizedOperationsNone {
			t.Errorf("v%d: %+v", v, r)
		}
		if len(r.Brokers) != 1 || r.Brokers[0].NodeID != nodeID || r.Brokers[0].Host != host || r.Brokers[0].Port != port {
			t.Errorf("v%d: brokers %+v", v, r.Brokers)
		}
		if got := f(1, true).ClusterAuthorizedOperations; got != 0b1_1111_1010_0000 {
			t.Errorf("v%d: operations %b", v, got)
		}
		if v >= 1 {
			r := f(2, false)
			wantCode(t, "controllers", r.ErrorCode, kafkaproto.MismatchedEndpointType)
			if len(r.Brokers) != 0 || r.ErrorMessage == nil {
				t.Errorf("controllers: %+v", r)
			}
			wantCode(t, "endpoint type 3", f(3, false).ErrorCode, kafkaproto.UnsupportedEndpointType)
		}
	}
}

type (
	pagesRequest = kafkaproto.DescribeTopicPartitionsRequest
	pageCursor   = kafkaproto.DescribeTopicPartitionsRequestCursor
)

func (w *wire) page(req *pagesRequest) *kafkaproto.DescribeTopicPartitionsResponse {
	w.t.Helper()
	return ask[kafkaproto.DescribeTopicPartitionsResponse](w, kafkaproto.KeyDescribeTopicPartitions, 0, req)
}

// pages follows the cursors and writes down what each page has.
func (w *wire) pages(limit int32, topics ...string) string {
	w.t.Helper()
	req := &pagesRequest{ResponsePartitionLimit: limit}
	for _, name := range topics {
		req.Topics = append(req.Topics, kafkaproto.DescribeTopicPartitionsRequestTopic{Topic: name})
	}
	var out []string
	for range 100 {
		r := w.page(req)
		line := ""
		for _, top := range r.Topics {
			line += text(top.Topic)
			if top.ErrorCode != 0 {
				line += fmt.Sprintf("!%d", top.ErrorCode)
			}
			for _, p := range top.Partitions {
				line += fmt.Sprintf(" %d", p.Partition)
			}
			line += "; "
		}
		out = append(out, strings.TrimSuffix(line, "; "))
		if r.NextCursor == nil {
			return strings.Join(out, " | ")
		}
		req.Cursor = &pageCursor{Topic: r.NextCursor.Topic, Partition: r.NextCursor.Partition}
	}
	w.t.Fatal("the pages do not end")
	return ""
}

func TestDescribeTopicPartitionsPages(t *testing.T) {
	n := startAdmin(t, nil)
	n.make("b", 3)
	n.make("a", 2)
	n.make("c", 1)
	w := n.dial()
	f := func(want string, limit int32, topics ...string) {
		t.Helper()
		if got := w.pages(limit, topics...); got != want {
			t.Errorf("limit %d of %q: %q, want %q", limit, topics, got, want)
		}
	}
	f("a 0 1; b 0 1 2; c 0", 2000)
	f("a 0 1; b 0 1 2; c 0", 1<<30)
	f("a 0 1; b 0 1 2; c 0", 6)
	f("a 0 1; b 0 | b 1 2; c 0", 3)
	f("a 0 1 | b 0 1 | b 2; c 0", 2)
	f("a 0 | a 1 | b 0 | b 1 | b 2 | c 0", 1)
	f("a 0 | a 1 | b 0 | b 1 | b 2 | c 0", 0)
	f("a 0 1; c 0", 10, "c", "a", "c")
	f("a 0 1; bad name!17; nope!3", 10, "nope", "a", "bad name")
	f("a 0 1 | nope!3", 2, "nope", "a")
}

func TestDescribeTopicPartitions(t *testing.T) {
	n := startAdmin(t, nil)
	top := n.make("orders", 2)
	n.on(top, 1, func(p *shard.Partition) { p.SetLeaderEpoch(5) })
	w := n.dial()
	eventually(t, "the epoch shows", func() bool {
		return w.page(&pagesRequest{ResponsePartitionLimit: 10}).Topics[0].Partitions[1].LeaderEpoch == 5
	})
	r := w.page(&pagesRequest{ResponsePartitionLimit: 10})
	o := r.Topics[0]
	if o.TopicID != top.ID || o.IsInternal || o.AuthorizedOperations != 0b1101_1111_1000 || r.NextCursor != nil {
		t.Errorf("%+v", r)
	}
	p := o.Partitions[0]
	if p.LeaderID != nodeID || p.LeaderEpoch != 0 || len(p.Replicas) != 1 || len(p.ISR) != 1 || len(p.OfflineReplicas) != 0 {
		t.Errorf("%+v", p)
	}
	if p.EligibleLeaderReplicas == nil || p.LastKnownELR == nil {
		t.Error("null lists: the Java client fails on them")
	}
	// A cursor at a topic that was deleted meanwhile goes on with the next one.
	gone := w.page(&pagesRequest{ResponsePartitionLimit: 10, Cursor: &pageCursor{Topic: "oa", Partition: 3}})
	if len(gone.Topics) != 1 || len(gone.Topics[0].Partitions) != 2 {
		t.Errorf("%+v", gone.Topics)
	}
	past := w.page(&pagesRequest{ResponsePartitionLimit: 10, Cursor: &pageCursor{Topic: "orders", Partition: 9}})
	if len(past.Topics) != 1 || len(past.Topics[0].Partitions) != 0 || past.NextCursor != nil {
		t.Errorf("%+v", past)
	}
	bad := w.page(&pagesRequest{ResponsePartitionLimit: 10, Cursor: &pageCursor{Topic: "orders", Partition: -1},
		Topics: []kafkaproto.DescribeTopicPartitionsRequestTopic{{Topic: "orders"}}})
	wantCode(t, "a negative partition", bad.Topics[0].ErrorCode, kafkaproto.InvalidRequest)
	check(t, n.group.Remove(shard.PartitionID{Topic: top.ID, Index: 0}, false))
	wantCode(t, "closed", w.page(&pagesRequest{ResponsePartitionLimit: 10}).Topics[0].Partitions[0].ErrorCode, kafkaproto.LeaderNotAvailable)
}

func TestDescribeLogDirs(t *testing.T) {
	n := startAdmin(t, nil)
	orders, empty := n.make("orders", 2), n.make("empty", 1)
	n.fill(orders, 1, 3)
	check(t, n.group.Remove(shard.PartitionID{Topic: orders.ID, Index: 0}, false))
	var st unix.Statfs_t
	check(t, unix.Statfs(n.dir, &st))
	size := n.published(orders, 1).SizeBytes
	if size < 3*61 {
		t.Fatalf("three batches are %d bytes", size)
	}
	w := n.dial()
	for v := int16(1); v <= 4; v++ {
		f := func(topics []kafkaproto.DescribeLogDirsRequestTopic, want string) {
			t.Helper()
			r := ask[kafkaproto.DescribeLogDirsResponse](w, kafkaproto.KeyDescribeLogDirs, v, &kafkaproto.DescribeLogDirsRequest{Topics: topics})
			if r.ErrorCode != 0 || len(r.Dirs) != 1 || r.Dirs[0].Dir != n.dir+"/data" || r.Dirs[0].ErrorCode != 0 {
				t.Fatalf("v%d: %+v", v, r)
			}
			got := ""
			for _, top := range r.Dirs[0].Topics {
				for _, p := range top.Partitions {
					got += fmt.Sprintf("%s/%d=%d ", top.Topic, p.Partition, p.Size)
				}
			}
			if got != want {
				t.Errorf("v%d %+v: %q, want %q", v, topics, got, want)
			}
			total, usable := r.Dirs[0].TotalBytes, r.Dirs[0].UsableBytes
			if v >= 4 && (total != int64(st.Blocks)*st.Bsize || usable <= 0 || usable > total) || v < 4 && total != -1 {
				t.Errorf("v%d: %d of %d bytes are free", v, usable, total)
			}
		}
		f(nil, fmt.Sprintf("empty/0=%d orders/1=%d ", n.published(empty, 0).SizeBytes, size))
		f([]kafkaproto.DescribeLogDirsRequestTopic{{Topic: "orders", Partitions: []int32{0, 1, 9}}, {Topic: "nope", Partitions: []int32{0}}}, fmt.Sprintf("orders/1=%d ", size))
		f([]kafkaproto.DescribeLogDirsRequestTopic{}, "")
	}
}
