package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"umbra/admin/api"
	"umbra/admin/client"
)

// failoverFlags are the options of one failover.
type failoverFlags struct {
	topics              []string
	yes, dryRun, noWait bool
	timeout             time.Duration
}

func newFailover(a *app) *cobra.Command {
	var o failoverFlags
	cmd := &cobra.Command{
		Use: "failover LINK", Short: "the source is gone: cut, and make the topics writable", Args: exactly("LINK"),
		Long: `Cut a link and make its topics writable here. The plan is shown first, with what
would be lost; then the link's name has to be typed. The command waits, prints a
receipt and writes it as failover-LINK-TIME.json; the daemon keeps it too (umbra
receipt). It needs nothing from the source, and it cannot be undone.

Exit codes: 0 done, 4 refused or not confirmed, 11 not all topics are writable.`,
		Example: `  umbra failover dr --dry-run                     # what would be lost, now
  umbra failover dr
  umbra failover dr --topic orders --topic pay-auth
  umbra failover dr --yes -o json > receipt.json  # in a script`,
		ValidArgsFunction: a.completeLinks(),
		RunE: a.do(func(ctx context.Context, c *client.Client, args []string) error {
			return a.failover(ctx, c, args[0], &o)
		}),
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.topics, "topic", nil, "only this topic (may be repeated)")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&o.dryRun, "dry-run", false, "show the plan and change nothing")
	f.BoolVar(&o.noWait, "no-wait", false, "begin and return")
	f.DurationVar(&o.timeout, "timeout", 0, "stop waiting after this time; the failover goes on (default: wait to the end)")
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "no-confirm" { // what other tools call it
			name = "yes"
		}
		return pflag.NormalizedName(name)
	})
	return cmd
}

func (a *app) failover(ctx context.Context, c *client.Client, link string, o *failoverFlags) error {
	plan, err := c.PlanFailover(ctx, link, o.topics)
	if err != nil {
		return err
	}
	if o.dryRun {
		return a.show(plan, planTopics(plan), func(w io.Writer, v view) { renderFailoverPlan(w, plan, v) })
	}
	renderFailoverPlan(a.err, plan, view{color: a.errTTY && a.colors(), wide: a.output == "wide"})
	if err := refusedBy(plan); err != nil {
		return err
	}
	if !o.yes {
		if err := a.confirm(link); err != nil {
			return err
		}
	}
	op, err := begin(ctx, link, o.topics, c.Failover)
	if err != nil {
		return err
	}
	if o.noWait {
		return a.show(op, []string{op.ID}, func(w io.Writer, _ view) {
			fmt.Fprintf(w, "%s of link %s began as %s.   Follow: %s\n", op.Verb, link, op.ID, followUp(op))
		})
	}
	if op, err = a.await(ctx, c, op, o.timeout); err != nil {
		return err
	}
	return a.showReceipt(op)
}

func planTopics(p *api.FailoverPlan) (names []string) {
	for _, t := range p.Topics {
		names = append(names, t.Topic)
	}
	return names
}

// refusedBy is the failure of a plan that the daemon will not carry out.
func refusedBy(p *api.FailoverPlan) error {
	if len(p.Topics) == 0 {
		return &failure{code: exitRefused, what: fmt.Sprintf("link %q has nothing to fail over", p.Link),
			why: "every topic asked for is left alone, as the plan says", do: fmt.Sprintf("look at: umbra link status %s; its last failover: umbra receipt %s", p.Link, p.Link)}
	}
	for _, c := range p.Checks {
		if c.Level == api.CheckFail {
			return &failure{code: exitRefused, what: fmt.Sprintf("link %q cannot be failed over now", p.Link), why: c.Name + ": " + c.Detail,
				do: "mend it, then look again with --dry-run"}
		}
	}
	return nil
}

