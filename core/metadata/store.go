package metadata

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"umbra/kafkaproto"
)

// Options say how to open a Store. Zero fields take the default named.
type Options struct {
	Dir       string   // of the embedded etcd; unused with Endpoints
	Endpoints []string // of an external etcd; empty: embedded
	User      string   // at an external etcd; "" does not authenticate
	Password  string
	Prefix    string // of every key; default "/umbra"
	BrokerID  int32  // this node
	Shards    int    // new partitions are spread over so many; default 1
	// Configs validates topic configs; default: Kafka's own defaults.
	Configs     *Configs
	QuotaBytes  int64            // of the embedded etcd; default 1 GiB
	ReceiptsMax int              // receipts kept; default 200
	OpTimeout   time.Duration    // bounds one change; default 10 s
	Now         func() time.Time // default time.Now
	Log         *slog.Logger     // default slog.Default()
}

// Store is the cluster's metadata. All methods are safe for any goroutine.
type Store struct {
	opts    Options
	keys    keys
	backend *backend
	client  *clientv3.Client
	log     *slog.Logger

	snapshot atomic.Pointer[Snapshot] // written by the watch goroutine only
	waits    waitList
	notify   *notifier
	ids      idBlock

	cancel context.CancelFunc
	done   sync.WaitGroup
	closed atomic.Bool
}

// Open starts or connects to etcd, loads everything, and follows changes until
// Close. It fails when a stored value cannot be read.
func Open(ctx context.Context, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	log := o.Log.With("component", "metadata")
	var b *backend
	if len(o.Endpoints) > 0 {
		b, err = dial(ctx, o)
	} else {
		b, err = startEmbedded(ctx, o)
	}
	if err != nil {
		return nil, err
	}
	s := &Store{opts: o, keys: keys{prefix: o.Prefix}, backend: b, client: b.client, log: log, notify: newNotifier()}
	s.snapshot.Store(emptySnapshot())
	if err := s.start(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" && len(o.Endpoints) == 0 {
		return o, errors.New("open metadata: neither a directory nor etcd endpoints are given")
	}
	if o.Prefix == "" {
		o.Prefix = "/umbra"
	}
	if o.Shards < 1 {
		o.Shards = 1
	}
	if o.Configs == nil {
		c, err := NewConfigs(nil)
		if err != nil {
			return o, err
		}
		o.Configs = c
	}
	if o.QuotaBytes == 0 {
		o.QuotaBytes = 1 << 30
	}
	if o.ReceiptsMax == 0 {
		o.ReceiptsMax = 200
	}
	if o.OpTimeout == 0 {
		o.OpTimeout = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o, nil
}

// start makes the cluster id on the first start ever, loads, and begins to
// follow.
func (s *Store) start(ctx context.Context) error {
	key := s.keys.cluster()
	_, err := s.client.Txn(ctx).If(absent(key)).
		Then(clientv3.OpPut(key, encode(clusterValue{ID: kafkaproto.NewTopicID().String()}))).Commit()
	if err != nil {
		return etcdError("create cluster id", err)
	}
	snap, err := s.load(ctx)
	if err != nil {
		return err
	}
	s.snapshot.Store(snap)
	run, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.done.Go(func() { s.follow(run) })
	s.done.Go(func() { s.notify.run(run, s.snapshot.Load) })
	return nil
}

// Snapshot returns the newest metadata. It never blocks and is never nil.
func (s *Store) Snapshot() *Snapshot { return s.snapshot.Load() }

// Subscribe calls f(old, new) for the present Snapshot at once (old is empty)
// and again after changes, in order, on one goroutine shared by all
// subscribers. Changes that come faster than f returns are delivered together.
// f may call the Store. After cancel, f may still be finishing a call.
func (s *Store) Subscribe(f func(old, new *Snapshot)) (cancel func()) { return s.notify.add(f) }

// Failed delivers an error when the embedded etcd breaks down; the process
// should stop then. It is nil (never ready) for an external one.
func (s *Store) Failed() <-chan error { return s.backend.failed }

// Configs is the catalogue the Store validates topic configs with.
func (s *Store) Configs() *Configs { return s.opts.Configs }

// Close stops following and then etcd. Waiting calls return ErrClosed.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	if s.cancel != nil {
		s.cancel()
	}
	s.waits.fail(ErrClosed)
	s.done.Wait()
	if err := s.backend.close(); err != nil {
		return fmt.Errorf("close metadata: %w", err)
	}
	return nil
}

// RegisterBroker stores this node's advertised address. The id is
// Options.BrokerID.
func (s *Store) RegisterBroker(ctx context.Context, host string, port int32) error {
	b := Broker{ID: s.opts.BrokerID, Host: host, Port: port}
	return s.change(ctx, fmt.Sprintf("register broker %d", b.ID), func(snap *Snapshot) (plan, error) {
		if snap.Brokers[b.ID] == b {
			return plan{}, nil
		}
		return plan{ops: []clientv3.Op{clientv3.OpPut(s.keys.broker(b.ID), encode(b))}}, nil
	})
}
