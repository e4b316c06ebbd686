package e2e_test

import (
	"context"
	"testing"
	"time"

	"umbra/loadtest/clients"
	"umbra/loadtest/kafka"
	"umbra/loadtest/workload"
)

// umbra as a plain broker: every stock client, every codec, old and new versions.
func TestStockClients(t *testing.T) {
	kafka.NeedE2E(t)
	ctx := within(t, 6*time.Minute)
	d := startUmbra(t, ctx)
	matrix, err := clients.Matrix(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range matrix {
		t.Run(c.Name, func(t *testing.T) {
			topic := "matrix-" + c.Name
			if err := workload.CreateTopic(ctx, []string{d.Listen}, topic, 1, 1, nil); err != nil {
				t.Fatal(err)
			}
			for _, codec := range c.Codecs {
				one, cancel := context.WithTimeout(ctx, time.Minute)
				if err := clients.RoundTrip(one, c, clients.Target{Bootstrap: d.Listen, Topic: topic, Codec: codec}, 50); err != nil {
					t.Error(err)
				}
				cancel()
			}
		})
	}
}

// Kafka's own tools find in umbra the broker they know.
func TestJavaTools(t *testing.T) {
	kafka.NeedE2E(t)
	ctx := within(t, 4*time.Minute)
	d := startUmbra(t, ctx)
	dist, err := kafka.Fetch(ctx, kafka.Newest)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := clients.JavaTools(dist, d.Listen, "tools", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if err := s.Do(ctx, dist); err != nil {
			t.Error(err)
		}
	}
}