// confirm has the link's name typed. Without a terminal it never waits.
func (a *app) confirm(link string) error {
	if !a.inTTY {
		return &failure{code: exitRefused, what: "not confirmed: nothing was changed",
			why: "the standard input is not a terminal, so nobody can be asked", do: "add --yes to go on without being asked"}
	}
	fmt.Fprint(a.err, "\nType the link name to continue: ")
	typed, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the confirmation: %w", err)
	}
	if strings.TrimSpace(typed) != link {
		return &failure{code: exitRefused, what: "not confirmed: nothing was changed",
			why: fmt.Sprintf("%q is not the name of the link", strings.TrimSpace(typed)), do: fmt.Sprintf("type %s to go on, or add --yes", link)}
	}
	return nil
}

// begin starts an operation under a key of its own, so that a lost answer can
// be asked for again without beginning twice.
func begin(ctx context.Context, link string, topics []string, start func(context.Context, string, []string, string) (*api.Operation, error)) (*api.Operation, error) {
	key := rand.Text()
	op, err := start(ctx, link, topics, key)
	var away *client.Unreachable
	if errors.As(err, &away) {
		op, err = start(ctx, link, topics, key)
	}
	return op, err
}

// await follows op to its end and prints its steps to stderr.
func (a *app) await(ctx context.Context, c *client.Client, op *api.Operation, timeout time.Duration) (*api.Operation, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	p := newProgress(a.err, a.errTTY)
	defer p.close()
	p.show(op)
	done, err := c.Await(ctx, op.ID, p.show)
	p.close()
	if err != nil && ctx.Err() != nil {
		return nil, &failure{code: exitError, what: fmt.Sprintf("stopped waiting for the %s of link %q", op.Verb, op.Link),
			why: ctx.Err().Error() + "; it goes on in the daemon as " + op.ID, do: "follow it: " + followUp(op)}
	}
	if err != nil {
		return nil, err
	}
	if done.Error != nil {
		return nil, done.Error
	}
	return done, nil
}

// followUp is how to see the end of an operation that nobody waits for.
func followUp(op *api.Operation) string {
	follow := "umbra link status " + op.Link + " --watch"
	if op.Verb == api.VerbFailover {
		follow += ", then umbra receipt " + op.Link
	}
	return follow
}

// showReceipt prints and writes what a failover returned.
func (a *app) showReceipt(op *api.Operation) error {
	r := op.Receipt
	if r == nil {
		return &failure{code: exitError, what: fmt.Sprintf("failover of link %q ended without a receipt", op.Link), why: "operation " + op.ID, do: "look at: umbra link status " + op.Link}
	}
	file, writeErr := writeReceipt(a.dir, r)
	if err := a.show(r, []string{r.Link}, func(w io.Writer, v view) { renderReceipt(w, r, file, v) }); err != nil {
		return err
	}
	if writeErr != nil {
		return &failure{code: exitError, what: fmt.Sprintf("link %q was failed over, but its receipt was not kept", r.Link), why: writeErr.Error(),
			do: fmt.Sprintf("keep it now: umbra receipt %s --operation %s -o json > FILE", r.Link, op.ID)}
	}
	if r.Outcome != api.OutcomeFailedOver {
		return &failure{code: exitPartial, what: fmt.Sprintf("not all topics of link %q are writable", r.Link), why: "see above and in " + file,
			do: fmt.Sprintf("umbra link status %s, then umbra failover %s again", r.Link, r.Link)}
	}
	return nil
}

// writeReceipt writes r into dir, checks that what was written proves itself,
// and never overwrites a receipt.
func writeReceipt(dir string, r *api.Receipt) (file string, err error) {
	b, err := api.Marshal(r, true)
	if err != nil {
		return "", err
	}
	if err := api.CheckSeal(b); err != nil {
		return "", err
	}
	file = filepath.Join(dir, receiptFile(r.Link, r.FinishedAt))
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", fmt.Errorf("write receipt: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("write receipt %s: %w", file, err)
	}
	return file, nil
}
