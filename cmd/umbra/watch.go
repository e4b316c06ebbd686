package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"umbra/admin/client"
)

// watchFlags are the flags of a command that can repeat itself.
type watchFlags struct {
	on       bool
	interval time.Duration
}

func (f *watchFlags) add(cmd *cobra.Command, a *app) {
	cmd.Flags().BoolVarP(&f.on, "watch", "w", false, "repeat until interrupted")
	cmd.Flags().DurationVar(&f.interval, "interval", a.interval, "time between two looks of --watch")
}

// watch runs look once, or with --watch until the context ends: on a terminal
// the screen is redrawn, elsewhere one output follows the other. A daemon that
// does not answer is shown and asked again, because that is when people watch.
// look writes to out and returns the exit code that its answer stands for; the
// last one is the command's.
func (a *app) watch(ctx context.Context, f *watchFlags, look func(context.Context) (int, error)) error {
	if !f.on {
		code, err := look(ctx)
		if err != nil {
			return err
		}
		return silent(code)
	}
	if f.interval <= 0 {
		return &failure{code: exitUsage, what: fmt.Sprintf("interval %s is not a time to wait", f.interval), do: "give --interval such as 2s"}
	}
	out := a.out
	defer func() { a.out = out }()
	for code := exitOK; ; {
		var screen bytes.Buffer
		a.out = &screen
		now, err := look(ctx)
		var away *client.Unreachable
		switch {
		case ctx.Err() != nil:
			return silent(code)
		case errors.As(err, &away):
			now = exitUnreachable
			screen.Reset()
			unreachable(away).report(&screen)
		case err != nil:
			return err
		}
		code = now
		if a.outTTY {
			io.WriteString(out, "\x1b[H\x1b[2J")
		}
		out.Write(screen.Bytes())
		if !a.outTTY && a.output != "json" {
			fmt.Fprintln(out)
		}
		select {
		case <-ctx.Done():
			return silent(code)
		case <-time.After(f.interval):
		}
	}
}
