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

func newVerify(a *app) *cobra.Command {
	var topics []string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "verify LINK", Short: "prove that the copy is equal to the source, byte for byte", Args: exactly("LINK"),
		Long: `Read the source again and compare every batch with the copy. The report says what
was compared, what differs and what could not be compared, such as records that
are still on their way. Exit 1 if anything differs or nothing could be compared.`,
		Example: `  umbra verify dr
  umbra verify dr --topic orders
  umbra verify dr -o json > verify.json`,
		ValidArgsFunction: a.completeLinks(),
	}
	cmd.RunE = a.do(func(ctx context.Context, c *client.Client, args []string) error {
		op, err := begin(ctx, args[0], topics, c.Verify)
		if err != nil {
			return err
		}
		if op, err = a.await(ctx, c, op, timeout); err != nil {
			return err
		}
		return a.showVerify(op)
	})
	cmd.Flags().StringSliceVar(&topics, "topic", nil, "only this topic (may be repeated)")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "stop waiting after this time (default: wait to the end)")
	return cmd
}

func (a *app) showVerify(op *api.Operation) error {
	r := op.Verify
	if r == nil {
		return &failure{code: exitError, what: fmt.Sprintf("verify of link %q ended without a report", op.Link), why: "operation " + op.ID, do: "run it again"}
	}
	if err := a.show(r, []string{string(r.Result)}, func(w io.Writer, v view) { renderVerify(w, r, v) }); err != nil {
		return err
	}
	switch r.Result {
	case api.Identical:
		return nil
	case api.Different:
		return &failure{code: exitError, what: fmt.Sprintf("the copy of link %q differs from its source", r.Link), why: plural(int(r.DifferencesTotal), "difference") + ", as shown",
			do: "keep both clusters as they are and look at: umbra link describe " + r.Link}
	}
	return &failure{code: exitError, what: fmt.Sprintf("nothing of link %q was compared", r.Link), why: "as the report says", do: "look at: umbra link status " + r.Link}
}
