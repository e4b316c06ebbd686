package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"umbra/bench/page"
	"umbra/bench/report"
)

// reportFlags are where a report goes.
type reportFlags struct {
	html, png, readme string
	browser           string
	omb               string // folder for files of the OpenMessaging Benchmark
	markdown, all     bool
	charts            []string // only these
}

func newReport() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use: "report A.json [B.json ..]", Short: "tables, an HTML page and a picture of finished benches", Args: cobra.MinimumNArgs(1),
		Long: `Show what benches wrote with --json: a table of the figures that have targets, or
what the flags ask for.

The HTML page is one file that needs no network and no script. Its picture is drawn
by a Chromium, which has to be installed for it.`,
		Example: `  umbra-bench report bench/results/*.json
  umbra-bench report bench/results/*.json --html report.html --png report.png
  umbra-bench report bench/results/*.json --png summary.png --charts peers-cost-1024,rpo-kafka-lag-ms
  umbra-bench report bench/results/*.json --readme README.md    # between ` + report.MarkBegin + ` and ` + report.MarkEnd,
		RunE: func(cmd *cobra.Command, files []string) error { return f.run(cmd, files) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.html, "html", "", "write the page to this file")
	fs.StringVar(&f.png, "png", "", "draw the page into this file")
	fs.StringSliceVar(&f.charts, "charts", nil, "ids of charts: the page is these and the machine")
	fs.StringVar(&f.browser, "browser", "", "browser that draws (default: a Chromium from the path)")
	fs.BoolVar(&f.markdown, "markdown", false, "print the table in Markdown")
	fs.StringVar(&f.readme, "readme", "", "put the table into this Markdown file, between its marks")
	fs.BoolVar(&f.all, "all", false, "figures without a target too")
	fs.StringVar(&f.omb, "openmessaging", "", "write what produce and consume found into this folder, as files that the OpenMessaging Benchmark's tools read")
	return cmd
}

func (f *reportFlags) run(cmd *cobra.Command, files []string) error {
	if f.html == "" && f.png == "" && len(f.charts) > 0 {
		return errors.New("--charts chooses what the page shows: give --html or --png")
	}
	if f.png == "" && f.browser != "" {
		return errors.New("--browser draws the picture: give --png")
	}
	var runs []report.Run
	var sources []page.Source
	for _, file := range files {
		doc, _, err := report.Read(file)
		if err != nil {
			return err
		}
		runs = append(runs, report.Run{File: file, Document: doc})
		sources = append(sources, page.Source{File: file, Document: doc})
	}
	var errs []error
	if f.html != "" || f.png != "" {
		errs = append(errs, f.page(cmd, sources))
	}
	if f.readme != "" {
		errs = append(errs, f.fill(runs))
	}
	if f.omb != "" {
		errs = append(errs, f.openMessaging(runs))
	}
	switch {
	case f.markdown:
		_, err := fmt.Fprint(cmd.OutOrStdout(), report.Markdown(runs, f.all))
		errs = append(errs, err)
	case f.html == "" && f.png == "" && f.readme == "" && f.omb == "":
		errs = append(errs, report.Summary(cmd.OutOrStdout(), runs, f.all))
	}
	return errors.Join(errs...)
}

// page writes the HTML file, and the picture of it. The page stays where only the
// picture fails.
func (f *reportFlags) page(cmd *cobra.Command, sources []page.Source) error {
	var b bytes.Buffer
	if err := page.Write(&b, sources, f.charts...); err != nil {
		return err
	}
	html := f.html
	if html == "" {
		dir, err := os.MkdirTemp("", "umbra-bench-page-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		html = filepath.Join(dir, "report.html")
	}
	if err := report.WriteFile(html, b.Bytes()); err != nil || f.png == "" {
		return err
	}
	browser, err := page.FindBrowser(f.browser)
	if err != nil {
		return err
	}
	drawn, err := page.PNG(cmd.Context(), browser, html)
	if err != nil {
		return err
	}
	return report.WriteFile(f.png, drawn)
}

func (f *reportFlags) fill(runs []report.Run) error {
	text, err := os.ReadFile(f.readme)
	if err != nil {
		return err
	}
	filled, err := report.Fill(string(text), report.Markdown(runs, f.all))
	if err != nil {
		return fmt.Errorf("put the table into %s: %w", f.readme, err)
	}
	return report.WriteFile(f.readme, []byte(filled))
}

// openMessaging writes a file for each result, as that benchmark does.
func (f *reportFlags) openMessaging(runs []report.Run) error {
	if err := os.MkdirAll(f.omb, 0o755); err != nil {
		return err
	}
	n := 0
	for _, r := range runs {
		for _, o := range r.OpenMessaging {
			n++
			name := strings.Map(fileLetter, fmt.Sprintf("%s-%s-%s-%d.json", r.Command(), o.Workload, o.Driver, n))
			if err := report.Write(filepath.Join(f.omb, name), o); err != nil {
				return err
			}
		}
	}
	if n == 0 {
		return errors.New("none of these reports holds results for the OpenMessaging Benchmark's tools")
	}
	return nil
}

// fileLetter keeps what is harmless in a file's name.
func fileLetter(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_':
		return r
	}
	return '-'
}
