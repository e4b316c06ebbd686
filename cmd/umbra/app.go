package main

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"umbra/admin/api"
	"umbra/admin/client"
)

// defaultSocket is where packages put the admin socket.
const defaultSocket = "/run/umbra/admin.sock"

// app is what every command works with: the process's streams and the options
// that all commands share. Tests make their own.
type app struct {
	in       io.Reader
	out      io.Writer // documents
	err      io.Writer // progress, prompts and errors
	inTTY    bool      // a person can answer a prompt
	outTTY   bool
	errTTY   bool
	getenv   func(string) string
	environ  []string // NAME=VALUE, for what serve would read
	now      func() time.Time
	dir      string        // where receipts are written
	interval time.Duration // of --watch, unless it is given

	admin  string // --admin
	output string // --output
}

func newApp() *app {
	tty := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	return &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		inTTY: tty(os.Stdin), outTTY: tty(os.Stdout), errTTY: tty(os.Stderr),
		getenv: os.Getenv, environ: os.Environ(), now: time.Now, dir: ".", interval: time.Second,
	}
}

// client makes a client of the daemon that --admin or UMBRA_ADMIN names.
func (a *app) client() (*client.Client, error) {
	address := a.admin
	if address == "" {
		address = a.getenv("UMBRA_ADMIN")
	}
	if address == "" {
		address = findSocket()
	}
	c, err := client.New(address)
	if err != nil {
		return nil, &failure{code: exitUsage, what: err.Error(), do: "give --admin or UMBRA_ADMIN the path of the daemon's socket"}
	}
	return c, nil
}

// view is how this run shows documents on stdout.
func (a *app) view() view {
	return view{color: a.outTTY && a.colors(), wide: a.output == "wide"}
}

// colors is false where the person asked for none.
func (a *app) colors() bool { return a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb" }

// show prints doc in the form asked for: names lists what -o name prints.
func (a *app) show(doc api.Document, names []string, render func(io.Writer, view)) error {
	switch a.output {
	case "json":
		b, err := api.Marshal(doc, true)
		if err != nil {
			return err
		}
		_, err = a.out.Write(b)
		return err
	case "name":
		for _, n := range names {
			io.WriteString(a.out, n+"\n")
		}
		return nil
	}
	render(a.out, a.view())
	return nil
}

// do is the RunE of a command that calls the daemon.
func (a *app) do(f func(ctx context.Context, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := a.checkOutput(); err != nil {
			return err
		}
		c, err := a.client()
		if err != nil {
			return err
		}
		defer c.Close()
		return failed(f(cmd.Context(), c, args))
	}
}

// checkOutput refuses a form that no command has.
func (a *app) checkOutput() error {
	switch a.output {
	case "table", "wide", "json", "name":
		return nil
	}
	return &failure{code: exitUsage, what: "output form " + a.output + " does not exist", do: "use -o table, wide, json or name"}
}
