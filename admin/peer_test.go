package admin

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestPolicy(t *testing.T) {
	p := policy{daemonUID: 100, adminGID: 200, readGID: 300}
	f := func(name string, c peer, want access) {
		t.Helper()
		if got := p.access(c); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
	f("root", peer{uid: 0, gid: 0}, accessAdmin)
	f("the daemon's user", peer{uid: 100, gid: 7}, accessAdmin)
	f("admin by main group", peer{uid: 5, gid: 200}, accessAdmin)
	f("admin by another group", peer{uid: 5, gid: 7, groups: []int{9, 200}}, accessAdmin)
	f("read group", peer{uid: 5, gid: 300}, accessRead)
	f("both groups", peer{uid: 5, gid: 300, groups: []int{200}}, accessAdmin)
	f("nobody", peer{uid: 5, gid: 7, groups: []int{8}}, accessNone)
	p = policy{daemonUID: 100, adminGID: noGroup, readGID: noGroup}
	f("no such groups", peer{uid: 5, gid: 7}, accessNone)
	f("a gid that looks like none", peer{uid: 5, gid: noGroup}, accessNone)
}

func TestLookupGroup(t *testing.T) {
	for name, want := range map[string]int{"": noGroup, "no-such-group-here": noGroup, "4242": 4242} {
		if got, err := lookupGroup(name); err != nil || got != want {
			t.Errorf("%q: got %d %v, want %d", name, got, err, want)
		}
	}
}

const (
	asSocket = "UMBRA_ADMIN_TEST_SOCKET"
	asMethod = "UMBRA_ADMIN_TEST_METHOD"
)

// TestMain lets the test binary be a client of another user: see as.
func TestMain(m *testing.M) {
	if socket := os.Getenv(asSocket); socket != "" {
		fmt.Print(request1(socket, os.Getenv(asMethod)))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func request1(socket, method string) string {
	h := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	path := "/v1/status"
	if method == "POST" {
		path = "/v1/links/dr/pause"
	}
	req, err := http.NewRequest(method, "http://umbra"+path, nil)
	if err != nil {
		return err.Error()
	}
	resp, err := h.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.Status
}

// Real processes of real users: what the kernel says is what counts.
func TestPeerCredentials(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to start processes of other users")
	}
	const stranger, adminGID, readGID = 40001, 40002, 40003
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	binary, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "client")
	if err := os.WriteFile(program, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	audit := new(lines)
	var warned lines
	s, err := Start(Config{Socket: filepath.Join(dir, "admin.sock"), AdminGroup: fmt.Sprint(adminGID), ReadGroup: fmt.Sprint(readGID),
		Log: slog.New(slog.NewTextHandler(&warned, nil)), Audit: slog.New(slog.NewTextHandler(audit, nil))}, &fake{}, NewEvents())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	as := func(name, method string, cred syscall.Credential, want string) {
		t.Helper()
		c := exec.Command(program)
		c.Env = []string{asSocket + "=" + s.Socket(), asMethod + "=" + method}
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &cred}
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s %s: got %s %v, want %s", name, method, out, err, want)
		}
	}
	as("root", "POST", syscall.Credential{}, "200 OK")
	as("admin by main group", "POST", syscall.Credential{Uid: stranger, Gid: adminGID}, "200 OK")
	as("admin by another group", "POST", syscall.Credential{Uid: stranger, Gid: stranger, Groups: []uint32{adminGID}}, "200 OK")
	as("stranger", "GET", syscall.Credential{Uid: stranger, Gid: stranger}, "permission denied")
	if log := warned.String(); strings.Contains(log, "admin_socket_acl") {
		t.Logf("the read group is not tried, this file system takes no access list: %s", log)
	} else {
		reader := syscall.Credential{Uid: stranger, Gid: stranger, Groups: []uint32{readGID}}
		as("reader", "GET", reader, "200 OK")
		as("reader", "POST", reader, "403 Forbidden")
		if !strings.Contains(audit.String(), "event=admin_refused uid=40001") {
			t.Errorf("the refusal is not in the audit log:\n%s", audit)
		}
	}
	// The mode alone keeps strangers out; if it did not, the credentials would.
	if err := os.Chmod(s.Socket(), 0o666); err != nil {
		t.Fatal(err)
	}
	as("stranger at an open socket", "GET", syscall.Credential{Uid: stranger, Gid: stranger}, "403 Forbidden")
}
