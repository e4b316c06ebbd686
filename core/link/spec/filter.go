package spec

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// PatternKind is how a Pattern compares with a topic name.
type PatternKind uint8

const (
	Literal PatternKind = iota // the whole name
	Prefix                     // the name begins so
	Glob                       // '*' stands for any run of characters, '?' for one
)

func (k PatternKind) String() string {
	return [...]string{"literal", "prefix", "glob"}[k]
}

// Pattern matches topic names.
//
// Its text form is what operators write: `orders` is a literal, `orders*` or
// `or?ers` a glob, `prefix:orders` a prefix; `literal:` and `glob:` are
// accepted too. ':' cannot be part of a topic name, so the forms never clash.
type Pattern struct {
	Kind PatternKind
	Text string
}

// ParsePattern reads the text form and checks it.
func ParsePattern(s string) (Pattern, error) {
	p := Pattern{Kind: Literal, Text: s}
	if kind, text, ok := strings.Cut(s, ":"); ok {
		i := slices.Index([]string{"literal", "prefix", "glob"}, kind)
		if i < 0 {
			return Pattern{}, fmt.Errorf("pattern %q: unknown kind %q; want literal, prefix or glob", s, kind)
		}
		p = Pattern{Kind: PatternKind(i), Text: text}
	} else if strings.ContainsAny(s, "*?") {
		p.Kind = Glob
	}
	return p, p.Validate()
}

// ParsePatterns reads a list separated by commas; empty items are refused.
func ParsePatterns(list string) ([]Pattern, error) {
	var out []Pattern
	var errs []error
	for item := range strings.SplitSeq(list, ",") {
		p, err := ParsePattern(strings.TrimSpace(item))
		out, errs = append(out, p), append(errs, err)
	}
	return out, errors.Join(errs...)
}

// Validate checks that only characters of topic names occur, and wildcards
// only in a glob.
func (p Pattern) Validate() error {
	if p.Text == "" {
		return errors.New("pattern is empty; write a topic name, a prefix or a glob like 'orders*'")
	}
	if p.Kind > Glob {
		return fmt.Errorf("pattern %q: unknown kind %d", p.Text, p.Kind)
	}
	if len(p.Text) > 249 {
		return fmt.Errorf("pattern %q: longer than a topic name can be (249)", p.Text)
	}
	for i := 0; i < len(p.Text); i++ {
		c := p.Text[i]
		if wild := c == '*' || c == '?'; wild && p.Kind != Glob {
			return fmt.Errorf("%s pattern %q: %q is only allowed in a glob", p.Kind, p.Text, c)
		} else if !wild && !nameByte(c) {
			return fmt.Errorf("pattern %q: %q cannot be part of a topic name", p.Text, c)
		}
	}
	return nil
}

// String is the shortest text form ParsePattern reads back.
func (p Pattern) String() string {
	switch {
	case p.Kind == Glob && strings.ContainsAny(p.Text, "*?"), p.Kind == Literal:
		return p.Text
	}
	return p.Kind.String() + ":" + p.Text
}

// MarshalText and UnmarshalText use the form of String.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (p *Pattern) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePattern(string(b))
	return err
}

// Match reports whether the pattern matches the whole topic name.
func (p Pattern) Match(topic string) bool {
	switch p.Kind {
	case Literal:
		return p.Text == topic
	case Prefix:
		return strings.HasPrefix(topic, p.Text)
	}
	return globMatch(p.Text, topic)
}

// globMatch needs time proportional to len(pattern)*len(s) at worst and no
// memory: on a mismatch it goes back to the last '*' only, which is enough
// because an earlier one could not match more.
func globMatch(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Filter chooses a link's topics: what an include matches and no exclude does.
type Filter struct {
	Include []Pattern `json:"include"`
	Exclude []Pattern `json:"exclude,omitempty"`
}

// Validate reports every bad pattern, a missing include, and literal includes
// of logs that every cluster keeps for itself.
func (f Filter) Validate() error {
	var errs []error
	if len(f.Include) == 0 {
		errs = append(errs, errors.New("topics: no include pattern; '*' takes every topic that is not internal"))
	}
	for _, p := range f.Include {
		if err := p.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("topics: include: %w", err))
		} else if p.Kind == Literal && clusterOwned(p.Text) {
			errs = append(errs, fmt.Errorf("topics: include: %q belongs to each cluster itself and cannot be shadowed", p.Text))
		}
	}
	for _, p := range f.Exclude {
		if err := p.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("topics: exclude: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Matches reports whether the link takes the topic, and why or why not, in
// words for an operator. An exclude beats every include; a name that begins
// with "__" is taken only by a literal include.
func (f Filter) Matches(topic string) (taken bool, why string) {
	if clusterOwned(topic) {
		return false, "belongs to each cluster itself"
	}
	for _, p := range f.Exclude {
		if p.Match(topic) {
			return false, fmt.Sprintf("excluded by %s %q", p.Kind, p.Text)
		}
	}
	internal := strings.HasPrefix(topic, "__")
	for _, p := range f.Include {
		if p.Match(topic) && (!internal || p.Kind == Literal) {
			return true, fmt.Sprintf("included by %s %q", p.Kind, p.Text)
		}
	}
	if internal {
		return false, "internal topic; only a literal include takes it"
	}
	return false, "no include matches"
}

// clusterOwned names the logs that describe one cluster and would be wrong on
// any other.
func clusterOwned(topic string) bool {
	switch topic {
	case "__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata":
		return true
	}
	return false
}
