package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"umbra/admin/api"
	"umbra/loadtest/kafka"
	"umbra/loadtest/rawfetch"
	"umbra/loadtest/umbra"
)

// binaryEnv names the umbra binary that TestMain has built.
const binaryEnv = "UMBRA_E2E_BINARY"

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if v := os.Getenv(kafka.E2E); (v == "1" || v == "all") && os.Getenv(binaryEnv) == "" {
		dir, err := os.MkdirTemp("", "umbra-e2e-bin-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary, err := umbra.Build(context.Background(), dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		os.Setenv(binaryEnv, binary)
	}
	return m.Run()
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// newUmbra is a daemon on an empty folder, not started yet. If the test fails, the
// end of its log is shown.
func newUmbra(t *testing.T, args ...string) *umbra.Daemon {
	t.Helper()
	kafka.NeedE2E(t)
	dir, err := os.MkdirTemp("", "umbra-e2e-") // short: a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	d := &umbra.Daemon{Binary: os.Getenv(binaryEnv), Dir: dir, Args: args}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("umbra's log ends:\n%s", d.LogTail(40))
		}
		if err := d.Kill(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return d
}

// startUmbra is a daemon that serves.
func startUmbra(t *testing.T, ctx context.Context, args ...string) *umbra.Daemon {
	t.Helper()
	d := newUmbra(t, args...)
	if _, err := d.Start(ctx); err != nil {
		t.Fatal(err)
	}
	return d
}

// do runs a command of the CLI that must succeed.
func do(t *testing.T, ctx context.Context, d *umbra.Daemon, args ...string) umbra.Output {
	t.Helper()
	out, err := d.Do(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// reader reads a cluster's raw batches.
func reader(t *testing.T, name string, seeds ...string) *rawfetch.Reader {
	t.Helper()
	r, err := rawfetch.Open(name, seeds...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// shadowReader reads what umbra serves.
func shadowReader(t *testing.T, d *umbra.Daemon) *rawfetch.Reader {
	t.Helper()
	return reader(t, "shadow", d.Listen)
}

// eventually polls cond until it says that it is satisfied; what it last said was
// missing stands in the failure.
func eventually(t *testing.T, ctx context.Context, what string, cond func() (missing string)) {
	t.Helper()
	for {
		missing := cond()
		if missing == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: still not so: %s", what, missing)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// awaitEqual waits until the shadow has caught up with a source nobody writes to, and
// proves every partition of the topics equal.
func awaitEqual(t *testing.T, ctx context.Context, src, dst *rawfetch.Reader, topics ...string) []rawfetch.Equal {
	t.Helper()
	var all []rawfetch.Equal
	for _, topic := range topics {
		eventually(t, ctx, "shadow of "+topic+" catches up", func() string { return behind(ctx, src, dst, topic) })
		equals, err := rawfetch.CompareTopic(ctx, src, dst, topic, rawfetch.Exact)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, equals...)
	}
	return all
}

// behind says what the shadow lacks, empty when its bounds are the source's.
func behind(ctx context.Context, src, dst *rawfetch.Reader, topic string) string {
	ts, err := src.Topic(ctx, topic)
	if err != nil {
		return err.Error()
	}
	td, err := dst.Topic(ctx, topic)
	if err != nil {
		return err.Error()
	}
	if len(td.Partitions) != len(ts.Partitions) {
		return fmt.Sprintf("%d of %d partitions", len(td.Partitions), len(ts.Partitions))
	}
	for p := range ts.Partitions {
		bs, errS := src.Bounds(ctx, topic, int32(p))
		bd, errD := dst.Bounds(ctx, topic, int32(p))
		if err := errors.Join(errS, errD); err != nil {
			return err.Error()
		}
		if bs != bd {
			return fmt.Sprintf("partition %d: source %+v, shadow %+v", p, bs, bd)
		}
	}
	return ""
}

// linkStatus is `umbra link status NAME -o json`.
func linkStatus(t *testing.T, ctx context.Context, d *umbra.Daemon, link string) api.LinkStatus {
	t.Helper()
	var s api.LinkStatus
	if err := d.JSON(ctx, &s, "link", "status", link); err != nil {
		t.Fatal(err)
	}
	return s
}

// linkDescription is `umbra link describe NAME -o json`: with gaps, cuts and events.
func linkDescription(t *testing.T, ctx context.Context, d *umbra.Daemon, link string) api.LinkStatus {
	t.Helper()
	var s api.LinkStatus
	if err := d.JSON(ctx, &s, "link", "describe", link); err != nil {
		t.Fatal(err)
	}
	return s
}

// topicState is a topic's row in a status; the zero row if it is not there.
func topicState(s api.LinkStatus, topic string) api.TopicRow {
	for _, row := range s.TopicRows {
		if row.Topic == topic {
			return row
		}
	}
	return api.TopicRow{}
}

// isReason compares a stable code, whatever its letters' case.
func isReason(r *api.Reason, code string) bool {
	return r != nil && strings.EqualFold(r.Code, code)
}

// awaitState waits until a topic of the link is in a state, and returns its row.
func awaitState(t *testing.T, ctx context.Context, d *umbra.Daemon, link, topic, state string) api.TopicRow {
	t.Helper()
	var row api.TopicRow
	eventually(t, ctx, fmt.Sprintf("topic %s becomes %s", topic, state), func() string {
		if row = topicState(linkStatus(t, ctx, d, link), topic); row.State == state {
			return ""
		}
		return fmt.Sprintf("it is %q, reason %+v", row.State, row.Reason)
	})
	return row
}

// failover runs the CLI's failover, unattended, and returns the receipt, which must
// also lie in the daemon's folder as a file.
func failover(t *testing.T, ctx context.Context, d *umbra.Daemon, link string, args ...string) api.Receipt {
	t.Helper()
	var r api.Receipt
	if err := d.JSON(ctx, &r, append([]string{"failover", link, "--yes"}, args...)...); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(d.Dir, "failover-"+link+"-*.json"))
	if err != nil || len(files) == 0 {
		t.Errorf("no receipt file in %s, %v", d.Dir, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := api.CheckSeal(b); err != nil {
			t.Errorf("receipt %s: %v", file, err)
		}
	}
	return r
}

// receiptPartition finds a partition in a receipt.
func receiptPartition(t *testing.T, r api.Receipt, topic string, partition int32) api.ReceiptPartition {
	t.Helper()
	for _, rt := range r.Topics {
		for _, rp := range rt.Partitions {
			if rt.Topic == topic && rp.Partition == partition {
				return rp
			}
		}
	}
	t.Fatalf("receipt has no %s/%d", topic, partition)
	return api.ReceiptPartition{}
}
