package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"umbra/admin/api"
	"umbra/admin/client"
)

func newTopic(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "topic", Short: "look at topics: list, describe", Args: cobra.ArbitraryArgs, RunE: group,
		Example: "  umbra topic list\n  umbra topic describe orders",
	}
	list := &cobra.Command{
		Use: "list", Short: "all topics and the links they follow, worst first", Args: exactly(),
		Example: "  umbra topic list\n  umbra topic list -o name",
		RunE: a.do(func(ctx context.Context, c *client.Client, _ []string) error {
			l, err := c.Topics(ctx)
			if err != nil {
				return err
			}
			return a.show(l, topicNames(l.Topics), func(w io.Writer, v view) { renderTopicList(w, l, v) })
		}),
	}
	describe := &cobra.Command{
		Use: "describe TOPIC", Short: "one topic: state, configs, offsets of every partition", Args: exactly("TOPIC"),
		Example:           "  umbra topic describe orders",
		ValidArgsFunction: a.completeTopics(),
		RunE: a.do(func(ctx context.Context, c *client.Client, args []string) error {
			d, err := c.Topic(ctx, args[0])
			if err != nil {
				return err
			}
			return a.show(d, []string{d.Topic}, func(w io.Writer, v view) { renderTopic(w, d, v) })
		}),
	}
	cmd.AddCommand(list, describe)
	return cmd
}

func topicNames(topics []api.TopicSummary) (names []string) {
	for _, t := range topics {
		names = append(names, t.Topic)
	}
	return names
}
