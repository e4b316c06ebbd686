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

func newLinkCreate(a *app) *cobra.Command {
	var def api.LinkDefinition
	var target time.Duration
	var options []string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "create LINK --from HOST:PORT --topics PATTERN", Short: "begin to shadow topics of another cluster", Args: exactly("LINK"),
		Long: `Begin to shadow topics of another cluster: same names, ids, offsets and bytes,
read-only until a failover. A pattern is a name, a glob (orders*, *-eu, log-?) or
prefix:TEXT; --exclude wins. Internal topics (__*) are copied only when they are
named in full.

Options, for --option KEY=VALUE:
` + optionTable(),
		Example: `  umbra link create dr --from prod-1:9092,prod-2:9092 --topics 'orders*,pay-*' --exclude '*-tmp'
  umbra link create dr --from prod-1:9092 --topics '*' --dry-run
  umbra link create dr --from prod-1:9092 --topics clicks --start latest
  umbra link create dr --from prod-1:9092 --topics '*' --option fetch_max_bytes=4MiB --option client_id=dr-site`,
	}
	cmd.RunE = a.do(func(ctx context.Context, c *client.Client, args []string) error {
		def.Name = args[0]
		def.RPOTargetSeconds = target.Seconds()
		if target < 0 {
			return &failure{code: exitUsage, what: fmt.Sprintf("RPO target %s is below 0", target), do: "give --rpo-target such as 5s"}
		}
		var err error
		if def.Options, err = optionValues(options); err != nil {
			return err
		}
		create := c.CreateLink
		if dryRun {
			create = c.PlanLink
		}
		plan, err := create(ctx, api.CreateLink{LinkDefinition: def})
		if err != nil {
			return err
		}
		return a.show(plan, []string{plan.Link.Name}, func(w io.Writer, v view) { renderLinkPlan(w, plan, v) })
	})
	f := cmd.Flags()
	f.StringSliceVar(&def.Bootstrap, "from", nil, "HOST:PORT of one or more brokers of the source")
	f.StringSliceVar(&def.Topics, "topics", nil, "topics to shadow: names, globs (orders*) and prefixes (prefix:orders)")
	f.StringSliceVar(&def.Exclude, "exclude", nil, "topics to leave out; wins over --topics")
	f.StringVar(&def.Start, "start", "earliest", "where to begin: earliest, latest or an RFC 3339 time")
	f.DurationVar(&target, "rpo-target", 0, "recovery point to hold, such as 5s; status is unhealthy above it")
	f.StringArrayVar(&options, "option", nil, "`KEY=VALUE` of an option above; may be given several times")
	f.BoolVar(&dryRun, "dry-run", false, "show what would be shadowed and create nothing")
	if err := cmd.RegisterFlagCompletionFunc("option", completeOptions); err != nil {
		panic("BUG: " + err.Error())
	}
	for _, name := range []string{"from", "topics"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic("BUG: " + err.Error())
		}
	}
	return cmd
}
