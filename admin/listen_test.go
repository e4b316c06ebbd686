package admin

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"umbra/admin/client"
)

func config(socket string) Config {
	log := slog.New(slog.DiscardHandler)
	return Config{Socket: socket, Log: log, Audit: log}
}

func TestSocketMode(t *testing.T) {
	s, _, _ := start(t, &fake{})
	info, err := os.Lstat(s.Socket())
	if err != nil || info.Mode().Perm() != socketMode || info.Mode().Type() != os.ModeSocket {
		t.Errorf("socket is %v %v", info.Mode(), err)
	}
}

func TestSocketInUseIsLeftAlone(t *testing.T) {
	s, c, _ := start(t, &fake{})
	if _, err := Start(config(s.Socket()), &fake{}, NewEvents()); err == nil || !strings.Contains(err.Error(), "another process serves it") {
		t.Errorf("second server: %v", err)
	}
	if _, err := c.Status(context.Background()); err != nil {
		t.Errorf("the first server does not answer any more: %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as a crash leaves it
	l.Close()
	s, err := Start(config(socket), &fake{}, NewEvents())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket file is still there: %v", err)
	}
}

func TestOtherFilesAreNeverRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(config(path), &fake{}, NewEvents()); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "precious" {
		t.Errorf("the file now holds %q %v", b, err)
	}
}

func TestMissingDirectory(t *testing.T) {
	if _, err := Start(config(filepath.Join(t.TempDir(), "no", "admin.sock")), &fake{}, NewEvents()); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("got %v", err)
	}
}

// A server that was replaced under its path must not take the other's socket
// away when it closes.
func TestCloseLeavesASuccessorsSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	first, err := Start(config(socket), &fake{}, NewEvents())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(socket); err != nil {
		t.Fatal(err)
	}
	second, err := Start(config(socket), &fake{}, NewEvents())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close(context.Background())
	if err := first.Close(context.Background()); err != nil {
		t.Error(err)
	}
	c, err := client.New(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Status(context.Background()); err != nil {
		t.Errorf("the second server cannot be reached: %v", err)
	}
}

// Open connections take all slots; who comes later is served when one closes.
func TestConnectionsAreBounded(t *testing.T) {
	s, c, _ := start(t, &fake{})
	var idle []net.Conn
	for range connectionsMax {
		conn, err := net.Dial("unix", s.Socket())
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
	}
	for deadline := time.Now().Add(time.Minute); len(s.listener.slots) != connectionsMax; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d slots are taken by %d connections", len(s.listener.slots), len(idle))
		}
	}
	answered := make(chan error, 1)
	go func() {
		_, err := c.Status(context.Background())
		answered <- err
	}()
	idle[0].Close()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	for _, conn := range idle[1:] {
		conn.Close()
	}
}
