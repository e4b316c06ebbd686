package link

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

// shadow is one umbra process. It is kept for the whole run, as an umbra runs in
// earnest: its buffers are mapped and its code is warm when it is measured. Each
// copy is forgotten before the next.
type shadow struct {
	engine string // asked for
	chosen string
	reason string // why
	about  string // version and shape

	daemon *umbra.Daemon
	admin  *client.Client
	kafka  *kadm.Client
	copies int // begun so far
}

// startShadow runs umbra with an engine, on the folder dir.
func startShadow(ctx context.Context, binary, dir, engine string) (*shadow, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s := &shadow{engine: engine}
	s.daemon = &umbra.Daemon{Binary: binary, Dir: dir, Env: []string{"UMBRA_STORAGE_ENGINE=" + engine, "UMBRA_LOG_LEVEL=warn"}}
	if _, err := s.daemon.Start(ctx); err != nil {
		return nil, fmt.Errorf("start umbra with engine %s: %w", engine, err)
	}
	if err := s.connect(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *shadow) connect(ctx context.Context) (err error) {
	if s.admin, err = client.New(s.daemon.Admin); err != nil {
		return err
	}
	st, err := s.admin.Status(ctx)
	if err != nil {
		return err
	}
	b := st.Broker
	s.chosen, s.reason = b.Engine, b.EngineReason
	s.about = fmt.Sprintf("umbra %s %s, %d shards, pinned %v", b.Version, b.Commit, b.Shards, b.Pinned)
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.daemon.Listen), kgo.ClientID("umbra-bench"))
	if err != nil {
		return err
	}
	s.kafka = kadm.NewClient(cl)
	return nil
}

// Close stops the daemon and removes what it wrote.
func (s *shadow) Close() error {
	if s.admin != nil {
		s.admin.Close()
	}
	if s.kafka != nil {
		s.kafka.Close()
	}
	return errors.Join(s.daemon.Stop(), os.RemoveAll(s.daemon.Dir))
}

// checkFiles compares a topic's segment files with what the source holds. After a
// clean stop, which this is, they are exactly as long as their batches.
func (s *shadow) checkFiles(topic string, want int64) error {
	if err := s.daemon.Stop(); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(s.daemon.DataDir(), "*", topic+"-*", "*.log"))
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
