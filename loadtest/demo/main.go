// Command demo shows umbra's whole life in a minute: a source under load, a shadow that
// follows it, the source killed in the middle of a write, failover, proof that the
// copy is equal, and producers that go on. `make demo` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	kind := flag.String("source", "umbra", "what to mirror from: umbra or kafka")
	binary := flag.String("umbra", "bin/umbra", "the umbra binary")
	watch := flag.Duration("watch", 8*time.Second, "how long to show the lag under load")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	d := &demo{binary: *binary, watch: *watch}
	err := d.run(ctx, *kind)
	if err = errors.Join(err, d.cleanUp()); err != nil {
		fmt.Fprintln(os.Stderr, "demo failed:", err)
		os.Exit(1)
	}
	fmt.Println("\nDone. Everything is stopped and removed.")
}
