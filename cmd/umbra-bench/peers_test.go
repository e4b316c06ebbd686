package main

import (
	"slices"
	"testing"

	"umbra/bench/peers"
)

// peersOf runs the flags of a command line through --short.
func peersOf(t *testing.T, args ...string) (peers.Options, error) {
	t.Helper()
	f := newPeersFlags()
	fs := f.flagSet()
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	f.shrink(fs)
	return f.parse()
}

// --short gives way to what is asked for by name; without it nothing is left out.
func TestPeersFlags(t *testing.T) {
	long, err := peersOf(t)
	if err != nil || len(long.Systems) != len(peers.Systems()) || !slices.Equal(long.Records, []int{1024, 100}) || !slices.Equal(long.Rates, []float64{1e6, 20e6}) || long.Rounds < 3 {
		t.Errorf("defaults: %+v, %v", long, err)
	}
	short, err := peersOf(t, "--short")
	if err != nil || short.Bytes >= long.Bytes || short.Rounds != 1 || len(short.Records) != 1 || !slices.Contains(short.Systems, peers.MM2Tuned) {
		t.Errorf("short: %+v, %v", short, err)
	}
	mixed, err := peersOf(t, "--short", "--record", "100", "--delay-rate", "", "--system", "umbra,follower")
	if err != nil || !slices.Equal(mixed.Records, []int{100}) || len(mixed.Rates) != 0 || len(mixed.Systems) != 2 || mixed.Bytes != short.Bytes {
		t.Errorf("short with wishes: %+v, %v", mixed, err)
	}
	for _, bad := range [][]string{{"--record", "much"}, {"--delay-rate", "x"}, {"--system", "mm3"}, {"--record", ""}} {
		if o, err := peersOf(t, bad...); err == nil {
			t.Errorf("%q was taken: %+v", bad, o)
		}
	}
}
