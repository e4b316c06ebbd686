package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"umbra/core/link/source"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/core/placement"
	"umbra/shard"
)

// ErrNotFound says that there is no link of that name.
var ErrNotFound = errors.New("no such link")

// Config is what a Manager needs from the daemon.
type Config struct {
	Store   *metadata.Store
	Group   *shard.Group
	Keeper  *placement.Keeper
	DataDir string // cut batches and receipts are kept under it
	Version string // for receipts
	Log     *slog.Logger
	Now     func() time.Time
	// Dial opens control connections to sources; the data plane dials from
	// its shard.
	Dial func(timeout time.Duration) source.Dialer
	// RecordsMax bounds one partition's records in one answer, bytes: what a
	// shard's slab memory can hold.
	RecordsMax int
	// RefusedWait is how long a partition waits that the source refuses or the
	// disk has no room for; 0: replicate's own.
	RefusedWait time.Duration
	// Checkpoint is called before and after each persisted step of a failover;
	// its error ends the failover there, as a crash would. For tests.
	Checkpoint func(step spec.FailoverStep, persisted bool) error
}

// Manager runs every link of this cluster. Its methods are safe for any
// goroutine but a shard's loop.
type Manager struct {
	cfg Config
	ctx context.Context
	end context.CancelFunc

	mu    sync.Mutex // guards links: the store's notifier and the admin server meet here
	links map[string]*Link
	left  map[string]*Link // by link id: deleted, with topics that are not failed over
	begun bool             // the links of the start are running: others are new
	wg    sync.WaitGroup

	unsubscribe func()
}

// Start runs the links in the store's snapshot, finishes failovers that a
// crash interrupted, and follows the store until Stop.
func Start(cfg Config) *Manager {
	m := &Manager{cfg: cfg, links: map[string]*Link{}, left: map[string]*Link{}}
	m.ctx, m.end = context.WithCancel(context.Background())
	m.unsubscribe = cfg.Store.Subscribe(func(_, _ *metadata.Snapshot) { m.follow() })
	m.follow()
	return m
}

// Stop ends every link's goroutine and connections. States are kept.
func (m *Manager) Stop() {
	m.unsubscribe()
	m.mu.Lock()
	m.end() // whoever asks for a link from here on starts none
	m.mu.Unlock()
	m.wg.Wait()
}

// follow starts, updates and stops links as the metadata says now. What a
// notification is about may be older than what the lock's last holder has seen.
func (m *Manager) follow() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.followTo(m.cfg.Store.Snapshot())
}

// catchUp has whoever changed a link find it changed, also before the notification
// of it has come. Under mu.
func (m *Manager) catchUp() {
	s := m.cfg.Store.Snapshot()
	same := len(m.links) == len(s.Links)
	for name, def := range s.Links {
		same = same && m.links[name] != nil && m.links[name].id == def.ID
	}
	if !same {
		m.followTo(s)
	}
}

func (m *Manager) followTo(s *metadata.Snapshot) {
	if m.ctx.Err() != nil {
		return
	}
	for name, def := range s.Links {
		switch l := m.links[name]; {
		case l == nil:
			if m.begun {
				m.cfg.Log.Info("link created", "event", "link_created", "link", name, "bootstrap", def.Bootstrap)
			}
			m.start(def)
		case l.id == def.ID:
			l.changed()
		default: // deleted and created again under the same name
			l.stop()
			m.start(def)
		}
	}
	for name, l := range m.links {
		if s.Links[name] == nil {
			m.cfg.Log.Warn("link deleted", "event", "link_deleted", "link", name)
			l.stop()
			delete(m.links, name)
		}
	}
	if !m.begun {
		m.clean(s)
	}
	m.begun = true
}

