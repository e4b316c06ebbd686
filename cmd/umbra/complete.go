package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"umbra/admin/client"
)

// completionTimeout bounds what the shell waits for names.
const completionTimeout = time.Second

type completer = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// complete asks the daemon for names to complete the first argument with; a
// daemon that does not answer completes nothing.
func (a *app) complete(names func(context.Context, *client.Client) ([]string, error)) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, err := a.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		found, err := names(ctx, c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) completeLinks() completer {
	return a.complete(func(ctx context.Context, c *client.Client) ([]string, error) {
		list, err := c.Links(ctx)
		if err != nil {
			return nil, err
		}
		return linkNames(list.Links), nil
	})
}

func (a *app) completeTopics() completer {
	return a.complete(func(ctx context.Context, c *client.Client) ([]string, error) {
		list, err := c.Topics(ctx)
		if err != nil {
			return nil, err
		}
		return topicNames(list.Topics), nil
	})
}
