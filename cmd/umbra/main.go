// Command umbra is the daemon (umbra serve) and the command line that operates
// it over the admin socket. The command line knows the admin API and nothing
// else: whatever it shows, a script can have as JSON.
//
// root.go is the command tree; cmd_*.go are the commands, one file per family;
// render_*.go turn documents of the API into text and are pure.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, newApp(), newServe, os.Args[1:])
	stop()
	os.Exit(code)
}
