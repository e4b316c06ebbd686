package kafka_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/loadtest/kafka"
)

// A broker that joins later takes a replica, and MirrorMaker 2, in both forms,
// copies a topic record by record to the same offsets.
func TestExtraBrokerAndMirrorMaker(t *testing.T) {
	kafka.NeedHarness(t)
	l := kafka.Layout{JVM: kafka.ScriptJVM()}
	source, target := kafka.Run(t, l), kafka.Run(t, l)
	ctx := within(t, 3*time.Minute)
	cl := client(t, source)
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(ctx, 2, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Partition: int32(i % 2), Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	extra, err := source.AddBroker(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	var req kadm.AlterPartitionAssignmentsReq
	req.Assign("t", 0, []int32{1, int32(extra.ID)})
	if _, err := adm.AlterPartitionAssignments(ctx, req); err != nil {
		t.Fatal(err)
	}
	await := func(what string, cond func() bool) {
		t.Helper()
		for !cond() {
			select {
			case <-ctx.Done():
				t.Fatalf("%s: still not so", what)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	await("the new broker is in sync", func() bool {
		meta, err := adm.Metadata(ctx, "t")
		return err == nil && len(meta.Topics["t"].Partitions[0].ISR) == 2
	})

	w, err := source.Dist.StartConnect(ctx, kafka.Connect{Bootstrap: target.Bootstrap(), Group: "mirror", Dir: filepath.Join(t.TempDir(), "mirror"), HeapMiB: 512, JVM: kafka.ScriptJVM()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Kill() })
	far := kadm.NewClient(client(t, target))
	for _, tuned := range []bool{false, true} {
		m := kafka.Mirror{Source: source.Bootstrap(), Target: target.Bootstrap(), Topics: "t", Tuned: tuned}
		name := fmt.Sprintf("tuned-%v", tuned)
		if err := w.Put(ctx, name, m.Config()); err != nil {
			t.Fatal(err)
		}
		if err := w.AwaitTasks(ctx, name, m.Tasks()); err != nil {
			t.Fatal(err)
		}
		await("both partitions are copied", func() bool {
			ends, err := far.ListEndOffsets(ctx, "t")
			if err != nil {
				return false
			}
			zero, _ := ends.Lookup("t", 0)
			one, _ := ends.Lookup("t", 1)
			return zero.Offset == 50 && one.Offset == 50
		})
		if err := w.Delete(ctx, name); err != nil {
			t.Fatal(err)
		}
		if _, err := far.DeleteTopic(ctx, "t"); err != nil {
			t.Fatal(err)
		}
	}
}
