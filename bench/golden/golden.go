// Package golden compares what a test made with a file that a person has read. Only
// tests import it; they run with -rewrite to write the files again.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

// rewrite is a flag of every test binary that imports this package.
var rewrite = flag.Bool("rewrite", false, "write the golden files in testdata again")

// Check fails t unless got is what testdata/name holds.
func Check(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewrite {
		if err := write(file, got); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run the test with -rewrite and look at the difference. Got:\n%s", file, got)
	}
}

func write(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
