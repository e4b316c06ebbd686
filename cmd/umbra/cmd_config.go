package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"umbra/admin/api"
	"umbra/admin/client"
	"umbra/core/config"
)

func newConfig(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "the daemon's configuration: check, show", Args: cobra.ArbitraryArgs, RunE: group,
		Example: `  umbra config check umbra.toml
  umbra config show                               # of the running daemon
  umbra config show --effective --config umbra.toml`,
	}
	cmd.AddCommand(newConfigCheck(a), newConfigShow(a))
	return cmd
}

func newConfigCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "say everything that is wrong with a file; exit 1 if anything is", Args: exactly("FILE"),
		Example: "  umbra config check /etc/umbra/umbra.toml",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := config.Check(args[0], a.environ); err != nil {
				return a.problems(args[0], err)
			}
			fmt.Fprintf(a.out, "%s: ok\n", args[0])
			return nil
		},
	}
}

// problems prints everything that is wrong with a configuration and returns
// the failure that sums it up.
func (a *app) problems(source string, err error) error {
	var all config.Problems
	if !errors.As(err, &all) {
		return failed(err)
	}
	fmt.Fprintln(a.err, all.Error())
	return &failure{code: exitError, what: fmt.Sprintf("%s: %s", source, plural(len(all), "problem")), do: "mend what is marked above, then: umbra config check " + source}
}

func newConfigShow(a *app) *cobra.Command {
	var effective bool
	var file string
	cmd := &cobra.Command{
		Use: "show", Short: "the settings in force and where each comes from; secrets are hidden", Args: exactly(),
		Long: `Show the settings of the running daemon. With --effective no daemon is asked:
what is shown, as TOML, is what "umbra serve" would use here, composed of the
defaults, the file and the environment.`,
		Example: `  umbra config show
  umbra config show --effective --config umbra.toml
  umbra config show -o json | jq -r '.entries[] | select(.origin != "default") | .key'`,
	}
	fromDaemon := a.do(func(ctx context.Context, c *client.Client, _ []string) error {
		doc, err := c.Config(ctx)
		if err != nil {
			return err
		}
		return a.show(doc, configKeys(doc), func(w io.Writer, v view) { renderConfig(w, doc, v) })
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if effective {
			return a.showEffective(file)
		}
		if file != "" {
			return usage(errors.New("--config needs --effective: the running daemon has its own file"), cmd.CommandPath())
		}
		return fromDaemon(cmd, args)
	}
	cmd.Flags().BoolVar(&effective, "effective", false, "what serve would use here, defaults included, without asking a daemon")
	cmd.Flags().StringVar(&file, "config", "", "TOML file, as of serve")
	return cmd
}

func (a *app) showEffective(file string) error {
	if err := a.checkOutput(); err != nil {
		return err
	}
	c, err := config.Load(config.Options{File: file, Environ: a.environ})
	if err != nil {
		source := file
		if source == "" {
			source = "environment"
		}
		return a.problems(source, err)
	}
	doc := configDocument(c)
	return failed(a.show(doc, configKeys(doc), func(w io.Writer, _ view) { io.WriteString(w, c.Effective()) }))
}

// configDocument is a configuration as the admin API shows it.
func configDocument(c *config.Config) *api.Config {
	doc := new(api.Config)
	for _, e := range c.Entries() {
		doc.Entries = append(doc.Entries, api.ConfigEntry{Key: e.Key, Value: e.Value, Origin: string(e.Origin)})
	}
	return doc
}

func configKeys(doc *api.Config) (keys []string) {
	for _, e := range doc.Entries {
		keys = append(keys, e.Key)
	}
	return keys
}

// renderConfig lists settings with where they come from.
func renderConfig(w io.Writer, doc *api.Config, v view) {
	t := newTable("SETTING", "VALUE", "FROM")
	for _, e := range doc.Entries {
		t.row(e.Key, dash(e.Value), e.Origin)
	}
	t.write(w, v)
}

// localSocket is where a daemon without any configuration has its socket.
func localSocket() string {
	c, err := config.Load(config.Options{})
	if err != nil {
		panic("BUG: the defaults do not load: " + err.Error())
	}
	return c.AdminSocket()
}

// findSocket chooses between the two places where a daemon may be that nobody
// named: the packages' own, then the one below the working directory. The
// first is not shadowed by the second, because anybody may have made that.
func findSocket() string {
	if local := localSocket(); !exists(defaultSocket) && exists(local) {
		return local
	}
	return defaultSocket
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
