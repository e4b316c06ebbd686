package measure

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// AwaitDisk waits until everything that was written on this machine lies on its disks,
// so that the kernel's writing of it does not fall into the next stretch.
func AwaitDisk(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		unix.Sync()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the disk: %w", ctx.Err())
	}
}
