package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// redacted stands wherever a secret would be printed.
const redacted = "***"

// Secret is a value that must not be seen. However it is printed, logged or
// encoded, "***" appears; only Reveal gives it away.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value, for the one call that needs it.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether no secret is set.
func (s Secret) IsZero() bool { return s.value == "" }

func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// Format covers every verb of package fmt, %#v and %x included.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(s.String()) }

// envReference returns NAME of "${env:NAME}".
func envReference(text string) (name string, ok bool) {
	name, ok = strings.CutPrefix(text, "${env:")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(name, "}")
}

// readSecretFile reads a secret from a file that only its owner may read; one
// newline at the end is not part of it.
func readSecretFile(path string) (string, error) {
	if err := checkPrivate(path); err != nil {
		return "", err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if value == "" {
		return "", fmt.Errorf("file %s is empty", path)
	}
	return value, nil
}

var errReadable = errors.New("other users can read it; run chmod 600 on it")

func checkPrivate(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("file %s: %w", path, errReadable)
	}
	return nil
}
