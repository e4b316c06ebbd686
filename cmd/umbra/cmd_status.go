package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"umbra/admin/client"
)

func newStatus(a *app) *cobra.Command {
	var watch watchFlags
	cmd := &cobra.Command{
		Use: "status", Short: "the broker and all links, worst first; exit 10 if something needs you", Args: exactly(),
		Example: `  umbra status
  umbra status --watch
  umbra status -o json | jq -r '.links[] | [.name, .state, .rpo.seconds] | @tsv'`,
	}
	cmd.RunE = a.do(func(ctx context.Context, c *client.Client, _ []string) error {
		return a.watch(ctx, &watch, func(ctx context.Context) (int, error) {
			s, err := c.Status(ctx)
			if err != nil {
				return 0, err
			}
			err = a.show(s, linkNames(s.Links), func(w io.Writer, v view) { renderStatus(w, s, v) })
			return health(s.Healthy), err
		})
	})
	watch.add(cmd, a)
	return cmd
}

// health is the exit code of a status.
func health(ok bool) int {
	if ok {
		return exitOK
	}
	return exitUnhealthy
}
