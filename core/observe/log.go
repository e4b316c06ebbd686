package observe

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// LogOptions say how a daemon logs.
type LogOptions struct {
	Level  string // debug, info, warn or error
	Format string // text, json, or auto: text on a terminal
	TTY    bool   // the writer is a terminal
	// Events, if set, is told of every line with an event. It is called on any
	// goroutine, loops among them, and must not block.
	Events func(Event)
}

// Logs is the daemon's logger with its switch and counters.
type Logs struct {
	*slog.Logger
	// Audit is for who asked for what. It makes no events: those who ask must
	// not be able to push what happened out of sight.
	Audit  *slog.Logger
	level  slog.LevelVar
	counts [4]atomic.Uint64 // debug, info, warn, error
}

// NewLogger makes the root logger. Times are UTC in RFC 3339 with milliseconds.
func NewLogger(w io.Writer, o LogOptions) (*Logs, error) {
	l := &Logs{}
	if err := l.SetLevel(o.Level); err != nil {
		return nil, err
	}
	opts := &slog.HandlerOptions{Level: &l.level, ReplaceAttr: readable}
	var h slog.Handler
	switch {
	case o.Format == "json", o.Format == "auto" && !o.TTY:
		h = slog.NewJSONHandler(w, opts)
	case o.Format == "text", o.Format == "auto":
		h = slog.NewTextHandler(w, opts)
	default:
		return nil, fmt.Errorf("log format %q is not auto, text or json", o.Format)
	}
	h = counting{h, l}
	l.Audit = slog.New(h).With("audit", true)
	if o.Events != nil {
		h = announcing{Handler: h, tell: o.Events, event: Event{Partition: -1}}
	}
	l.Logger = slog.New(h)
	return l, nil
}

// readable writes times in UTC, and durations with their unit: JSON would have
// bare nanoseconds.
func readable(groups []string, a slog.Attr) slog.Attr {
	switch {
	case len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime:
		a.Value = slog.StringValue(a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
	case a.Value.Kind() == slog.KindDuration:
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// levels in the order of Logs.counts.
func levels() []slog.Level {
	return []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
}

// SetLevel changes what is logged from now on.
func (l *Logs) SetLevel(name string) error {
	for _, level := range levels() {
		if strings.EqualFold(level.String(), name) {
			l.level.Set(level)
			return nil
		}
	}
	return fmt.Errorf("log level %q is not debug, info, warn or error", name)
}

// Level is the least level that is logged.
func (l *Logs) Level() string { return strings.ToLower(l.level.Level().String()) }

// Collect emits umbra_log_messages_total.
func (l *Logs) Collect(e *Emit) {
	for i, level := range levels() {
		e.Value("umbra_log_messages_total", float64(l.counts[i].Load()), strings.ToLower(level.String()))
	}
}

// counting counts what passes to the handler behind it.
type counting struct {
	slog.Handler
	logs *Logs
}

func (c counting) Handle(ctx context.Context, r slog.Record) error {
	i, found := slices.BinarySearch(levels(), r.Level)
	if !found {
		i = max(0, i-1) // levels between ours count as the one below
	}
	c.logs.counts[i].Add(1)
	return c.Handler.Handle(ctx, r)
}

func (c counting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return counting{c.Handler.WithAttrs(attrs), c.logs}
}

func (c counting) WithGroup(name string) slog.Handler {
	return counting{c.Handler.WithGroup(name), c.logs}
}

// limitedKeysMax bounds what a Limited remembers.
const limitedKeysMax = 1024

// Limited logs repeated lines at most once per period for each key; the next
// line that is written says how many were left out. Safe for any goroutine.
type Limited struct {
	log   *slog.Logger
	every time.Duration
	now   func() time.Time
	mu    sync.Mutex // faults are reported from every shard
	keys  map[string]*repeat
}

type repeat struct {
	at      time.Time // of the last line written
	skipped int
}

// NewLimited limits log. now is the clock, time.Now outside tests.
func NewLimited(log *slog.Logger, every time.Duration, now func() time.Time) *Limited {
	return &Limited{log: log, every: every, now: now, keys: map[string]*repeat{}}
}

// Log writes one line unless one of the same key was written within the
// period. key is what makes lines repetitions, such as message and broker.
func (l *Limited) Log(level slog.Level, key, msg string, args ...any) {
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	skipped, ok := l.take(key)
	if !ok {
		return
	}
	if skipped > 0 {
		args = append(args[:len(args):len(args)], "repeated", skipped)
	}
	l.log.Log(context.Background(), level, msg, args...)
}

// take decides about one line.
func (l *Limited) take(key string) (skipped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	r := l.keys[key]
	if r == nil {
		l.makeRoom(now)
		l.keys[key] = &repeat{at: now}
		return 0, true
	}
	if now.Sub(r.at) < l.every {
		r.skipped++
		return 0, false
	}
	skipped = r.skipped
	r.at, r.skipped = now, 0
	return skipped, true
}

// makeRoom forgets keys whose period is over, and all of them when that is not
// enough: a few lines too many are better than growing without bound.
func (l *Limited) makeRoom(now time.Time) {
	if len(l.keys) < limitedKeysMax {
		return
	}
	for k, r := range l.keys {
		if now.Sub(r.at) >= l.every {
			delete(l.keys, k)
		}
	}
	if len(l.keys) >= limitedKeysMax {
		clear(l.keys)
	}
}
