package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is the release this tree becomes.
const version = "0.1.0"

// build is what this binary is.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"` // empty when built outside a checkout
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value[:min(len(s.Value), 12)]
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b build) String() string {
	commit := ""
	if b.Commit != "" {
		commit = " (commit " + b.Commit
		if b.Modified {
			commit += ", modified"
		}
		commit += ")"
	}
	return fmt.Sprintf("umbra %s%s %s %s", b.Version, commit, b.Go, b.Platform)
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "say what this binary is", Args: exactly(),
		Example: "  umbra version\n  umbra version -o json",
		RunE: func(*cobra.Command, []string) error {
			if err := a.checkOutput(); err != nil {
				return err
			}
			if a.output == "json" {
				e := json.NewEncoder(a.out)
				e.SetIndent("", "  ")
				return failed(e.Encode(thisBuild()))
			}
			fmt.Fprintln(a.out, thisBuild())
			return nil
		},
	}
}
