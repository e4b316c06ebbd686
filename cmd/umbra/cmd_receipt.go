package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"umbra/admin/api"
	"umbra/admin/client"
)

func newReceipt(a *app) *cobra.Command {
	var operation string
	cmd := &cobra.Command{
		Use: "receipt LINK", Short: "the stored receipt of a failover", Args: exactly("LINK"),
		Long: `Show the receipt of a link's latest failover as the daemon keeps it: for when the
command that began it did not live to print it. It is there when the failover has
ended, also one that a crash had interrupted, and after the link is deleted. With
-o json it is the sealed document that failover writes.`,
		Example: `  umbra receipt dr
  umbra receipt dr -o json > receipt.json
  umbra receipt dr --operation op-0123456789abcdef   # an earlier one, as the log names it`,
		ValidArgsFunction: a.completeLinks(),
		RunE: a.do(func(ctx context.Context, c *client.Client, args []string) error {
			r, err := c.Receipt(ctx, args[0], operation)
			if err != nil {
				return err
			}
			return a.show(r, []string{r.Operation}, func(w io.Writer, v view) { renderStored(w, r, v) })
		}),
	}
	cmd.Flags().StringVar(&operation, "operation", "", "the failover's operation (default: the link's latest)")
	return cmd
}

// renderStored is a receipt that was not given just now.
func renderStored(w io.Writer, r *api.Receipt, v view) {
	fmt.Fprintf(w, "Failover  %s, ended %s, asked for by uid %d\n", r.Operation, r.FinishedAt.UTC().Format(time.RFC3339), r.RequestedBy.UID)
	if r.PartitionsLeftOut {
		fmt.Fprintln(w, "          what was found of each partition was too much to keep: it is left out here")
	}
	renderReceipt(w, r, "", v)
}
