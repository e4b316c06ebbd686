package kafka

import (
	"context"
	"os"
	"testing"
)

// E2E is set to 1 where tests of umbra against real clusters must run, and to "all"
// where the test harness itself is tried against real Kafka too. Without it both skip.
const E2E = "UMBRA_E2E"

// NeedE2E skips the test unless real clusters are asked for. Where they are,
// what is missing on the machine is a failure, never a skip.
func NeedE2E(t testing.TB) {
	t.Helper()
	if v := os.Getenv(E2E); v != "1" && v != "all" {
		t.Skipf("set %s=1 to run against real clusters (make e2e)", E2E)
	}
}

// NeedHarness skips a test of the harness itself unless those are asked for.
func NeedHarness(t testing.TB) {
	t.Helper()
	if os.Getenv(E2E) != "all" {
		t.Skipf("set %s=all to try the test harness against real Kafka (make harness)", E2E)
	}
}

// Run starts the layout for one test and takes it down with it. If the test
// failed, the ends of the brokers' logs are written to its output.
func Run(t testing.TB, l Layout) *Cluster {
	t.Helper()
	NeedE2E(t)
	c, err := Start(context.Background(), l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.LogTails(25))
		}
		if err := c.Close(); err != nil {
			t.Errorf("stop kafka %s: %v", c.Dist.Version, err)
		}
	})
	return c
}
