package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func tomlFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "umbra.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestConfigCheck(t *testing.T) {
	var s shell
	good := tomlFile(t, "[kafka]\nlisten = \"127.0.0.1:0\"\n")
	if code := s.run(nil, "config", "check", good); code != exitOK || s.out.String() != good+": ok\n" || s.err.Len() > 0 {
		t.Errorf("exit %d\n%s%s", code, s.out.String(), s.err.String())
	}
	s = shell{}
	bad := tomlFile(t, "[kafka]\nlisten = \"nowhere\"\n[storage]\ndri = \"x\"\n")
	code := s.run(nil, "config", "check", bad)
	for _, want := range []string{bad + ":2:", bad + ":4:", "2 problems", "do:    mend"} {
		if code != exitError || !strings.Contains(s.err.String(), want) || s.out.Len() > 0 {
			t.Errorf("exit %d, no %q in\n%s%s", code, want, s.out.String(), s.err.String())
		}
	}
	s = shell{}
	if code := s.run(nil, "config", "check", good+".none"); code != exitError || !strings.Contains(s.err.String(), "no such file") {
		t.Errorf("exit %d\n%s", code, s.err.String())
	}
}

// What is shown is what serve would use, with no daemon anywhere.
func TestConfigShowEffective(t *testing.T) {
	var s shell
	file := tomlFile(t, "[kafka]\nlisten = \"127.0.0.1:19092\"\n")
	code := s.run(nil, "config", "show", "--effective", "--config", file)
	for _, want := range []string{`listen = "127.0.0.1:19092"`, `dir = "umbra-data"`, "# default"} {
		if code != exitOK || !strings.Contains(s.out.String(), want) {
			t.Errorf("exit %d, no %q in\n%s%s", code, want, s.out.String(), s.err.String())
		}
	}
	// Its output is a file that check accepts.
	again := tomlFile(t, s.out.String())
	s = shell{}
	if code := s.run(nil, "config", "check", again); code != exitOK {
		t.Errorf("the effective configuration is refused:\n%s", s.err.String())
	}
}