// clean removes the notes of links that are gone.
func (m *Manager) clean(s *metadata.Snapshot) {
	alive := map[string]bool{}
	for _, l := range s.Links {
		alive[l.ID] = true
	}
	for _, t := range s.Topics {
		if t.Shadow != nil && !t.Writable() {
			alive[t.Shadow.LinkID] = true
		}
	}
	list, err := os.ReadDir(filepath.Dir(marksDir(m.cfg.DataDir, "x")))
	if err != nil {
		return // there are none
	}
	for _, e := range list {
		if !alive[e.Name()] {
			if err := removeMarks(m.cfg.DataDir, e.Name()); err != nil {
				m.cfg.Log.Warn("notes of a deleted link were not removed", "link_id", e.Name(), "err", err)
			}
		}
	}
}

func (m *Manager) start(def *spec.Link) {
	l := newLink(m.cfg, def.Name, def.ID)
	l.open()
	m.links[def.Name] = l
	m.wg.Go(func() { l.run(m.ctx) })
}

// Link returns a link: one that runs, or, under the name of one that was deleted
// by force, what it left: its topics can still be looked at and failed over.
func (m *Manager) Link(name string) (*Link, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.catchUp()
	if l := m.links[name]; l != nil {
		return l, nil
	}
	for _, t := range m.cfg.Store.Snapshot().Topics {
		if t.Shadow != nil && t.Shadow.Link == name && !t.Writable() {
			return m.remains(name, t.Shadow.LinkID), nil
		}
	}
	return nil, fmt.Errorf("link %q: %w", name, ErrNotFound)
}

// remains makes, once, a Link that does not run.
func (m *Manager) remains(name, id string) *Link {
	l := m.left[id]
	if l == nil {
		l = newLink(m.cfg, name, id)
		l.open()
		m.left[id] = l
	}
	return l
}

// Links returns every running link, in no order.
func (m *Manager) Links() []*Link {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.catchUp()
	out := make([]*Link, 0, len(m.links))
	for _, l := range m.links {
		out = append(out, l)
	}
	return out
}

// Pause stops copying; topics keep their data and their states, and what had
// stopped by itself before, whole or in part, stays stopped for its reason.
func (m *Manager) Pause(ctx context.Context, name string) error { return m.setPaused(ctx, name, true) }

// Resume sets a paused link going again, and with it every topic and every
// single partition that umbra had stopped: what stopped it is checked anew.
func (m *Manager) Resume(ctx context.Context, name string) error {
	if err := m.setPaused(ctx, name, false); err != nil {
		return err
	}
	snap := m.cfg.Store.Snapshot()
	def := snap.Links[name]
	if def == nil {
		return fmt.Errorf("link %q: %w", name, ErrNotFound)
	}
	var updates []metadata.ShadowUpdate
	for _, t := range snap.ShadowsOf(def) {
		if t.Shadow.State == spec.Faulted {
			updates = append(updates, metadata.ShadowUpdate{ID: t.ID, Term: t.Shadow.Term, Apply: func(t *metadata.Topic) error { return t.Shadow.Resume() }})
		}
	}
	errs := m.cfg.Store.UpdateShadows(ctx, updates)
	for i, u := range updates {
		if t := snap.ByID(u.ID); errs[i] == nil {
			m.cfg.Log.Info("topic resumed", "event", "topic_resumed", "link", name, "topic", t.Name, "stopped_for", t.Shadow.Reason.Code, "partitions", t.Stopped())
		}
	}
	return errors.Join(errs...)
}

func (m *Manager) setPaused(ctx context.Context, name string, paused bool) error {
	changed := false
	_, err := m.cfg.Store.UpdateLink(ctx, name, func(l *spec.Link) error {
		changed = l.Paused != paused
		l.Paused = paused
		return nil
	})
	switch {
	case err != nil || !changed:
	case paused:
		m.cfg.Log.Info("link paused", "event", "link_paused", "link", name)
	default:
		m.cfg.Log.Info("link resumed", "event", "link_resumed", "link", name)
	}
	return err
}

// Delete removes a link. While it still has shadow topics that are not failed
// over it is refused, unless force: then those topics stay, read-only and
// FAULTED, until they are failed over or deleted.
func (m *Manager) Delete(ctx context.Context, name string, force bool) error {
	return m.cfg.Store.DeleteLink(ctx, name, force)
}
