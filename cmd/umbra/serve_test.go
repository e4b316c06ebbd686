package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A stop that ran out of time is not a command that stopped waiting for a daemon.
func TestAStopOutOfTimeSaysWhatItMeans(t *testing.T) {
	hung := fmt.Errorf("stop shards: close logs of shard 1: %w", context.DeadlineExceeded)
	var f *failure
	if err := failed(notStopped(errors.Join(nil, hung))); !errors.As(err, &f) || f.code != exitError {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"did not stop within 9s", "close logs of shard 1", "start it again"} {
		if text := f.what + "\n" + f.why + "\n" + f.do; !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	other := errors.New("the disk is gone")
	if err := notStopped(errors.Join(other, nil)); !errors.Is(err, other) || errors.As(err, &f) {
		t.Errorf("another failure became %v", err)
	}
	if err := notStopped(errors.Join(nil, nil)); err != nil {
		t.Errorf("a clean stop became %v", err)
	}
}
