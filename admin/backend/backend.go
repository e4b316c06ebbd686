// Package backend answers the admin API from the daemon's parts: it translates
// between the API's documents and link.Manager, metadata.Store and shard.Group,
// and decides nothing itself. admin.Server calls it; cmd/umbra builds it.
//
// Read Backend first; convert.go has the words that both sides share.
package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"umbra/admin"
	"umbra/admin/api"
	"umbra/core/config"
	"umbra/core/link"
	"umbra/core/link/spec"
	"umbra/core/metadata"
	"umbra/core/placement"
	"umbra/shard"
)

// Backend implements admin.Backend. Its methods are safe for any goroutine.
type Backend struct {
	Store    *metadata.Store
	Group    *shard.Group
	Keeper   *placement.Keeper
	Manager  *link.Manager
	Settings *config.Config
	Info     api.BrokerInfo
	Now      func() time.Time
}

var _ admin.Backend = (*Backend)(nil)

// Status is everything at a glance.
func (b *Backend) Status(ctx context.Context) (*api.Status, error) {
	links, err := b.Links(ctx)
	if err != nil {
		return nil, err
	}
	s := &api.Status{Now: links.Now, Broker: b.Info, Disk: disk(b.Settings.Storage.Dir), Links: links.Links}
	for _, t := range b.Store.Snapshot().Topics {
		s.Topics++
		s.Partitions += len(t.Partitions)
		s.Problems = append(s.Problems, b.storageProblems(t)...)
	}
	s.Judge()
	return s, nil
}

// storageProblems are the partitions of a topic that do not open or have
// failed: nothing of them is served.
func (b *Backend) storageProblems(t *metadata.Topic) []api.Reason {
	var out []api.Reason
	for i := range t.Partitions {
		id := shard.PartitionID{Topic: t.ID, Index: int32(i)}
		err := b.Keeper.Err(id)
		if p, ok := b.Group.Published(id); ok && p.Failed {
			err = errors.New("a write or a flush of its log failed")
		}
		if err != nil {
			out = append(out, api.Reason{Code: string(spec.LocalStorage), Title: spec.LocalStorage.Info().Title, Detail: fmt.Sprintf("topic %q partition %d: %v", t.Name, i, err),
				Next: spec.LocalStorage.Info().Remedy})
		}
	}
	return out
}

func disk(dir string) api.Disk {
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) != nil {
		return api.Disk{}
	}
	return api.Disk{FreeBytes: int64(fs.Bavail) * fs.Bsize, TotalBytes: int64(fs.Blocks) * fs.Bsize}
}

// Config is the configuration in force.
func (b *Backend) Config(context.Context) (*api.Config, error) {
	doc := new(api.Config)
	for _, e := range b.Settings.Entries() {
		doc.Entries = append(doc.Entries, api.ConfigEntry{Key: e.Key, Value: e.Value, Origin: string(e.Origin)})
	}
	return doc, nil
}

// problem turns an error of the core into one the API can tell.
func problem(title string, err error) error {
	var unreachable *link.UnreachableError
	var op net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unreachable):
		return api.NewProblem(api.CodeUnreachable, title, err.Error(), "check --from, that the source is up, and that its advertised listeners can be reached from here")
	case errors.Is(err, link.ErrNotFound), errors.Is(err, metadata.ErrNotFound):
		return api.NewProblem(api.CodeNotFound, title, err.Error(), "run \"umbra link list\" or \"umbra topic list\" to see what there is")
	case errors.Is(err, metadata.ErrExists):
		return api.NewProblem(api.CodeExists, title, err.Error(), "choose another name, or delete what has it")
	case errors.Is(err, metadata.ErrInUse):
		return api.Conflict(title, err.Error(), "fail its topics over first, or use --force: they stay here, read-only, until they are failed over or deleted")
	case errors.Is(err, spec.ErrTransition), errors.Is(err, metadata.ErrStale), errors.Is(err, metadata.ErrLinkOwned), errors.Is(err, link.ErrNothingToDo):
		return api.Conflict(title, err.Error(), "run \"umbra status\" to see what state it is in")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &op) && op.Timeout():
		return api.NewProblem(api.CodeTimeout, title, err.Error(), "try again; if it stays so, look at the daemon's log")
	}
	return fmt.Errorf("%s: %w", title, err)
}
