package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"umbra/admin/client"
	"umbra/loadtest/umbra"
)

// link is the name of the soak's link.
const link = "dr"

// A shadow is the umbra under test. The nemesis kills and starts it while checks ask it:
// they may use the fields and up, never the daemon itself.
type shadow struct {
	listen string
	ask    umbra.Daemon // the addresses alone: to ask, not to start or stop
	admin  *client.Client

	mu     sync.Mutex // held while it is killed, stopped or started
	daemon *umbra.Daemon

	pid     atomic.Int64
	upSince atomic.Int64 // Unix ns; 0 while the nemesis has it down or stopped
}

// startShadow starts an umbra on an empty folder. The arena is small, so that memory is
// reused, and the sum it must stay within means something.
func startShadow(ctx context.Context, binary, dir, engine string) (*shadow, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s := &shadow{daemon: &umbra.Daemon{Binary: binary, Dir: dir, Args: []string{"--set", "max.connections=512"},
		Env: []string{"UMBRA_MEMORY_ARENA=48MiB", "UMBRA_STORAGE_ENGINE=" + engine}}}
	if _, err := s.start(ctx); err != nil {
		return nil, err
	}
	s.listen = s.daemon.Listen
	s.ask = umbra.Daemon{Binary: binary, Dir: dir, Listen: s.daemon.Listen, Metrics: s.daemon.Metrics, Admin: s.daemon.Admin}
	var err error
	if s.admin, err = client.New(s.daemon.Admin); err != nil {
		return nil, errors.Join(err, s.daemon.Kill())
	}
	return s, nil
}

// start brings it up and says how long that took.
func (s *shadow) start(ctx context.Context) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	took, err := s.daemon.Start(ctx)
	if err == nil {
		s.pid.Store(int64(s.daemon.PID()))
		s.upSince.Store(time.Now().UnixNano())
	}
	return took, err
}

// kill is SIGKILL.
func (s *shadow) kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upSince.Store(0)
	return s.daemon.Kill()
}

// stop is SIGTERM; one that does not end in time, or with a status, is an error.
func (s *shadow) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upSince.Store(0)
	return s.daemon.Stop()
}

// freeze stops the process and lets it go on.
func (s *shadow) freeze(on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sig := syscall.SIGCONT
	if on {
		sig = syscall.SIGSTOP
		s.upSince.Store(0)
	}
	if err := syscall.Kill(-int(s.pid.Load()), sig); err != nil {
		return fmt.Errorf("signal umbra with %v: %w", sig, err)
	}
	if !on {
		s.upSince.Store(time.Now().UnixNano())
	}
	return nil
}

// up says for how long the nemesis has left it alone; false while it has not.
func (s *shadow) up() (time.Duration, bool) {
	since := s.upSince.Load()
	if since == 0 {
		return 0, false
	}
	return time.Duration(time.Now().UnixNano() - since), true
}

// died says that the process is gone though nobody ended it.
func (s *shadow) died() bool {
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	return s.upSince.Load() != 0 && !s.daemon.Running()
}

// files is how many descriptors the process has open.
func (s *shadow) files() (int, error) {
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid.Load()))
	return len(list), err
}

// close takes it down.
func (s *shadow) close() error {
	s.admin.Close()
	return s.kill()
}
