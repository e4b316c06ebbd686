package admin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socketMode lets the owner and the admin group connect; the read group gets
// in by an entry of its own (allowGroup).
const socketMode = 0o660

// listener is the Unix socket. It hands out connections that carry their
// peer's credentials, at most connectionsMax at a time.
type listener struct {
	*net.UnixListener
	path  string
	self  fs.FileInfo   // the socket file we made
	slots chan struct{} // one element per open connection
	log   *slog.Logger
}

// listen creates the socket at path. A socket that another process answers on
// is an error; one that nobody answers on is left from a crash and replaced.
// Anything that is not a socket is left alone.
func listen(path string, p policy, connectionsMax int, log *slog.Logger) (*listener, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("listen on admin socket %s: %w", path, err)
	}
	if err := removeStale(abs); err != nil {
		return nil, err
	}
	ul, err := net.ListenUnix("unix", &net.UnixAddr{Name: abs, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on admin socket %s: %w (does its directory exist, and may this user write there?)", abs, err)
	}
	ul.SetUnlinkOnClose(false) // Close looks first whether it is still ours
	l := &listener{UnixListener: ul, path: abs, slots: make(chan struct{}, connectionsMax), log: log}
	if err := l.protect(p); err != nil {
		return nil, errors.Join(err, ul.Close(), os.Remove(abs))
	}
	return l, nil
}

// removeStale removes a socket file only after a connect to it was refused.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listen on admin socket %s: %w", path, err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("listen on admin socket %s: a file that is not a socket is in the way; remove it or choose another path", path)
	}
	c, err := net.DialTimeout("unix", path, 2*time.Second)
	if err == nil {
		c.Close()
		return fmt.Errorf("listen on admin socket %s: another process serves it; stop that one or choose another path", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("listen on admin socket %s: cannot tell whether it is in use: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove stale admin socket %s: %w", path, err)
	}
	return nil
}

// protect sets mode and group. Until it has run, a peer may connect by the
// directory's rights alone, which gives it nothing: every request is judged by
// the credentials of its connection.
func (l *listener) protect(p policy) error {
	if err := os.Chmod(l.path, socketMode); err != nil {
		return fmt.Errorf("protect admin socket: %w", err)
	}
	if p.adminGID != noGroup {
		if err := os.Chown(l.path, -1, p.adminGID); err != nil {
			l.log.Warn("the admin group cannot use the admin socket: the daemon may not give it that group",
				"event", "admin_socket_group", "path", l.path, "gid", p.adminGID, "err", err)
		}
	}
	if p.readGID != noGroup {
		if err := allowGroup(l.path, p.readGID); err != nil {
			l.log.Warn("the read group cannot use the admin socket: the file system takes no access list",
				"event", "admin_socket_acl", "path", l.path, "gid", p.readGID, "err", err)
		}
	}
	info, err := os.Lstat(l.path)
	if err != nil {
		return fmt.Errorf("protect admin socket: %w", err)
	}
	l.self = info
	return nil
}

// allowGroup adds one more group to a 0660 socket by a POSIX access list, in
// the layout of linux/posix_acl_xattr.h: a version, then tag, rights and id.
func allowGroup(path string, gid int) error {
	acl := binary.LittleEndian.AppendUint32(nil, 2) // version
	entry := func(tag, rights uint16, id uint32) {
		acl = binary.LittleEndian.AppendUint16(acl, tag)
		acl = binary.LittleEndian.AppendUint16(acl, rights)
		acl = binary.LittleEndian.AppendUint32(acl, id)
	}
	const readWrite, nobody = 6, 0xffffffff
	entry(0x01, readWrite, nobody)      // owner
	entry(0x04, readWrite, nobody)      // owning group
	entry(0x08, readWrite, uint32(gid)) // this group
	entry(0x10, readWrite, nobody)      // mask
	entry(0x20, 0, nobody)              // others
	return unix.Setxattr(path, "system.posix_acl_access", acl, 0)
}

// Accept waits for a free slot, then for a connection whose peer is known.
func (l *listener) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			<-l.slots
			return nil, err
		}
		p, err := peerOf(c)
		if err != nil {
			l.log.Warn("admin connection dropped", "event", "admin_peer_unknown", "err", err)
			c.Close()
			continue
		}
		return &conn{UnixConn: c, peer: p, slots: l.slots}, nil
	}
}

// Close stops listening and removes the socket file, unless somebody replaced
// it.
func (l *listener) Close() error {
	err := l.UnixListener.Close()
	if now, statErr := os.Lstat(l.path); statErr == nil && os.SameFile(now, l.self) {
		err = errors.Join(err, os.Remove(l.path))
	}
	return err
}

// conn is a connection with a known peer; closing it gives its slot back.
type conn struct {
	*net.UnixConn
	peer  peer
	slots chan struct{}
	once  sync.Once
}

func (c *conn) Close() error {
	c.once.Do(func() { <-c.slots })
	return c.UnixConn.Close()
}
