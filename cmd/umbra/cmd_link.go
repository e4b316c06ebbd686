package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"umbra/admin/api"
	"umbra/admin/client"
)

// worstPartitions is how many partitions link status -o wide shows.
const worstPartitions = 20

func newLink(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "link", Short: "shadow links: create, list, status, describe, pause, resume, delete", Args: cobra.ArbitraryArgs, RunE: group,
		Example: `  umbra link create dr --from prod-1:9092 --topics 'orders*,pay-*'
  umbra link status dr --watch
  umbra link describe dr                          # what is left out, missing or cut`,
	}
	cmd.AddCommand(newLinkCreate(a), newLinkList(a), newLinkStatus(a), newLinkDescribe(a),
		newLinkPause(a), newLinkResume(a), newLinkDelete(a))
	return cmd
}

func newLinkList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "all links, worst first", Args: exactly(),
		Example: "  umbra link list\n  umbra link list -o name",
		RunE: a.do(func(ctx context.Context, c *client.Client, _ []string) error {
			l, err := c.Links(ctx)
			if err != nil {
				return err
			}
			return a.show(l, linkNames(l.Links), func(w io.Writer, v view) { renderLinkList(w, l, v) })
		}),
	}
}

func linkNames(links []api.LinkSummary) (names []string) {
	for i := range links {
		names = append(names, links[i].Name)
	}
	return names
}

func newLinkStatus(a *app) *cobra.Command {
	var watch watchFlags
	cmd := &cobra.Command{
		Use: "status LINK", Short: "one link: recovery point, lag, topics, next step; exit 10 if it needs you", Args: exactly("LINK"),
		Example: `  umbra link status dr
  umbra link status dr --watch
  umbra link status dr -o wide                    # every topic and the worst partitions
  umbra link status dr -o json | jq .rpo`,
		ValidArgsFunction: a.completeLinks(),
	}
	cmd.RunE = a.do(func(ctx context.Context, c *client.Client, args []string) error {
		return a.watch(ctx, &watch, func(ctx context.Context) (int, error) { return a.linkStatus(ctx, c, args[0]) })
	})
	watch.add(cmd, a)
	return cmd
}

func (a *app) linkStatus(ctx context.Context, c *client.Client, link string) (int, error) {
	l, err := c.Link(ctx, link)
	if err != nil {
		return 0, err
	}
	var worst *api.PartitionList
	if a.output == "wide" {
		if worst, err = c.Partitions(ctx, link, "-lag_seconds", worstPartitions); err != nil {
			return 0, err
		}
	}
	err = a.show(l, []string{l.Name}, func(w io.Writer, v view) {
		renderLinkStatus(w, l, v)
		if worst != nil && len(worst.Partitions) > 0 {
			fmt.Fprintln(w, "\nPartitions, the largest lag first")
			renderPartitions(w, worst, v)
		}
	})
	return health(l.Healthy()), err
}

func newLinkDescribe(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "describe LINK", Short: "one link: definition, what is left out, missing or cut, latest events", Args: exactly("LINK"),
		Example:           "  umbra link describe dr",
		ValidArgsFunction: a.completeLinks(),
		RunE: a.do(func(ctx context.Context, c *client.Client, args []string) error {
			l, err := c.Link(ctx, args[0])
			if err != nil {
				return err
			}
			return a.show(l, []string{l.Name}, func(w io.Writer, v view) { renderLinkDescribe(w, l, v) })
		}),
	}
}

func newLinkPause(a *app) *cobra.Command {
	return newLinkChange(a, "pause", "stop copying; the lag grows until it is resumed, and what was faulted stays so", (*client.Client).PauseLink)
}

func newLinkResume(a *app) *cobra.Command {
	return newLinkChange(a, "resume", "go on copying: a paused link, its faulted topics and stopped partitions", (*client.Client).ResumeLink)
}

// newLinkChange is pause or resume.
func newLinkChange(a *app, verb, short string, do func(*client.Client, context.Context, string) (*api.LinkStatus, error)) *cobra.Command {
	return &cobra.Command{
		Use: verb + " LINK", Short: short, Args: exactly("LINK"),
		Example:           "  umbra link " + verb + " dr",
		ValidArgsFunction: a.completeLinks(),
		RunE: a.do(func(ctx context.Context, c *client.Client, args []string) error {
			l, err := do(c, ctx, args[0])
			if err != nil {
				return err
			}
			return a.show(l, []string{l.Name}, func(w io.Writer, v view) {
				fmt.Fprintf(w, "link %s   %s   %s\n", l.Name, v.state(l.State), topicCounts(&l.LinkSummary))
			})
		}),
	}
}

func newLinkDelete(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "delete LINK", Short: "forget a link; its topics and their data stay", Args: exactly("LINK"),
		Long:              "Forget a link. Its topics and their data stay here, and are writable from then on.\nWhile topics still follow the source this is refused without --force.",
		Example:           "  umbra link delete dr\n  umbra link delete dr --force",
		ValidArgsFunction: a.completeLinks(),
		RunE: a.do(func(ctx context.Context, c *client.Client, args []string) error {
			if err := c.DeleteLink(ctx, args[0], force); err != nil {
				return err
			}
			fmt.Fprintf(a.err, "link %s deleted\n", args[0])
			return nil
		}),
	}
	cmd.Flags().BoolVar(&force, "force", false, "also while topics still follow the source")
	return cmd
}
