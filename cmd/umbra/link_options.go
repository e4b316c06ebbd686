package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"umbra/core/link/spec"
)

// optionTable lists the options of a link for a person.
func optionTable() string {
	var b strings.Builder
	t := newTable("KEY", "DEFAULT", "ALLOWED", "WHAT IT DOES")
	for _, o := range spec.OptionTable() {
		t.row(o.Key, o.Default(), o.Range(), o.Doc)
	}
	t.write(&b, view{})
	return "  " + strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\n", "\n  ")
}

// optionValues splits KEY=VALUE. Whether the keys and values are good is for
// the daemon to say: it may know other options than this client.
func optionValues(list []string) (map[string]string, error) {
	values := map[string]string{}
	for _, item := range list {
		key, value, ok := strings.Cut(item, "=")
		if !ok {
			return nil, &failure{code: exitUsage, what: fmt.Sprintf("option %q has no value", item), do: "write --option KEY=VALUE, such as --option fetch_max_bytes=4MiB"}
		}
		if _, twice := values[key]; twice {
			return nil, &failure{code: exitUsage, what: fmt.Sprintf("option %s is given twice", key), do: "leave one of them out"}
		}
		values[key] = value
	}
	return values, nil
}

// renderOptions shows the options that are not at their default.
func renderOptions(w io.Writer, link string, values map[string]string) {
	label := "Options"
	for _, key := range spec.ChangedOptions(link, values) {
		fmt.Fprintf(w, "%-9s %s=%s\n", label, key, values[key])
		label = ""
	}
}

// completeOptions offers the keys for --option.
func completeOptions(*cobra.Command, []string, string) (keys []string, _ cobra.ShellCompDirective) {
	for _, o := range spec.OptionTable() {
		keys = append(keys, cobra.CompletionWithDesc(o.Key+"=", o.Doc))
	}
	return keys, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}
