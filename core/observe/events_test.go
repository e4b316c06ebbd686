package observe

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestLinesWithAnEventAreTold(t *testing.T) {
	var out bytes.Buffer
	var told []Event
	l, err := NewLogger(&out, LogOptions{Level: "error", Format: "text", Events: func(e Event) { told = append(told, e) }})
	if err != nil {
		t.Fatal(err)
	}
	f := func(want Event) {
		t.Helper()
		if len(told) != 1 {
			t.Fatalf("%d events: %+v", len(told), told)
		}
		got := told[0]
		if got.At.IsZero() {
			t.Error("the event has no time")
		}
		got.At = want.At
		if got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		told = nil
	}
	link := l.With("component", "link", "link", "dr")
	// Told although the log shows errors only.
	link.Info("shadow topic created", "event", "topic_created", "topic", "orders", "partitions", 6)
	f(Event{Level: slog.LevelInfo, Type: "topic_created", Link: "dr", Topic: "orders", Partition: -1, Message: "shadow topic created partitions=6"})
	link.With("why", "a test").Error("gap", "event", "gap", "topic", "orders", "partition", int32(3), "from", int64(5), "err", errors.New("two words"))
	f(Event{Level: slog.LevelError, Type: "gap", Link: "dr", Topic: "orders", Partition: 3, Message: `gap why="a test" from=5 err="two words"`})
	l.With("event", "cut", "partition", 0).Warn("cut")
	f(Event{Level: slog.LevelWarn, Type: "cut", Partition: 0, Message: "cut"})

	link.Debug("no", "event", "too_low")
	link.Info("no")
	link.WithGroup("g").Info("no", "event", "in a group")
	l.Audit.Error("no", "event", "admin_request")
	if len(told) != 0 {
		t.Errorf("told %+v", told)
	}
	// What is written does not change.
	if got := out.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "component=link link=dr why=\"a test\" event=gap topic=orders partition=3 from=5") {
		t.Errorf("log:\n%s", got)
	}
}

// Two loggers made from one must not write into each other's attributes.
func TestEventAttributesAreNotShared(t *testing.T) {
	var told []Event
	l, err := NewLogger(&bytes.Buffer{}, LogOptions{Level: "info", Format: "text", Events: func(e Event) { told = append(told, e) }})
	if err != nil {
		t.Fatal(err)
	}
	base := l.With("a", 1, "b", 2, "c", 3)
	x, y := base.With("x", 1), base.With("y", 1)
	x.Info("m", "event", "e")
	y.Info("m", "event", "e")
	if told[0].Message != "m a=1 b=2 c=3 x=1" || told[1].Message != "m a=1 b=2 c=3 y=1" {
		t.Errorf("%+v", told)
	}
}
