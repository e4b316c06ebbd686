package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"umbra/bench/link"
	"umbra/bench/peers"
	"umbra/bench/process"
	"umbra/bench/traffic/load"
	"umbra/kafkaproto/compress"
)

func TestSize(t *testing.T) {
	f := func(text string, want size) {
		t.Helper()
		var s size
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%q: got %d, %v; want %d", text, s, err, want)
		}
	}
	f("4GiB", 4<<30)
	f("20MB", 20_000_000)
	f("1024", 1024)
	f("16 KiB", 16<<10)
	for _, bad := range []string{"", "much", "-5", "9999999999 TiB", "3 PiB"} {
		var s size
		if err := s.Set(bad); err == nil {
			t.Errorf("%q was read as %d", bad, s)
		}
	}
}

// shortOf runs the flags of a command line through --short.
func shortOf(t *testing.T, args ...string) linkFlags {
	t.Helper()
	f := defaults()
	fs := f.flagSet()
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	f.shrink(fs)
	return f
}

// --short gives way to what is asked for by name.
func TestShrink(t *testing.T) {
	long := shortOf(t)
	if long.bytes != 4<<30 || long.options.Rounds != 5 || long.seconds != 10 {
		t.Errorf("defaults: %+v", long)
	}
	short := shortOf(t, "--short")
	if short.bytes >= long.bytes || short.options.Rounds >= long.options.Rounds || short.seconds >= long.seconds || short.warm >= long.warm {
		t.Errorf("short: %+v", short)
	}
	mixed := shortOf(t, "--rounds", "7", "--short", "--seconds", "1")
	if mixed.options.Rounds != 7 || mixed.seconds != 1 || mixed.bytes != short.bytes {
		t.Errorf("short with 7 rounds: %+v", mixed)
	}
}

// What the flags ask for is what is measured.
func TestLinkReads(t *testing.T) {
	f := func(args ...string) link.Options {
		t.Helper()
		flags := shortOf(t, args...)
		o, err := flags.read()
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := f(); o.Grid != link.GridNone || o.Ceiling || len(o.DelayRates) != 3 || o.DelayRates[2] != 50e6 {
		t.Errorf("without flags: %+v", o)
	}
	if o := f("--grid", "--codec", "zstd"); o.Grid != link.GridFull || !o.Ceiling || o.Codec != compress.Zstd {
		t.Errorf("--grid: %+v", o)
	}
	if o := f("--cell", "hot"); o.Grid != link.GridFull || len(o.Only) != 1 {
		t.Errorf("--cell: %+v", o)
	}
	if o := f("--short"); o.Grid != link.GridShort || o.Within > time.Minute || len(o.DelayRates) != 1 {
		t.Errorf("--short: %+v", o)
	}
}

func TestUsageErrors(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		root := newRoot()
		root.SetArgs(args)
		root.SetOut(io.Discard)
		if err := root.ExecuteContext(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", args, err, want)
		}
	}
	f("name a bench")
	f(`no bench "lnik"`, "lnik")
	f(`-o "yaml"`, "link", "-o", "yaml")
	f(`--source "x"`, "link", "--source", "x")
	f(`--codec: compression "lz5"`, "link", "--codec", "lz5")
	f(`--delay-rate "x"`, "link", "--delay-rate", "x")
	f(`--cell "hott"`, "link", "--cell", "hott")
	f("--rounds is -1", "link", "--rounds", "-1")
	f(`--shape "7": want TOPICSxPARTITIONS`, "failover", "--shape", "7")
	f("--shape names 2x2 twice", "failover", "--shape", "2x2,2x2")
	f("nowhere", "link", "--umbra", filepath.Join(t.TempDir(), "nowhere"))
}

// The commands that are parts of a bench exist, and do not show.
func TestPartsAreHidden(t *testing.T) {
	var hidden []string
	for _, c := range newRoot().Commands() {
		if c.Hidden {
			hidden = append(hidden, c.Name())
		}
	}
	slices.Sort(hidden)
	if !slices.Equal(hidden, []string{peers.CopyCommand, process.DiscardCommand, load.Command, process.SourceCommand, process.WayCommand}) {
		t.Errorf("hidden: %q", hidden)
	}
}

// A binary that is named is used, and never removed.
func TestNamedBinary(t *testing.T) {
	file := filepath.Join(t.TempDir(), "umbra")
	if err := os.WriteFile(file, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	c := common{umbra: file}
	path, remove, err := c.binary(context.Background())
	if err != nil || path != file {
		t.Fatalf("%q, %v", path, err)
	}
	remove()
	if _, err := os.Stat(file); err != nil {
		t.Errorf("after the bench: %v", err)
	}
}
