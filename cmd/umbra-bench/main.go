// Command umbra-bench measures umbra from outside.
//
//	umbra-bench link     what a shadow link costs beside throwing the same bytes away, and how far it is behind
//	umbra-bench peers    umbra beside MirrorMaker 2, Kafka's own replication and a plain program
//	umbra-bench rpo      how far a shadow is behind, and what is lost when the source dies
//	umbra-bench failover how long a failover of many partitions takes with the source dead
//	umbra-bench produce  the broker beside Apache Kafka: producing with acks=all
//	umbra-bench consume  the broker beside Apache Kafka: consuming
//	umbra-bench catchup  what catching up after an outage takes, and what local clients feel of it
//	umbra-bench soak     load, kill, partition, verify: for a given time, with a verdict
//	umbra-bench compare  what changed between two runs of a bench
//	umbra-bench report   tables, an HTML page and a picture of finished benches
//
// The hidden commands are parts of a bench that run as processes of their own; see
// bench/process.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"umbra/bench/process"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newRoot().ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "umbra-bench: %v\n", err)
		stop()
		os.Exit(exitCode(err))
	}
}

// exitWith is an error that ends the program with a status of its own.
type exitWith struct {
	status int
	error
}

func (e exitWith) Unwrap() error { return e.error }

func exitCode(err error) int {
	var e exitWith
	if errors.As(err, &e) {
		return e.status
	}
	return 1
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use: "umbra-bench", Short: "measures umbra from outside",
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no bench %q; see %s --help", args[0], cmd.CommandPath())
			}
			return errors.Join(cmd.Help(), errors.New("name a bench"))
		},
	}
	root.AddCommand(commands()...)
	root.AddCommand(newCompare(), newReport())
	return root
}

// commands are all of them: one line and one file of this package for each bench.
func commands() []*cobra.Command {
	return []*cobra.Command{
		newLink(),
		newPeers(),
		newRPO(),
		newFailover(),
		newProduce(),
		newConsume(),
		newCatchup(),
		newSoak(),

		newPart(process.SourceCommand),
		newPart(process.DiscardCommand),
		newCopy(),
		newPart(process.WayCommand),
		newLoad(),
	}
}

// newPart is a hidden command.
func newPart(name string) *cobra.Command {
	return &cobra.Command{
		Use: name, Hidden: true, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			// An interrupt goes to the process that measures; it ends this one.
			return process.Serve(context.WithoutCancel(cmd.Context()), name, args, os.Stdin, os.Stdout)
		},
	}
}
