package metadata

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// What callers must tell apart. The errors that wrap these name the act, the
// noun and, where there is one, the remedy.
var (
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("already exists")
	ErrInvalidName = errors.New("invalid name")
	// ErrCollision: the name differs from an existing one only in '.' and '_'.
	ErrCollision         = errors.New("name collides")
	ErrInvalidPartitions = errors.New("invalid partition count")
	ErrInvalidConfig     = errors.New("invalid config")
	// ErrLinkOwned: a link's filter takes the name, so only it may create it.
	ErrLinkOwned = errors.New("name belongs to a link")
	// ErrReadOnly: the topic is a shadow that has not been failed over.
	ErrReadOnly = errors.New("shadow topic is read-only")
	// ErrStale: the term is older than the stored one; the caller was fenced.
	ErrStale = errors.New("stale term")
	// ErrInUse: the link still has topics that have not been failed over.
	ErrInUse = errors.New("still in use")
	// ErrExhausted: the producer-id space is used up.
	ErrExhausted = errors.New("exhausted")
	// ErrNoSpace: etcd's quota is reached; only deletions are accepted.
	ErrNoSpace = errors.New("metadata quota reached")
	// ErrUnavailable: etcd did not answer in time. A change may or may not
	// have happened.
	ErrUnavailable = errors.New("metadata store unavailable")
	ErrClosed      = errors.New("metadata store closed")
	// ErrLocked: another process uses the directory.
	ErrLocked = errors.New("directory in use")
	// ErrFormat: a stored value is damaged or was written by a newer version.
	ErrFormat = errors.New("unreadable metadata value")
)

// etcdError wraps an error of the etcd client with a sentinel of ours.
func etcdError(act string, err error) error {
	switch {
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("%s: %w; raise metadata.quota or delete topics: %v", act, ErrNoSpace, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", act, err)
	}
	return fmt.Errorf("%s: %w: %v", act, ErrUnavailable, err)
}
