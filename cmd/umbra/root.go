package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// helpTemplate puts examples first: they are what a person looks for.
const helpTemplate = `{{.CommandPath}}: {{.Short}}

{{if .HasExample}}Examples:
{{.Example}}

{{end}}{{with .Long}}{{.}}

{{end}}Usage:{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{else}}
  {{.UseLine}}{{end}}
{{if .HasAvailableSubCommands}}
Commands:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableInheritedFlags}}
Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}`

// newRoot is the whole command tree. serve makes the command that runs the
// daemon, which is built elsewhere; with nil the tree is the client alone.
func newRoot(a *app, serve func(*app) *cobra.Command) *cobra.Command {
	root := &cobra.Command{
		Use:   "umbra",
		Short: "a disaster-recovery broker that shadows a Kafka cluster byte for byte and takes over",
		Example: `  umbra serve                                     # run the broker, with defaults, in ./umbra-data
  umbra link create dr --from prod-1:9092 --topics 'orders*,pay-*'
  umbra status                                    # exit 10 if something needs you
  umbra failover dr                               # the day you need it
  umbra verify dr                                 # prove that the copy is equal`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          group,
	}
	root.PersistentFlags().StringVar(&a.admin, "admin", "", "path of the daemon's admin socket (default: $UMBRA_ADMIN, then "+defaultSocket+", then ./"+localSocket()+")")
	root.PersistentFlags().StringVarP(&a.output, "output", "o", "table", "form of the output: table, wide, json or name")
	root.SetHelpTemplate(helpTemplate)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(err, cmd.CommandPath()) })
	if serve != nil {
		root.AddCommand(serve(a))
	}
	root.AddCommand(newStatus(a), newLink(a), newFailover(a), newReceipt(a), newVerify(a), newTopic(a), newConfig(a), newVersion(a))
	return root
}

// group is the RunE of a command that only holds others: alone it is help, and
// with anything else it is a typing mistake.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	cmd.SuggestionsMinimumDistance = 2
	err := fmt.Sprintf("%q has no command %q", cmd.CommandPath(), args[0])
	for _, s := range cmd.SuggestionsFor(args[0]) {
		err += "\n\t" + s
	}
	return usage(errors.New(err), cmd.CommandPath())
}

// exactly checks the number of arguments and names them in the error.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usage(fmt.Errorf("%s is missing", names[len(args)]), cmd.CommandPath())
		case len(args) > len(names):
			return usage(fmt.Errorf("%q is one argument too many", args[len(names)]), cmd.CommandPath())
		}
		return nil
	}
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, a *app, serve func(*app) *cobra.Command, args []string) int {
	root := newRoot(a, serve)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var f *failure
	if !errors.As(err, &f) {
		f = usage(err, cmd.CommandPath()) // what cobra itself refuses
	}
	f.report(a.err)
	return f.code
}
