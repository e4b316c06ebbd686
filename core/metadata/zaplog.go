package metadata

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// slogCore hands etcd's zap records to slog. etcd narrates every step of its
// start at info; an operator wants to hear from it when something is wrong, so
// the threshold is warn. Records that are known to mean nothing here become
// debug ones (harmless).
type slogCore struct {
	log    *slog.Logger
	fields []zapcore.Field
}

// harmlessRecord is a record that etcd writes at warn or error although nothing
// is wrong with the member inside this process.
type harmlessRecord struct {
	message string // all of it, or its end: raft writes ids and terms in front
	// causes: the record's error must hold one of them; none: whatever it holds.
	causes []string
	why    string
}

// harmless lists them. A message that is here with another cause keeps its
// level: the listener of a running member that breaks is said with the same
// words as one that is closed.
func harmless() []harmlessRecord {
	closed := []string{"mux: server closed", "mux: listener closed", "http: Server closed", "use of closed network connection", "grpc: the server has been stopped"}
	return []harmlessRecord{
		{"Running http and grpc server on single port. This is not recommended for production.", nil,
			"the port is a Unix socket that nobody dials: the client is in this process"},
		{"simple token is not cryptographically signed", nil,
			"authentication is off; the sockets can be opened by this user only"},
		{"Failed to detect schema version", []string{"missing term information"},
			"a new database has no term until the first entry is applied; etcd looks again"},
		{"failed to update storage version", []string{"missing term information"},
			"the same, said by the monitor that looks again"},
		{"since there are still pending configuration changes to apply", nil,
			"the only member wants to lead before it has applied its own membership; it tries again"},
		{"failed to update cluster version", []string{"etcdserver: request cancelled"},
			"the member is closed while it writes its version down; the next start writes it. Nothing else cancels that request"},
		{"aborting cluster version update; server is stopped", nil, "the same, a moment later"},
		{"failed to publish local member to cluster through raft", []string{"etcdserver: too many requests"},
			"after more than 5,000 changes in all a start believes to be as many behind until it has applied its first entry; it tries again at once"},
		{"setting up serving from embedded etcd failed.", closed, "the listener ended because the member is being closed"},
		{"stopping insecure grpc server due to error", closed, "the same"},
		{"stopped insecure grpc server due to error", closed, "the same"},
	}
}

// isHarmless looks a record up by its message and the text of its error.
func isHarmless(message string, err any) bool {
	text, _ := err.(string)
	holds := func(cause string) bool { return strings.Contains(text, cause) }
	return slices.ContainsFunc(harmless(), func(h harmlessRecord) bool {
		return strings.HasSuffix(message, h.message) && (len(h.causes) == 0 || slices.ContainsFunc(h.causes, holds))
	})
}

func newZap(log *slog.Logger) *zap.Logger {
	return zap.New(&slogCore{log: log.With("component", "etcd")})
}

func (c *slogCore) Enabled(l zapcore.Level) bool {
	return l >= zapcore.WarnLevel && c.log.Enabled(context.Background(), slogLevel(l))
}

func (c *slogCore) With(fields []zapcore.Field) zapcore.Core {
	return &slogCore{log: c.log, fields: append(c.fields[:len(c.fields):len(c.fields)], fields...)}
}

func (c *slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c *slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range c.fields {
		f.AddTo(enc)
	}
	for _, f := range fields {
		f.AddTo(enc)
	}
	attrs := make([]slog.Attr, 0, len(enc.Fields))
	for k, v := range enc.Fields {
		attrs = append(attrs, slog.Any(k, v))
	}
	level := slogLevel(e.Level)
	if isHarmless(e.Message, enc.Fields["error"]) {
		level = slog.LevelDebug
	}
	c.log.LogAttrs(context.Background(), level, e.Message, attrs...)
	return nil
}

func (c *slogCore) Sync() error { return nil }

func slogLevel(l zapcore.Level) slog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return slog.LevelError
	case l == zapcore.WarnLevel:
		return slog.LevelWarn
	case l == zapcore.InfoLevel:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}
