package observe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// ServerConfig is what a Server shows.
type ServerConfig struct {
	Addr      string // host:port, port 0 for any
	Registry  *Registry
	Readiness *Readiness
	Health    *Health
	Log       *slog.Logger
}

// Server answers /metrics, /health and /ready over plain HTTP on a listener of
// its own, so that a busy broker or an attack on it does not blind the
// operator. It accepts GET and HEAD only and changes nothing.
type Server struct {
	cfg    ServerConfig
	listen net.Listener
	http   *http.Server
	done   chan struct{}
}

// scrapesMax bounds how many scrapes run at a time; more are told to come back.
const scrapesMax = 4

// Serve listens and answers until Close.
func Serve(cfg ServerConfig) (*Server, error) {
	l, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics and health on %s: %w; choose another address with ops.http", cfg.Addr, err)
	}
	s := &Server{cfg: cfg, listen: l, done: make(chan struct{})}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug)}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			cfg.Log.Error("metrics and health listener stopped", "err", err)
		}
	}()
	return s, nil
}

// Addr is the address it listens on.
func (s *Server) Addr() net.Addr { return s.listen.Addr() }

// Close stops listening and waits for requests under way, as long as ctx lasts.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	<-s.done
	return err
}

func (s *Server) routes() http.Handler {
	m := http.NewServeMux()
	scrapes := make(chan struct{}, scrapesMax)
	metrics := func(w http.ResponseWriter, r *http.Request) { s.metrics(w, r, scrapes) }
	for _, path := range []string{"/metrics", "/public_metrics"} {
		m.HandleFunc("GET "+path, metrics)
	}
	for _, path := range []string{"/health", "/-/healthy", "/livez"} {
		m.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			ok, text := s.cfg.Health.Report()
			answer(w, r, ok, text)
		})
	}
	for _, path := range []string{"/ready", "/-/ready", "/readyz"} {
		m.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			ok, text := s.cfg.Readiness.Report()
			answer(w, r, ok, text)
		})
	}
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "umbra: /metrics /health /ready (?verbose)\n")
	})
	return m
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request, scrapes chan struct{}) {
	select {
	case scrapes <- struct{}{}:
		defer func() { <-scrapes }()
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many scrapes at a time", http.StatusServiceUnavailable)
		return
	}
	var b bytes.Buffer
	if err := s.cfg.Registry.Write(r.Context(), &b); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Write(b.Bytes())
}

// answer says ok or not; the lines are shown on ?verbose, and always when
// something is wrong.
func answer(w http.ResponseWriter, r *http.Request, ok bool, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	word := "ok\n"
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		word = "not ok\n"
	}
	if !ok || r.URL.Query().Has("verbose") {
		io.WriteString(w, text)
	}
	io.WriteString(w, word)
}
