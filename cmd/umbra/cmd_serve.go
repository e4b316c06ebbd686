package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"umbra/core/config"
)

// serveFlags are the command-line spellings of settings. What is not here is
// set in the file, by UMBRA_SECTION_KEY, or (Kafka's own settings) by --set.
type serveFlags struct {
	config, data, listen, advertise, metrics string
	set                                      []string
}

func newServe(a *app) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use: "serve", Short: "run the broker", Args: exactly(),
		Example: `  umbra serve                                     # defaults, data in ./umbra-data
  umbra serve --config /etc/umbra/umbra.toml
  umbra serve --data /var/lib/umbra --listen 0.0.0.0:9092 --advertise dr-1.example.com:9092
  umbra serve --listen 127.0.0.1:0 --metrics 127.0.0.1:0 --set auto.create.topics.enable=true`,
		Long: `Run the broker in the foreground. Flags beat UMBRA_* variables, these beat the
file, it beats the defaults; every default works on an empty directory. Port 0
takes any free port. The log goes to stderr. When it serves, one line goes to
stdout:

  ready listen=HOST:PORT metrics=HOST:PORT admin=PATH

SIGTERM and SIGINT stop it cleanly, within 10 s.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(config.Options{File: f.config, Environ: a.environ, Flags: f.flags(cmd, a.admin)})
			if err != nil {
				return a.problems("the configuration", err)
			}
			return failed(a.serve(cmd.Context(), c))
		},
	}
	cmd.Flags().StringVar(&f.config, "config", "", "TOML file to read")
	cmd.Flags().StringVar(&f.data, "data", "", "directory of all data (storage.dir; default ./umbra-data)")
	cmd.Flags().StringVar(&f.listen, "listen", "", "HOST:PORT for Kafka clients (kafka.listen; default 0.0.0.0:9092)")
	cmd.Flags().StringVar(&f.advertise, "advertise", "", "HOST:PORT clients are told to connect to (kafka.advertise; default follows --listen)")
	cmd.Flags().StringVar(&f.metrics, "metrics", "", "HOST:PORT for /metrics, /health and /ready (ops.http; default 127.0.0.1:9644)")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "KAFKA.CONFIG=VALUE, a broker setting under Kafka's own name; may be repeated")
	return cmd
}

// flags are the settings given on the command line, as the configuration takes
// them. --admin is every command's flag; here it says where the socket is made.
func (f *serveFlags) flags(cmd *cobra.Command, admin string) []config.Flag {
	var out []config.Flag
	for _, s := range []struct{ flag, key, value string }{
		{"data", "storage.dir", f.data}, {"listen", "kafka.listen", f.listen}, {"advertise", "kafka.advertise", f.advertise},
		{"metrics", "ops.http", f.metrics}, {"admin", "admin.socket", admin},
	} {
		if cmd.Flags().Changed(s.flag) {
			out = append(out, config.Flag{Key: s.key, Name: "--" + s.flag, Value: s.value})
		}
	}
	for _, s := range f.set {
		name, value, _ := strings.Cut(s, "=")
		out = append(out, config.Flag{Key: "kafka.properties." + name, Name: "--set " + name, Value: value})
	}
	return out
}

// serve runs a daemon until ctx ends or a part of it fails.
func (a *app) serve(ctx context.Context, c *config.Config) error {
	d, err := startDaemon(ctx, c, os.Stderr, a.errTTY)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "ready listen=%s metrics=%s admin=%s\n", d.listen(), d.metrics(), c.AdminSocket())
	var failure error
	select {
	case <-ctx.Done():
		d.log.Info("stopping")
	case failure = <-d.group.Failed():
		d.log.Error("a shard failed; stopping", "err", failure)
	case failure = <-d.store.Failed():
		d.log.Error("the metadata store failed; stopping", "err", failure)
	}
	return notStopped(errors.Join(failure, d.stop()))
}

// notStopped says of a stop that ran out of time what that means.
func notStopped(err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &failure{code: exitError, what: fmt.Sprintf("umbra did not stop within %v, and ended as it was", stopTimeout), why: err.Error(),
		do: "start it again: what was acknowledged is kept, and logs that were left open are checked when they are opened"}
}

// reachable turns the address the broker listens on into one that clients can
// be told when nobody said which. A broker that listens on every address is
// told as this machine's loopback: right for a trial, and a wrong guess at a
// public name would be worse than one that fails at once.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return listen
}
