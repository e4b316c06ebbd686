package clients

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"umbra/loadtest/kafka"
)

// run executes a program with standard input and returns its standard output. It
// is killed when ctx is over.
func run(ctx context.Context, input, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 2 * time.Second
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %.200s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, lastLines(stderr.String(), 8))
	}
	return stdout.String(), nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// lines is records as programs read them: key, tab, value.
func lines(records []Record) string {
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintf(&b, "%s\t%s\n", r.Key, r.Value)
	}
	return b.String()
}

// parse is the reverse of lines.
func parse(out string) ([]Record, error) {
	var records []Record
	for line := range strings.Lines(out) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "\t")
		if !ok {
			return nil, fmt.Errorf("read a client's output: line %.80q has no tab", line)
		}
		records = append(records, Record{key, value})
	}
	return records, nil
}

// cached is a path in the download cache; it must exist (make deps).
func cached(parts ...string) (string, error) {
	dir, err := kafka.CacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(append([]string{dir}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("find %s: run `make deps`: %w", filepath.Join(parts...), err)
	}
	return path, nil
}

func acks(t Target) string {
	if t.Acks == "" {
		return "all"
	}
	return t.Acks
}
