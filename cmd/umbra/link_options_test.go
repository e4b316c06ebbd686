package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"umbra/admin/api"
	"umbra/bench/synthetic"
	"umbra/core/link/spec"
)

// What --option sets is in force in the daemon, and describe shows it.
func TestLinkOptionsRoundTrip(t *testing.T) {
	src, err := synthetic.Start(synthetic.Config{Topic: "orders", Partitions: 1, RecordSize: 100, BatchSize: 4 << 10, ChunkBytes: 64 << 10, Records: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	d := serving(t, &logBook{})
	cli := func(code int, args ...string) (stdout, stderr string) {
		t.Helper()
		s := shell{env: map[string]string{"UMBRA_ADMIN": d.cfg.AdminSocket()}}
		if got := s.run(nil, args...); got != code {
			t.Fatalf("umbra %v: exit %d, want %d\n%s", args, got, code, s.err.String())
		}
		return s.out.String(), s.err.String()
	}
	create := func(options ...string) []string {
		args := []string{"link", "create", "dr", "--from", src.Addr(), "--topics", "orders"}
		for _, o := range options {
			args = append(args, "--option", o)
		}
		return args
	}

	_, stderr := cli(exitUsage, create("fetch_max_byte=1MiB", "fetch_max_wait=2h", "backoff_min=soon", "backoff_max=1s")...)
	for _, want := range []string{"did you mean fetch_max_bytes?", `fetch_max_wait: "2h" is outside 1ms to 1m`, `backoff_min: "soon" is not a duration`, "allowed is 1ms to 1m"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in\n%s", want, stderr)
		}
	}
	cli(exitUsage, create("fetch_max_bytes")...)
	cli(exitUsage, create("backoff_min=1s", "backoff_min=2s")...)

	set := map[string]string{"client_id": "dr=site", "source_cluster_id": "", "metadata_refresh": "250ms", "fetch_max_bytes": "8MiB", "partition_max_bytes": "1000KiB",
		"fetch_min_bytes": "2B", "fetch_max_wait": "20ms", "connect_timeout": "2s", "request_timeout": "3s", "backoff_min": "70ms", "backoff_max": "7s", "rpo_target": "90s"}
	var options []string
	for _, row := range spec.OptionTable() {
		value, ok := set[row.Key]
		if !ok {
			t.Fatalf("this test does not set %s", row.Key)
		}
		options = append(options, row.Key+"="+value)
	}
	stdout, _ := cli(exitOK, append(create(options...), "-o", "json")...)
	var plan api.LinkPlan
	if err := json.Unmarshal([]byte(stdout), &plan); err != nil || !maps.Equal(plan.Link.Options, set) {
		t.Errorf("the plan has %v, %v", plan.Link.Options, err)
	}
	stdout, _ = cli(exitOK, "link", "describe", "dr", "-o", "json")
	var status api.LinkStatus
	if err := json.Unmarshal([]byte(stdout), &status); err != nil || !maps.Equal(status.Definition.Options, set) || status.RPO.TargetSeconds != 90 {
		t.Errorf("describe has %v, target %v, %v", status.Definition.Options, status.RPO.TargetSeconds, err)
	}
	want, err := spec.ParseOptions(set)
	if stored := d.store.Snapshot().Links["dr"].Options; err != nil || stored != want {
		t.Errorf("the daemon holds %+v, want %+v, %v", stored, want, err)
	}
	stdout, _ = cli(exitOK, "link", "describe", "dr")
	for _, o := range slices.DeleteFunc(options, func(o string) bool { return strings.HasSuffix(o, "=") }) {
		if !strings.Contains(stdout, " "+o+"\n") {
			t.Errorf("describe does not show %s:\n%s", o, stdout)
		}
	}
	if strings.Contains(stdout, "source_cluster_id") {
		t.Errorf("describe shows an option that is at its default:\n%s", stdout)
	}
}
