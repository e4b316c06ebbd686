// Package shadow runs the umbra that a bench measures, and has it copy topics.
package shadow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"umbra/admin/client"
	"umbra/loadtest/umbra"
)

// Shadow is one umbra process. It is kept for the whole run, as an umbra runs in
// earnest: its buffers are mapped and its code is warm when it is measured. Each
// copy is forgotten before the next.
type Shadow struct {
	Engine string // asked for
	Chosen string
	Reason string // why
	About  string // version and shape

	Daemon *umbra.Daemon
	Admin  *client.Client
	Kafka  *kadm.Client
	copies int // begun so far
}

// Start runs umbra with an engine (a value of storage.engine), on the folder dir, with
// further settings in the form of environment variables.
func Start(ctx context.Context, binary, dir, engine string, env ...string) (*Shadow, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s := &Shadow{Engine: engine}
	s.Daemon = &umbra.Daemon{Binary: binary, Dir: dir, Env: []string{"UMBRA_STORAGE_ENGINE=" + engine, "UMBRA_LOG_LEVEL=warn"}}
	s.Daemon.Env = append(s.Daemon.Env, env...)
	if _, err := s.Daemon.Start(ctx); err != nil {
		return nil, fmt.Errorf("start umbra with engine %s: %w", engine, err)
	}
	if err := s.connect(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Shadow) connect(ctx context.Context) (err error) {
	if s.Admin, err = client.New(s.Daemon.Admin); err != nil {
		return err
	}
	st, err := s.Admin.Status(ctx)
	if err != nil {
		return err
	}
	b := st.Broker
	s.Chosen, s.Reason = b.Engine, b.EngineReason
	s.About = fmt.Sprintf("umbra %s %s, %d shards, pinned %v", b.Version, b.Commit, b.Shards, b.Pinned)
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.Daemon.Listen), kgo.ClientID("umbra-bench"))
	if err != nil {
		return err
	}
	s.Kafka = kadm.NewClient(cl)
	return nil
}

// Close stops the daemon and removes what it wrote.
func (s *Shadow) Close() error {
	if s.Admin != nil {
		s.Admin.Close()
	}
	if s.Kafka != nil {
		s.Kafka.Close()
	}
	return errors.Join(s.Daemon.Stop(), os.RemoveAll(s.Daemon.Dir))
}

// CheckFiles compares a topic's segment files with what the source holds. After a
// clean stop, which this is, they are exactly as long as their batches.
func (s *Shadow) CheckFiles(topic string, want int64) error {
	if err := s.Daemon.Stop(); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(s.Daemon.DataDir(), "*", topic+"-*", "*.log"))
	if err != nil {
		return err
	}
	var got int64
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return fmt.Errorf("measure the segments of topic %q: %w", topic, err)
		}
		got += info.Size()
	}
	if got != want {
		return fmt.Errorf("compare the copy: topic %q has %d bytes at the source and %d in %d segment files of the shadow", topic, want, got, len(files))
	}
	return nil
}
