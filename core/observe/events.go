package observe

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Event is a log line that says that something happened once: one with the
// attribute "event", whose value is a stable name such as topic_faulted.
type Event struct {
	At        time.Time
	Level     slog.Level
	Type      string
	Link      string
	Topic     string
	Partition int32 // -1: none
	Message   string
}

// announcing hands every event to a function, and every record to the handler
// behind it. Events are told from info on, however little the log shows.
type announcing struct {
	slog.Handler
	tell  func(Event)
	event Event       // what attributes of the logger say
	rest  []slog.Attr // of the logger, for the message
	group bool        // attributes lie in a group by now and are none of ours
}

func (a announcing) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || a.Handler.Enabled(ctx, level)
}

func (a announcing) Handle(ctx context.Context, r slog.Record) error {
	a.announce(r)
	if !a.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return a.Handler.Handle(ctx, r)
}

// announce tells the record's event, if it has one.
func (a announcing) announce(r slog.Record) {
	if a.group || r.Level < slog.LevelInfo {
		return
	}
	ev, rest := a.event, a.rest[:len(a.rest):len(a.rest)]
	r.Attrs(func(attr slog.Attr) bool {
		if !ev.take(attr) {
			rest = append(rest, attr)
		}
		return true
	})
	if ev.Type == "" {
		return
	}
	ev.At, ev.Level, ev.Message = r.Time, r.Level, message(r.Message, rest)
	a.tell(ev)
}

// take keeps an attribute that is a field of an event.
func (e *Event) take(a slog.Attr) bool {
	v := a.Value.Resolve()
	switch a.Key {
	case "event":
		e.Type = v.String()
	case "link":
		e.Link = v.String()
	case "topic":
		e.Topic = v.String()
	case "partition":
		if v.Kind() != slog.KindInt64 {
			return false
		}
		e.Partition = int32(v.Int64())
	case "component", "shard": // where in umbra, which is for the log only
	default:
		return false
	}
	return true
}

// message is the record's text and its other attributes.
func message(text string, attrs []slog.Attr) string {
	var b strings.Builder
	b.WriteString(text)
	for _, a := range attrs {
		v := a.Value.Resolve().String()
		if strings.ContainsAny(v, " \n\t\"=") {
			v = fmt.Sprintf("%q", v)
		}
		fmt.Fprintf(&b, " %s=%s", a.Key, v)
	}
	return b.String()
}

func (a announcing) WithAttrs(attrs []slog.Attr) slog.Handler {
	a.Handler = a.Handler.WithAttrs(attrs)
	if a.group {
		return a
	}
	a.rest = a.rest[:len(a.rest):len(a.rest)]
	for _, attr := range attrs {
		if !a.event.take(attr) {
			a.rest = append(a.rest, attr)
		}
	}
	return a
}

func (a announcing) WithGroup(name string) slog.Handler {
	a.Handler, a.group = a.Handler.WithGroup(name), true
	return a
}
