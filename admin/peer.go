package admin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os/user"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peer is the process at the other end of a connection, as the kernel saw it
// when it connected.
type peer struct {
	uid, gid, pid int
	groups        []int // supplementary
}

// access is what a peer may do.
type access int

const (
	accessNone  access = iota
	accessRead         // GET
	accessAdmin        // everything
)

// policy maps peers to access: root, the daemon's own user and the admin group
// may do everything, the read group may look.
type policy struct {
	daemonUID int
	adminGID  int // noGroup: there is no such group
	readGID   int // likewise
}

const noGroup = -1

func (p policy) access(c peer) access {
	switch {
	case c.uid == 0 || c.uid == p.daemonUID || c.in(p.adminGID):
		return accessAdmin
	case c.in(p.readGID):
		return accessRead
	}
	return accessNone
}

func (c peer) in(gid int) bool {
	return gid != noGroup && (c.gid == gid || slices.Contains(c.groups, gid))
}

// lookupGroup resolves a group by name or number; a name that does not exist
// is noGroup, since a machine without that group is normal.
func lookupGroup(name string) (int, error) {
	if name == "" {
		return noGroup, nil
	}
	if gid, err := strconv.Atoi(name); err == nil && gid >= 0 {
		return gid, nil
	}
	g, err := user.LookupGroup(name)
	var unknown user.UnknownGroupError
	if errors.As(err, &unknown) {
		return noGroup, nil
	}
	if err != nil {
		return noGroup, fmt.Errorf("look up group %q: %w", name, err)
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return noGroup, fmt.Errorf("look up group %q: gid %q: %w", name, g.Gid, err)
	}
	return gid, nil
}

// peerOf asks the kernel who is at the other end.
func peerOf(c *net.UnixConn) (peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{}, fmt.Errorf("read peer credentials: %w", err)
	}
	var p peer
	var inner error
	err = raw.Control(func(fd uintptr) { p, inner = peerOfFD(int(fd)) })
	if err = errors.Join(err, inner); err != nil {
		return peer{}, fmt.Errorf("read peer credentials: %w", err)
	}
	return p, nil
}

func peerOfFD(fd int) (peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return peer{}, err
	}
	groups, err := peerGroups(fd)
	if err != nil {
		return peer{}, err
	}
	return peer{uid: int(cred.Uid), gid: int(cred.Gid), pid: int(cred.Pid), groups: groups}, nil
}

// peerGroups reads the supplementary groups that the process had, which
// /etc/group need not know: containers, setpriv, systemd's SupplementaryGroups.
func peerGroups(fd int) ([]int, error) {
	const soPeerGroups = 59 // linux/socket.h, since 4.13
	buf := make([]byte, 4*64)
	for {
		size := uint32(len(buf))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, soPeerGroups,
			uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == unix.ERANGE && int(size) > len(buf):
			buf = make([]byte, size)
			continue
		case errno == unix.ENOPROTOOPT: // an older kernel: the main group has to do
			return nil, nil
		case errno != 0:
			return nil, errno
		}
		groups := make([]int, size/4)
		for i := range groups {
			groups[i] = int(binary.NativeEndian.Uint32(buf[4*i:]))
		}
		return groups, nil
	}
}
