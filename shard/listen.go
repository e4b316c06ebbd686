package shard

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// claim holds a listening address for a group: bound, never listening. It
// resolves port 0 once for all shards, and it finds out whether somebody else
// is there: the shards' own sockets share the port (SO_REUSEPORT), so without
// this a second daemon would silently take half of the first one's clients.
type claim struct {
	fd   int
	addr *net.TCPAddr
	gnet string // what gnet is to listen on
}

// splitListen checks the form of a listening address.
func splitListen(listen string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", "", errors.New("want HOST:PORT with a port of 0 to 65535")
	}
	return host, port, nil
}

func newClaim(listen string) (*claim, error) {
	if _, _, err := splitListen(listen); err != nil {
		return nil, fmt.Errorf("listen on %q: %w", listen, err)
	}
	want, err := net.ResolveTCPAddr("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", listen, err)
	}
	everywhere := want.IP == nil || want.IP.IsUnspecified() && want.IP.To4() == nil
	switch {
	case everywhere:
		c, err := claimAddr(unix.AF_INET6, &net.TCPAddr{IP: net.IPv6unspecified, Port: want.Port}, false)
		if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL) {
			return claimAddr(unix.AF_INET, &net.TCPAddr{IP: net.IPv4zero, Port: want.Port}, false)
		}
		if c != nil {
			c.gnet = ":" + strconv.Itoa(c.addr.Port) // gnet takes this, and not [::], for both families
		}
		return c, err
	case want.IP.To4() != nil:
		return claimAddr(unix.AF_INET, want, false)
	default:
		return claimAddr(unix.AF_INET6, want, true)
	}
}

func claimAddr(family int, want *net.TCPAddr, v6only bool) (c *claim, err error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", want, os.NewSyscallError("socket", err))
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
			err = fmt.Errorf("listen on %s: %w", want, err)
			if errors.Is(err, unix.EADDRINUSE) {
				err = fmt.Errorf("%w: another process listens there; stop it or choose another port", err)
			}
		}
	}()
	if family == unix.AF_INET6 {
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, boolInt(v6only)); err != nil {
			return nil, os.NewSyscallError("setsockopt IPV6_V6ONLY", err)
		}
	}
	// Connections of a former daemon in TIME_WAIT are no reason to refuse.
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return nil, os.NewSyscallError("setsockopt SO_REUSEADDR", err)
	}
	sa, err := sockaddrOf(family, want)
	if err != nil {
		return nil, err
	}
	if err = unix.Bind(fd, sa); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	// Bound alone; from here on the shards' sockets may join.
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return nil, os.NewSyscallError("setsockopt SO_REUSEPORT", err)
	}
	got, err := unix.Getsockname(fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	addr := &net.TCPAddr{IP: want.IP, Port: portOf(got), Zone: want.Zone}
	return &claim{fd: fd, addr: addr, gnet: addr.String()}, nil
}

func (c *claim) close() { unix.Close(c.fd) }

func sockaddrOf(family int, a *net.TCPAddr) (unix.Sockaddr, error) {
	if family == unix.AF_INET {
		sa := &unix.SockaddrInet4{Port: a.Port}
		copy(sa.Addr[:], a.IP.To4())
		return sa, nil
	}
	sa := &unix.SockaddrInet6{Port: a.Port}
	copy(sa.Addr[:], a.IP.To16())
	if a.Zone != "" {
		ifi, err := net.InterfaceByName(a.Zone)
		if err != nil {
			return nil, err
		}
		sa.ZoneId = uint32(ifi.Index)
	}
	return sa, nil
}

func portOf(sa unix.Sockaddr) int {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return a.Port
	case *unix.SockaddrInet6:
		return a.Port
	}
	return 0
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
