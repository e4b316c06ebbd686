package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"umbra/bench/progress"
	"umbra/bench/report"
	"umbra/loadtest/umbra"
)

// common are the flags that every bench has.
type common struct {
	umbra  string // path of the binary; empty: find or build it
	dir    string // for data; empty: the system's folder for temporary files
	seed   uint64
	short  bool
	output string // table or json
	json   string // file; empty: none
}

// add puts the flags into fs. Short says what --short makes of this bench.
func (c *common) add(fs *pflag.FlagSet, short string) {
	fs.StringVar(&c.umbra, "umbra", "", "umbra binary (default: umbra beside this program, else it is built from ./cmd/umbra)")
	fs.StringVar(&c.dir, "dir", "", "folder for data, on the disk to be measured (default: the system's folder for temporary files)")
	fs.Uint64Var(&c.seed, "seed", 1, "seed of whatever is drawn by lot")
	fs.BoolVar(&c.short, "short", false, short+"; other flags still count")
	c.addOutput(fs)
	fs.StringVar(&c.json, "json", "", "also write the report as JSON to this file")
}

// addOutput is -o alone.
func (c *common) addOutput(fs *pflag.FlagSet) {
	fs.StringVarP(&c.output, "output", "o", "table", "form of standard output: table or json")
}

// check reports a fault in the flags, before anything is begun.
func (c *common) check() error {
	if c.output != "table" && c.output != "json" {
		return fmt.Errorf("-o %q: want table or json", c.output)
	}
	return nil
}

// unless sets what --short stands for, where the flag called name was not given.
func (c *common) unless(fs *pflag.FlagSet, name string, set func()) {
	if c.short && !fs.Changed(name) {
		set()
	}
}

// binary finds or builds umbra; the caller removes what was built.
func (c *common) binary(ctx context.Context) (path string, remove func(), err error) {
	keep := func() {}
	if c.umbra != "" {
		_, err := os.Stat(c.umbra)
		return c.umbra, keep, err
	}
	if exe, err := os.Executable(); err == nil {
		path := filepath.Join(filepath.Dir(exe), "umbra")
		if _, err := os.Stat(path); err == nil {
			return path, keep, nil
		}
	}
	dir, err := os.MkdirTemp("", "umbra-bench-bin-")
	if err != nil {
		return "", keep, err
	}
	path, err = umbra.Build(ctx, dir)
	remove = func() { os.RemoveAll(dir) }
	if err != nil {
		remove()
		return "", keep, fmt.Errorf("%w\nname a binary with --umbra", err)
	}
	return path, remove, nil
}

// print writes the report r, or what there is of it after an error, as the flags
// say; head is r's own and gets the values of the flags.
func (c *common) print(cmd *cobra.Command, head *report.Head, r any, table func(io.Writer) error) error {
	head.Flags = flagValues(cmd.Flags())
	doc, err := report.Marshal(r)
	if err != nil {
		return err
	}
	if c.json != "" {
		if err := report.WriteFile(c.json, doc); err != nil {
			return err
		}
	}
	return c.show(cmd, doc, table)
}

// show writes to standard output, in the form that -o names; doc is the JSON.
func (c *common) show(cmd *cobra.Command, doc []byte, table func(io.Writer) error) error {
	if c.output == "json" {
		_, err := cmd.OutOrStdout().Write(doc)
		return err
	}
	return table(cmd.OutOrStdout())
}

// terminal is where progress is shown: standard error, if a person reads it.
func terminal() progress.Line {
	var p progress.Line
	if term.IsTerminal(int(os.Stderr.Fd())) {
		p.To = os.Stderr
	}
	return p
}

// flagValues is every flag's value, for the report.
func flagValues(fs *pflag.FlagSet) map[string]string {
	out := map[string]string{}
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			out[f.Name] = f.Value.String()
		}
	})
	return out
}

// size is a flag in bytes: "4GiB", "20MB", "1024".
type size int64

func (s *size) String() string { return humanize.IBytes(uint64(*s)) }
func (s *size) Type() string   { return "SIZE" }

func (s *size) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err == nil && n > 1<<50 {
		err = errors.New("that is more than a PiB")
	}
	*s = size(n)
	return err
}
