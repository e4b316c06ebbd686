package metadata

import (
	"fmt"
	"strings"
)

// topicNameMax is Kafka's bound; with "-" and a partition number the name must
// still fit a directory entry.
const topicNameMax = 249

// ValidateTopicName checks Kafka's rules: 1 to 249 of letters, digits, '.',
// '_' and '-', and neither "." nor "..". The error wraps ErrInvalidName.
func ValidateTopicName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("topic name is empty: %w", ErrInvalidName)
	case name == "." || name == "..":
		return fmt.Errorf("topic name %q is reserved: %w", name, ErrInvalidName)
	case len(name) > topicNameMax:
		return fmt.Errorf("topic name of %d bytes is longer than %d: %w", len(name), topicNameMax, ErrInvalidName)
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-' {
			continue
		}
		return fmt.Errorf("topic name %q holds %q; letters, digits, '.', '_' and '-' are allowed: %w", name, c, ErrInvalidName)
	}
	return nil
}

// fold maps names that would share a metric name in Kafka to one key.
func fold(name string) string { return strings.ReplaceAll(name, ".", "_") }
