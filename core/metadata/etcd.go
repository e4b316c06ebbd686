package metadata

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
)

const (
	txnOpsMax      = 4096
	requestBytes   = 8 << 20
	socketPathMax  = 100 // sun_path holds 108 bytes, and etcd puts a name behind the directory
	memberName     = "umbra"
	compactHistory = "10m"
)

// backend is a connected etcd: embedded or external.
type backend struct {
	client   *clientv3.Client
	external bool
	failed   <-chan error // a listener of the embedded server broke; nil when external
	close    func() error
}

// startEmbedded runs a one-member etcd in this process, on Unix sockets that
// only this user can open, and waits until it serves.
//
// A single member elects itself after one randomised election timeout, so the
// timeout decides the start time and the tick the idle cost. 50 ms and 250 ms
// (etcd wants five ticks) start in about a quarter of a second; the 10 ms tick
// that starts in 45 ms costs 5 % of a core for ever. There is no peer to lose,
// so a slow disk cannot cause an election.
func startEmbedded(ctx context.Context, o Options) (*backend, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create metadata directory: %w", err)
	}
	unlock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	sockets, removeSockets, err := socketDir(o.Dir)
	if err != nil {
		unlock()
		return nil, err
	}
	release := func() { removeSockets(); unlock() }
	e, err := embed.StartEtcd(embedConfig(o, sockets))
	if err != nil {
		release()
		return nil, fmt.Errorf("start embedded etcd in %s: %w", o.Dir, err)
	}
	select {
	case <-e.Server.ReadyNotify():
	case err = <-e.Err():
	case <-e.Server.StopNotify():
		err = errors.New("it stopped")
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		e.Close()
		release()
		return nil, fmt.Errorf("start embedded etcd in %s: %w", o.Dir, err)
	}
	client := v3client.New(e.Server)
	stop := func() error {
		err := client.Close()
		e.Close()
		release()
		if errors.Is(err, context.Canceled) {
			err = nil // how an in-process client says that it is closed
		}
		return err
	}
	return &backend{client: client, failed: e.Err(), close: stop}, nil
}

func embedConfig(o Options, sockets string) *embed.Config {
	unix := func(file string) []url.URL {
		return []url.URL{{Scheme: "unix", Path: filepath.Join(sockets, file)}}
	}
	c := embed.NewConfig()
	c.Name, c.Dir = memberName, filepath.Join(o.Dir, "etcd")
	c.ListenPeerUrls, c.ListenClientUrls = unix("peer.sock"), unix("client.sock")
	// What is advertised is stored in the membership; it must not change with
	// the socket directory, and with one member nobody dials it.
	c.AdvertisePeerUrls = []url.URL{{Scheme: "unix", Host: "umbra-peer"}}
	c.AdvertiseClientUrls = []url.URL{{Scheme: "unix", Host: "umbra-client"}}
	c.InitialCluster = memberName + "=unix://umbra-peer"
	c.InitialClusterToken = "umbra"
	c.TickMs, c.ElectionMs = 50, 250
	c.QuotaBackendBytes = o.QuotaBytes
	c.AutoCompactionMode, c.AutoCompactionRetention = embed.CompactorModePeriodic, compactHistory
	c.MaxTxnOps, c.MaxRequestBytes = txnOpsMax, requestBytes
	// Entries kept in memory for followers that are behind; there are none.
	c.SnapshotCount, c.SnapshotCatchUpEntries = 2000, 100
	c.EnableGRPCGateway = false
	// A topic batch on a busy disk takes longer than etcd's 100 ms; that is
	// not worth a line each time.
	c.WarningApplyDuration, c.WarningUnaryRequestDuration = 2*time.Second, 5*time.Second
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(newZap(o.Log))
	return c
}

// lockDir keeps a second process out; bbolt would wait for the first one
// silently and for ever.
func lockDir(dir string) (unlock func(), err error) {
	l := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock metadata directory %s: %w", dir, err)
	}
	if !ok {
		return nil, fmt.Errorf("lock metadata directory %s: %w: another umbra runs on it; stop it or choose another directory", dir, ErrLocked)
	}
	return func() { l.Close() }, nil
}

// socketDir returns where etcd's sockets go: the metadata directory, or a
// short private one when its path would not fit a socket address.
func socketDir(dir string) (path string, remove func(), err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", nil, fmt.Errorf("metadata directory %s: %w", dir, err)
	}
	if len(filepath.Join(abs, "client.sock")) <= socketPathMax {
		return abs, func() {}, nil
	}
	path, err = os.MkdirTemp("", "umbra-etcd-")
	if err != nil {
		return "", nil, fmt.Errorf("create directory for etcd sockets: %w", err)
	}
	return path, func() { os.RemoveAll(path) }, nil
}

// dial connects to an external etcd and asks one endpoint for its status.
func dial(ctx context.Context, o Options) (*backend, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: o.Endpoints, Username: o.User, Password: o.Password, DialTimeout: 5 * time.Second,
		DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 5 * time.Second,
		MaxCallSendMsgSize: requestBytes, Logger: newZap(o.Log)})
	if err != nil {
		return nil, fmt.Errorf("connect to etcd %v: %w", o.Endpoints, err)
	}
	ctx, cancel := context.WithTimeout(ctx, o.OpTimeout)
	defer cancel()
	var errs []error
	for _, endpoint := range o.Endpoints {
		if _, err := client.Status(ctx, endpoint); err == nil {
			return &backend{client: client, external: true, close: client.Close}, nil
		} else {
			errs = append(errs, fmt.Errorf("%s: %w", endpoint, err))
		}
	}
	client.Close()
	return nil, fmt.Errorf("connect to etcd: %w: %w", ErrUnavailable, errors.Join(errs...))
}
