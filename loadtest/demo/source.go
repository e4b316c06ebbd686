package main

import (
	"context"
	"fmt"
	"os"

	"umbra/loadtest/kafka"
	"umbra/loadtest/umbra"
)

// A source is the cluster that dies: another umbra, or Apache Kafka.
type source interface {
	seeds() []string
	kill() error
	start(ctx context.Context) error // again, on the same data and address
	close() error
}

func startSource(ctx context.Context, kind, binary, dir string) (source, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	switch kind {
	case "umbra":
		s := &umbraSource{umbra.Daemon{Binary: binary, Dir: dir}}
		return s, s.start(ctx)
	case "kafka":
		l := kafka.Single()
		l.Dir = dir
		c, err := kafka.Start(ctx, l)
		if err != nil {
			return nil, err
		}
		return &kafkaSource{c}, nil
	}
	return nil, fmt.Errorf("source %q: use umbra or kafka", kind)
}

type umbraSource struct{ d umbra.Daemon }

func (s *umbraSource) seeds() []string { return []string{s.d.Listen} }
func (s *umbraSource) kill() error     { return s.d.Kill() }
func (s *umbraSource) close() error    { return s.d.Kill() }
func (s *umbraSource) start(ctx context.Context) error {
	_, err := s.d.Start(ctx)
	return err
}

type kafkaSource struct{ c *kafka.Cluster }

func (s *kafkaSource) seeds() []string                 { return s.c.Seeds() }
func (s *kafkaSource) kill() error                     { return s.c.Broker(1).Kill() }
func (s *kafkaSource) close() error                    { return s.c.Close() }
func (s *kafkaSource) start(ctx context.Context) error { return s.c.Broker(1).Start(ctx) }
