package spec

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// NameLengthMax is the longest link name, in bytes.
const NameLengthMax = 100

// Definition is what an operator asks for. It is a value: nobody changes one
// that has been stored.
type Definition struct {
	// Name identifies the link on this cluster and is never changed.
	Name string `json:"name"`
	// Bootstrap holds host:port addresses of the source, tried in order.
	Bootstrap []string `json:"bootstrap"`
	Filter    Filter   `json:"filter"`
	// Start is where partitions that are new to the link begin.
	Start   Start   `json:"start"`
	Options Options `json:"options"`
}

// Link is a stored link: a Definition with what the system knows of it.
type Link struct {
	Definition
	// ID tells a link from a later one of the same name.
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	// Paused links copy nothing; their topics keep their own states.
	Paused bool `json:"paused,omitempty"`
	// SourceClusterID is the source's own cluster id, "" until first contact.
	// Once known it is part of the link's identity: a bootstrap address that
	// leads to another cluster is refused.
	SourceClusterID string `json:"source_cluster_id,omitempty"`
	// Reason is what keeps the whole link from working; zero when nothing does.
	Reason Reason `json:"reason,omitzero"`
}

// WithDefaults returns d with every unset option filled in.
func (d Definition) WithDefaults() Definition {
	d.Options = d.Options.withDefaults(d.Name)
	if d.Start.Kind == "" {
		d.Start.Kind = StartEarliest
	}
	return d
}

// Validate reports every fault of d at once, joined. It does not apply
// defaults: call WithDefaults first.
func (d Definition) Validate() error {
	errs := []error{ValidateName(d.Name), d.validateBootstrap(), d.Filter.Validate(), d.Start.Validate(), d.Options.Validate()}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("link %q: %w", d.Name, err)
	}
	return nil
}

func (d Definition) validateBootstrap() error {
	if len(d.Bootstrap) == 0 {
		return errors.New("bootstrap: no address given; name at least one source broker as host:port")
	}
	var errs []error
	seen := map[string]bool{}
	for _, addr := range d.Bootstrap {
		if err := validateAddress(addr); err != nil {
			errs = append(errs, fmt.Errorf("bootstrap: %w", err))
		}
		if seen[addr] {
			errs = append(errs, fmt.Errorf("bootstrap: %q is listed twice", addr))
		}
		seen[addr] = true
	}
	return errors.Join(errs...)
}

func validateAddress(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("address %q: want host:port", addr)
	}
	if host == "" {
		return fmt.Errorf("address %q: the host is empty", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("address %q: port %q is not between 1 and 65535", addr, port)
	}
	return nil
}

// ValidateName checks a link name: letters, digits, '.', '-' and '_', at most
// NameLengthMax bytes, beginning with a letter or digit, so that it can be a
// file name, a metric label and a command-line argument.
func ValidateName(name string) error {
	switch {
	case name == "":
		return errors.New("name: a link needs a name")
	case len(name) > NameLengthMax:
		return fmt.Errorf("name: %d bytes are too long, the limit is %d", len(name), NameLengthMax)
	case strings.ContainsRune(".-_", rune(name[0])):
		return fmt.Errorf("name: %q must begin with a letter or a digit", name)
	}
	for i := 0; i < len(name); i++ {
		if !nameByte(name[i]) {
			return fmt.Errorf("name: %q holds %q; letters, digits, '.', '-' and '_' are allowed", name, name[i])
		}
	}
	return nil
}

// nameByte reports whether c may stand in a topic or link name.
func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}

// StartKind is where a partition new to the link begins.
type StartKind string

const (
	StartEarliest  StartKind = "earliest"
	StartLatest    StartKind = "latest"
	StartTimestamp StartKind = "timestamp"
)

// Start is a start position. At is used by StartTimestamp only: the first
// record at or after it.
type Start struct {
	Kind StartKind `json:"kind"`
	At   time.Time `json:"at,omitzero"`
}

// ParseStart reads "earliest", "latest" or an RFC 3339 time.
func ParseStart(s string) (Start, error) {
	switch k := StartKind(strings.ToLower(s)); k {
	case StartEarliest, StartLatest:
		return Start{Kind: k}, nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return Start{}, fmt.Errorf("start: %q is neither earliest, latest nor a time like 2026-01-31T08:00:00Z", s)
	}
	return Start{Kind: StartTimestamp, At: at.UTC()}, nil
}

// String is the form ParseStart reads.
func (s Start) String() string {
	if s.Kind == StartTimestamp {
		return s.At.UTC().Format(time.RFC3339)
	}
	return string(s.Kind)
}

// Validate checks that Kind is known and At is set exactly when it is used.
func (s Start) Validate() error {
	switch s.Kind {
	case StartEarliest, StartLatest:
		if !s.At.IsZero() {
			return fmt.Errorf("start: %s takes no time", s.Kind)
		}
		return nil
	case StartTimestamp:
		if s.At.IsZero() {
			return errors.New("start: timestamp needs a time")
		}
		return nil
	}
	return fmt.Errorf("start: %q is unknown; use earliest, latest or a time", s.Kind)
}
