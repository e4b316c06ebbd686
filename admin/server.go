package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"

	"umbra/admin/api"
)

// connectionsMax bounds the open admin connections; the next one waits.
const connectionsMax = 64

// Config is what a Server needs to be told.
type Config struct {
	Socket     string       // path of the Unix socket
	AdminGroup string       // group name or number that may do everything; DefaultAdminGroup
	ReadGroup  string       // group name or number that may look; DefaultReadGroup
	Log        *slog.Logger // operation of the server itself
	Audit      *slog.Logger // one line per request that is not GET, and per refusal
}

// The groups that have access by default.
const (
	DefaultAdminGroup = "umbra"
	DefaultReadGroup  = "umbra-ro"
)

// Server is the admin API on a Unix socket. Start makes one, Close ends it.
type Server struct {
	backend    Backend
	events     *Events
	operations *operations
	policy     policy
	mux        *http.ServeMux
	http       *http.Server
	listener   *listener
	served     chan error // the result of http.Serve
	log, audit *slog.Logger
}

// Start creates the socket and serves on it. events may be filled by anybody
// and is read by GET /v1/events.
func Start(cfg Config, backend Backend, events *Events) (*Server, error) {
	p := policy{daemonUID: os.Getuid()}
	var err error
	if p.adminGID, err = lookupGroup(cfg.AdminGroup); err != nil {
		return nil, fmt.Errorf("start admin server: %w", err)
	}
	if p.readGID, err = lookupGroup(cfg.ReadGroup); err != nil {
		return nil, fmt.Errorf("start admin server: %w", err)
	}
	l, err := listen(cfg.Socket, p, connectionsMax, cfg.Log)
	if err != nil {
		return nil, err
	}
	s := &Server{
		backend: backend, events: events, operations: newOperations(), policy: p,
		listener: l, served: make(chan error, 1), log: cfg.Log, audit: cfg.Audit,
	}
	s.mux = http.NewServeMux()
	for _, r := range s.routes() {
		s.mux.Handle(r.method+" "+r.path, s.handle(r.handle))
	}
	s.http = &http.Server{
		Handler: http.HandlerFunc(s.serve), ConnContext: withPeer,
		ReadHeaderTimeout: headerTimeout, WriteTimeout: writeTimeout, IdleTimeout: writeTimeout,
		MaxHeaderBytes: headerBytesMax, ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelWarn),
	}
	go func() { s.served <- s.http.Serve(l) }()
	return s, nil
}

// routes is the whole API.
func (s *Server) routes() []route {
	var all []route
	for _, family := range [][]route{
		s.statusRoutes(), s.eventRoutes(), s.topicRoutes(),
		s.linkRoutes(), s.failoverRoutes(), s.verifyRoutes(), s.operationRoutes(),
	} {
		all = append(all, family...)
	}
	return all
}

// Socket is the path that clients use.
func (s *Server) Socket() string { return s.listener.path }

// Close stops accepting, ends running operations and lets requests that are
// being answered finish until ctx ends. The socket file is removed.
func (s *Server) Close(ctx context.Context) error {
	operationsErr := s.operations.close(ctx)
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("stop admin server: %w", errors.Join(err, s.http.Close()))
	}
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve admin socket %s: %w", s.listener.path, served))
	}
	return errors.Join(operationsErr, err)
}

type peerKey struct{}

func withPeer(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*conn); ok {
		return context.WithValue(ctx, peerKey{}, c.peer)
	}
	return ctx
}

// serve judges who asks before it looks at what is asked.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	p, ok := r.Context().Value(peerKey{}).(peer)
	allowed := accessNone
	if ok {
		allowed = s.policy.access(p)
	}
	if allowed == accessNone || allowed == accessRead && r.Method != http.MethodGet && r.Method != http.MethodHead {
		s.refuse(w, r, p, allowed)
		return
	}
	if h, pattern := s.mux.Handler(r); pattern == "" {
		writeNoRoute(w, r, h)
		return
	}
	if err := readBody(w, r); err != nil {
		writeProblem(w, problemOf("the request body cannot be read", err))
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, p peer, allowed access) {
	s.audit.Warn("admin request refused", "event", "admin_refused", "uid", p.uid, "gid", p.gid, "pid", p.pid,
		"method", r.Method, "path", r.URL.Path)
	hint := "run it as root, as the daemon's user, or as a member of the admin group"
	detail := fmt.Sprintf("uid %d may not use this socket", p.uid)
	if allowed == accessRead {
		detail = fmt.Sprintf("uid %d may look, but not change anything", p.uid)
	}
	writeProblem(w, api.NewProblem(api.CodeForbidden, "permission denied", detail, hint))
}

// handle runs one handler and writes the audit line.
func (s *Server) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		req := &request{Request: r, ctx: ctx}
		req.peer, _ = r.Context().Value(peerKey{}).(peer)
		answer, err := h(req)
		status, p := write(w, answer, err, r.Method+" "+r.URL.Path+" failed")
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			return
		}
		attrs := []any{"event", "admin_request", "uid", req.peer.uid, "gid", req.peer.gid, "pid", req.peer.pid,
			"method", r.Method, "path", r.URL.Path, "query", r.URL.RawQuery, "status", status}
		if req.operation != "" {
			attrs = append(attrs, "operation", req.operation)
		}
		if p != nil {
			attrs = append(attrs, "code", p.Code, "err", p.Error())
		}
		s.audit.Info("admin request", attrs...)
	})
}

func (r *request) caller() api.Caller {
	return api.Caller{UID: r.peer.uid, GID: r.peer.gid, PID: r.peer.pid}
}
