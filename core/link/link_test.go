package link

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"umbra/core/link/spec"
	"umbra/core/metadata"
)

// TestFirstSightOfAPause: a link that is paused before its goroutine has heard of any
// metadata lets go of what its first look has begun.
func TestFirstSightOfAPause(t *testing.T) {
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	store, err := metadata.Open(ctx, metadata.Options{Dir: t.TempDir(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	def, err := store.CreateLink(ctx, spec.Definition{Name: "dr", Bootstrap: []string{"127.0.0.1:1"},
		Filter: spec.Filter{Include: []spec.Pattern{{Kind: spec.Literal, Text: "orders"}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, paused := range []bool{false, true} {
		if _, err := store.UpdateLink(ctx, "dr", func(d *spec.Link) error { d.Paused = paused; return nil }); err != nil {
			t.Fatal(err)
		}
		l := newLink(Config{Store: store, DataDir: t.TempDir(), Log: log, Now: time.Now}, "dr", def.ID)
		l.follow(ctx, nil, store.Snapshot())
		if held := l.generation.Load() > 0; held != paused {
			t.Errorf("paused %v: held %v", paused, held)
		}
	}
}
