package clients_test

import (
	"context"
	"testing"
	"time"

	"umbra/loadtest/clients"
	"umbra/loadtest/kafka"
	"umbra/loadtest/workload"
)

// The matrix is known good: every client, every codec, against a real Kafka.
func TestMatrixAgainstKafka(t *testing.T) {
	kafka.NeedHarness(t)
	c := kafka.Run(t, kafka.Single())
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Minute)
	defer cancel()
	all, err := clients.Matrix(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, client := range all {
		t.Run(client.Name, func(t *testing.T) {
			topic := "matrix-" + client.Name
			if err := workload.CreateTopic(ctx, c.Seeds(), topic, 1, 1, nil); err != nil {
				t.Fatal(err)
			}
			for _, codec := range client.Codecs {
				one, stop := context.WithTimeout(ctx, time.Minute)
				defer stop()
				begin := time.Now()
				if err := clients.RoundTrip(one, client, clients.Target{Bootstrap: c.Bootstrap(), Topic: topic, Codec: codec}, 50); err != nil {
					t.Error(err)
				}
				t.Logf("%s in %v", codec, time.Since(begin).Round(time.Millisecond))
			}
		})
	}
}

// Kafka's own tools do against a real Kafka what the steps expect.
func TestJavaToolsAgainstKafka(t *testing.T) {
	kafka.NeedHarness(t)
	c := kafka.Run(t, kafka.Single())
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	steps, err := clients.JavaTools(c.Dist, c.Bootstrap(), "tools", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		begin := time.Now()
		if err := s.Do(ctx, c.Dist); err != nil {
			t.Error(err)
		}
		t.Logf("%s in %v", s.Name, time.Since(begin).Round(time.Millisecond))
	}
}
