package rawfetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// HangUp sends bytes on a connection of its own and waits for the peer to close it. It
// returns how many bytes came before that; a peer that stays is an error when ctx ends.
func HangUp(ctx context.Context, addr string, request []byte) (n int64, err error) {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if _, err := c.Write(request); err != nil {
		return 0, fmt.Errorf("send %d bytes to %s: %w", len(request), addr, err)
	}
	n, err = io.Copy(io.Discard, c)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		return n, fmt.Errorf("wait for %s to close the connection: %w", addr, err)
	}
	return n, nil
}
