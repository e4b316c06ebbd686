// Package placement keeps the partitions that are open on the shards equal to
// the topics in the metadata: it opens what a snapshot adds, removes what one
// drops, and hands each change of a topic's settings, term or leader epoch to
// the loop that owns the partition.
//
// It decides nothing: which shard owns a partition is recorded in the
// metadata. Read Keeper first; apply.go brings the shards to a snapshot.
//
//	metadata ---snapshot---> Keeper ---Open, Remove---> shard.Group
//	                           |   ---term, epoch, settings---> loops
//	                           '---Wait, Opened, Err, Moved---> broker, link
//
// A topic's life is its id and the time it was made: a shadow that was dropped
// and made again has the same id, and must not find its old files. What a
// snapshot drops is removed before what it adds is opened, because the two may
// share a directory.
package placement

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
)

// Keeper owns which partitions are open. Its methods are for any goroutine but
// a shard's loop.
type Keeper struct {
	store *metadata.Store
	group *shard.Group
	cfg   Config
	log   *slog.Logger

	work   chan *metadata.Snapshot // newest wins
	stop   context.CancelFunc
	ctx    context.Context
	done   chan struct{}
	cancel func()

	mu    sync.Mutex // Wait and Err are asked by request and link goroutines
	known map[kafkaproto.TopicID]*placed
	moved chan struct{} // closed and replaced when known changes
}

// placed is a topic as it was last applied to the shards. It is replaced, never
// changed.
type placed struct {
	topic *metadata.Topic
	count int             // partitions [0, count) are open, or have failed to
	errs  map[int32]error // partitions that would not open
}

// sameLife reports whether t is the topic that was placed, and not a later one
// of its id.
func (p *placed) sameLife(t *metadata.Topic) bool { return p.topic.Created.Equal(t.Created) }

// Start opens every partition of the store's snapshot and follows the store
// until Stop. It returns when all of them are open or have failed; a partition
// that fails is reported by Err and does not keep the others from serving.
func Start(store *metadata.Store, group *shard.Group, cfg Config) *Keeper {
	ctx, stop := context.WithCancel(context.Background())
	k := &Keeper{store: store, group: group, cfg: cfg, log: cfg.Log, work: make(chan *metadata.Snapshot, 1),
		ctx: ctx, stop: stop, done: make(chan struct{}), known: map[kafkaproto.TopicID]*placed{}, moved: make(chan struct{})}
	k.cancel = store.Subscribe(func(_, s *metadata.Snapshot) { k.offer(s) })
	k.apply(store.Snapshot())
	go k.run()
	return k
}

// Stop ends following. The partitions stay open: the group closes them.
func (k *Keeper) Stop() {
	k.cancel()
	k.stop()
	<-k.done
}

// offer replaces a snapshot that was not taken yet: only the newest matters.
func (k *Keeper) offer(s *metadata.Snapshot) {
	for {
		select {
		case k.work <- s:
			return
		default:
		}
		select {
		case <-k.work:
		default:
		}
	}
}

func (k *Keeper) run() {
	defer close(k.done)
	for {
		select {
		case s := <-k.work:
			k.apply(s)
		case <-k.ctx.Done():
			return
		}
	}
}

func (k *Keeper) get(id kafkaproto.TopicID) *placed {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known[id]
}

func (k *Keeper) all() []*placed {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]*placed, 0, len(k.known))
	for _, p := range k.known {
		out = append(out, p)
	}
	return out
}

// publish makes what was applied visible to Wait, Opened and Err; nil: the
// topic is gone.
func (k *Keeper) publish(id kafkaproto.TopicID, p *placed) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p == nil {
		delete(k.known, id)
	} else {
		k.known[id] = p
	}
	close(k.moved)
	k.moved = make(chan struct{})
}

// Moved is closed when any topic was placed, grown or removed after the call.
func (k *Keeper) Moved() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.moved
}

// Opened reports whether the partitions of a topic are open, or have failed to:
// Err tells. What an earlier life of the topic has left open does not count.
func (k *Keeper) Opened(t *metadata.Topic) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.known[t.ID]
	return p != nil && p.sameLife(t) && p.count >= len(t.Partitions)
}

// Wait returns when the first n partitions of a topic are open or have failed
// to, or, with n 0, when the files of a deleted topic are gone: nothing has the
// id here, or the topic that the metadata has under it now, a later one.
func (k *Keeper) Wait(ctx context.Context, id kafkaproto.TopicID, n int) error {
	for {
		k.mu.Lock()
		p, moved := k.known[id], k.moved
		k.mu.Unlock()
		switch now := k.store.Snapshot().ByID(id); {
		case n > 0 && p != nil && p.count >= n, n == 0 && (p == nil || now != nil && p.sameLife(now)):
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d partitions of topic id %s to open: %w", n, id, ctx.Err())
		}
	}
}

// Err is why a partition is not open, nil when it is.
func (k *Keeper) Err(id shard.PartitionID) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p := k.known[id.Topic]; p != nil {
		return p.errs[id.Index]
	}
	return nil
}
