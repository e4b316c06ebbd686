package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"umbra/admin/api"
)

// serve answers every request with h on a socket of its own.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	c, err := New("unix://" + socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestProblemIsTheError(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusConflict)
		w.Write([]byte(`{"title":"no","status":409,"code":"conflict","detail":"why","hint":"do"}`))
	})
	_, err := c.Links(context.Background())
	var p *api.Problem
	if !errors.As(err, &p) || p.Code != api.CodeConflict || p.Error() != "no: why" || p.Hint != "do" {
		t.Errorf("got %#v", err)
	}
}

func TestForeignAnswerIsAProblemToo(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "what?", http.StatusTeapot) })
	_, err := c.Status(context.Background())
	var p *api.Problem
	if !errors.As(err, &p) || p.Status != http.StatusTeapot || p.Detail != "what?" || p.Hint == "" {
		t.Errorf("got %#v", err)
	}
}

func TestAnswerThatIsNotJSON(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<html>")) })
	if _, err := c.Status(context.Background()); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("got %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "nobody.sock")
	c, err := New(socket)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Status(context.Background())
	var u *Unreachable
	if !errors.As(err, &u) || u.Socket != socket || strings.Contains(err.Error(), "http://") {
		t.Errorf("got %v", err)
	}
}

// A caller that gives up is told so, and not that the daemon is away.
func TestOwnPatienceIsNotUnreachable(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := c.Status(ctx)
	var u *Unreachable
	if errors.As(err, &u) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "unix://", "http://127.0.0.1:9644", "https://x"} {
		if _, err := New(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for _, good := range []string{"/run/umbra/admin.sock", "unix:///run/umbra/admin.sock"} {
		if c, err := New(good); err != nil || c.Socket() != "/run/umbra/admin.sock" {
			t.Errorf("%q: %v %v", good, c, err)
		}
	}
}

// Names are escaped: a name can never reach another route.
func TestNamesAreEscaped(t *testing.T) {
	var got string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.RequestURI
		w.Write([]byte("{}"))
	})
	f := func(err error, want string) {
		t.Helper()
		if err != nil || got != want {
			t.Errorf("got %q %v, want %q", got, err, want)
		}
	}
	ctx := context.Background()
	_, err := c.Link(ctx, "a/b?c")
	f(err, "GET /v1/links/a%2Fb%3Fc")
	_, err = c.Topic(ctx, "x y")
	f(err, "GET /v1/topics/x%20y")
	_, err = c.Partitions(ctx, "dr", "-lag_seconds", 20)
	f(err, "GET /v1/links/dr/partitions?limit=20&sort=-lag_seconds")
	_, err = c.PlanFailover(ctx, "dr", []string{"a", "b"})
	f(err, "GET /v1/links/dr/failover?topic=a&topic=b")
	_, err = c.Receipt(ctx, "dr", "")
	f(err, "GET /v1/links/dr/receipt")
	_, err = c.Receipt(ctx, "dr", "op 1")
	f(err, "GET /v1/links/dr/receipt?operation=op+1")
	f(c.DeleteLink(ctx, "dr", true), "DELETE /v1/links/dr?force=true")
}
