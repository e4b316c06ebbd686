package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"umbra/bench/report"
)

// newCompare holds two reports of one bench against each other.
func newCompare() *cobra.Command {
	var c common
	noise := 100 * report.DefaultNoise
	cmd := &cobra.Command{
		Use: "compare A.json B.json", Short: "what changed between two runs of a bench", Args: cobra.ExactArgs(2),
		Long: `Hold B, the newer run, against A, figure by figure, the worst first.

A figure changed when the two ranges of its samples do not overlap and its medians
differ by more than --noise. What was not taken alike (machine, kernel, Go, commit,
flags) is named first. Figures of a disturbed machine are dirty: they are shown and
not judged.

The exit status is 1 when something got worse, and 2 when the files could not be
compared.`,
		Example: `  umbra-bench compare bench/results/link.json new.json
  umbra-bench compare old.json new.json --noise 10 -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCompare(cmd, &c, args[0], args[1], noise/100)
		},
	}
	cmd.Flags().Float64Var(&noise, "noise", noise, "least change that counts, in percent")
	c.addOutput(cmd.Flags())
	return cmd
}

// gotWorse is the error of a comparison that found something worse.
type gotWorse int

func (n gotWorse) Error() string {
	if n == 1 {
		return "1 figure got worse"
	}
	return fmt.Sprintf("%d figures got worse", int(n))
}

func runCompare(cmd *cobra.Command, c *common, fileA, fileB string, noise float64) error {
	got, err := compareFiles(c, fileA, fileB, noise)
	if err != nil {
		return exitWith{2, err}
	}
	doc, err := report.Marshal(got)
	if err == nil {
		err = c.show(cmd, doc, got.Table)
	}
	if err != nil {
		return exitWith{2, err}
	}
	if got.Worse > 0 {
		return gotWorse(got.Worse)
	}
	return nil
}

func compareFiles(c *common, fileA, fileB string, noise float64) (*report.Comparison, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	a, _, err := report.Read(fileA)
	if err != nil {
		return nil, err
	}
	b, _, err := report.Read(fileB)
	if err != nil {
		return nil, err
	}
	got, err := report.Compare(a, b, noise)
	if err != nil {
		return nil, err
	}
	got.A.File, got.B.File = fileA, fileB
	return got, nil
}
