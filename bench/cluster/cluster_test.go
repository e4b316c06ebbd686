package cluster

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestAwait(t *testing.T) {
	tries := 0
	got, err := await(context.Background(), time.Minute, "count", func() (int, error) {
		if tries++; tries < 3 {
			return 0, errors.New("not yet")
		}
		return tries, nil
	})
	if got != 3 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := await(context.Background(), time.Millisecond, "count", func() (int, error) { return 0, errors.New("never") }); err == nil || err.Error() != "count: never" {
		t.Errorf("got %v", err)
	}
}
