package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

// following is Kafka's own replication: a second broker of the source's cluster
// takes replicas of the topic. One process receives and stores, as with umbra.
type following struct{ *stage }

func (f *following) transfer(ctx context.Context, t topic) (out Sample, err error) {
	w, err := f.begin(nil)
	if err != nil {
		return out, err
	}
	id := int32(f.follower.ID)
	if err := f.place(ctx, t, home, id); err != nil {
		return out, err
	}
	if err := f.wait(ctx, t, func(p kadm.PartitionDetail) bool { return slices.Contains(p.ISR, id) }); err != nil {
		return out, err
	}
	if out, err = f.end(w, t.bytes, Follower, ""); err != nil {
		return out, err
	}
	if err := checkReplicas(f.follower.DataDir(), t); err != nil {
		return out, err
	}
	if err := f.place(ctx, t, home); err != nil {
		return out, err
	}
	return out, f.wait(ctx, t, func(p kadm.PartitionDetail) bool { return len(p.Replicas) == 1 })
}

// place says which brokers hold the topic; the first one leads.
func (f *following) place(ctx context.Context, t topic, brokers ...int32) error {
	var req kadm.AlterPartitionAssignmentsReq
	for p := range t.ends {
		req.Assign(t.name, p, brokers)
	}
	resp, err := f.source.admin.AlterPartitionAssignments(ctx, req)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		return fmt.Errorf("reassign topic %q to brokers %v: %w", t.name, brokers, err)
	}
	return nil
}

// wait waits until all partitions are as they should be.
func (f *following) wait(ctx context.Context, t topic, good func(kadm.PartitionDetail) bool) error {
	return until(ctx, fmt.Sprintf("wait for replicas of topic %q", t.name), func() error {
		meta, err := f.source.admin.Metadata(ctx, t.name)
		if err != nil {
			return err
		}
		for _, p := range meta.Topics[t.name].Partitions {
			if !good(p) {
				return fmt.Errorf("partition %d has replicas %v, in sync are %v", p.Partition, p.Replicas, p.ISR)
			}
		}
		if n := len(meta.Topics[t.name].Partitions); n != len(t.ends) {
			return fmt.Errorf("it has %d partitions of %d", n, len(t.ends))
		}
		return nil
	})
}

// checkReplicas compares what lies in a broker's data folder with what the source
// holds.
func checkReplicas(dir string, t topic) error {
	files, err := filepath.Glob(filepath.Join(dir, t.name+"-*", "*.log"))
	if err != nil {
		return err
	}
	var got int64
	for _, file := range files {
		if strings.HasSuffix(filepath.Dir(file), "-delete") {
			continue // of the transfer before
		}
		info, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("measure the replicas of topic %q: %w", t.name, err)
		}
		got += info.Size()
	}
	if got != t.bytes {
		return fmt.Errorf("compare topic %q: the source has %d bytes, the follower %d in %d files", t.name, t.bytes, got, len(files))
	}
	return nil
}
