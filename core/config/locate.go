package config

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// located is a key of a TOML text and where it stands. Elements of an array
// of tables have a path element "#0", "#1" and so on.
type located struct {
	path             []string
	keyStart, keyEnd int // byte offsets of the whole dotted key
	valStart, valEnd int // of the value; 0, 0 for a header
	table            bool
}

// locate finds the keys of a TOML text. The TOML library gives no position for
// a key it did not expect and loses the index in an array of tables, so this
// scan does what it must to tell keys from values: nothing more. The text must
// have been accepted by the library; on another one the result is unspecified,
// but locate still ends. FuzzLocate holds it against the library.
func locate(text string) []located {
	s := scanner{text: text, counts: map[string]int{}}
	s.document()
	return s.found
}

type scanner struct {
	text   string
	pos    int
	found  []located
	counts map[string]int // elements seen so far of each array of tables
}

func (s *scanner) document() {
	s.pos = len(s.text) - len(strings.TrimPrefix(s.text, "\ufeff"))
	var table []string
	for s.skip(true); s.pos < len(s.text); s.skip(true) {
		before := s.pos
		if s.text[s.pos] == '[' {
			table = s.header()
		} else {
			s.pair(table)
		}
		if s.pos == before {
			s.pos++ // not TOML; go on
		}
	}
}

// skip passes blanks and comments, and with lines also line ends and commas
// between pairs.
func (s *scanner) skip(lines bool) {
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case c == ' ' || c == '\t' || c == '\r', lines && (c == '\n' || c == ','):
			s.pos++
		case c == '#' && lines:
			for s.pos < len(s.text) && s.text[s.pos] != '\n' {
				s.pos++
			}
		default:
			return
		}
	}
}

// header reads [a.b] or [[a.b]] and returns the path of what follows.
func (s *scanner) header() []string {
	s.pos++
	array := s.at('[')
	if array {
		s.pos++
	}
	key, start, end := s.key()
	for range 2 {
		if s.skip(false); s.at(']') {
			s.pos++
		}
	}
	if !array {
		path := s.resolve(key)
		s.found = append(s.found, located{path: path, keyStart: start, keyEnd: end, table: true})
		return path
	}
	path := append(s.resolve(key[:max(0, len(key)-1)]), key[max(0, len(key)-1):]...)
	id := strings.Join(path, "\x00")
	n := s.counts[id]
	s.counts[id]++
	s.found = append(s.found, located{path: path, keyStart: start, keyEnd: end, table: n > 0})
	return append(path[:len(path):len(path)], "#"+strconv.Itoa(n))
}

// resolve inserts the index of the latest element wherever the path of a
// header goes through an array of tables.
func (s *scanner) resolve(key []string) []string {
	var path []string
	for _, k := range key {
		path = append(path, k)
		if n := s.counts[strings.Join(path, "\x00")]; n > 0 {
			path = append(path, "#"+strconv.Itoa(n-1))
		}
	}
	return path
}

func (s *scanner) at(c byte) bool { return s.pos < len(s.text) && s.text[s.pos] == c }

// pair reads key = value below the table.
func (s *scanner) pair(table []string) {
	key, start, end := s.key()
	s.skip(false)
	if len(key) == 0 || !s.at('=') {
		return
	}
	s.pos++
	s.skip(true)
	l := located{path: append(table[:len(table):len(table)], key...), keyStart: start, keyEnd: end, valStart: s.pos, table: s.at('{')}
	i := len(s.found)
	s.found = append(s.found, l)
	s.value(l.path)
	s.found[i].valEnd = s.pos
}

// key reads a dotted key.
func (s *scanner) key() (parts []string, start, end int) {
	s.skip(false)
	start, end = s.pos, s.pos
	for s.pos < len(s.text) {
		before := s.pos
		var part string
		if s.at('"') || s.at('\'') {
			part = s.quoted()
		} else {
			for s.pos < len(s.text) && !strings.ContainsRune(" \t\r\n.=[]{}\"'#,", rune(s.text[s.pos])) {
				s.pos++
			}
			part = s.text[before:s.pos]
		}
		if s.pos == before {
			break
		}
		parts, end = append(parts, part), s.pos
		s.skip(false)
		if !s.at('.') {
			break
		}
		s.pos++
		s.skip(false)
	}
	return parts, start, end
}

// value passes one value; tables inside it are recorded below path.
func (s *scanner) value(path []string) {
	switch {
	case s.at('{'):
		s.pos++
		for s.skip(true); s.pos < len(s.text) && !s.at('}'); s.skip(true) {
			before := s.pos
			if s.pair(path); s.pos == before {
				s.pos++
			}
		}
		s.pos = min(s.pos+1, len(s.text))
	case s.at('['):
		s.pos++
		for n := 0; ; n++ {
			if s.skip(true); s.pos >= len(s.text) || s.at(']') {
				break
			}
			before := s.pos
			if s.value(append(path[:len(path):len(path)], "#"+strconv.Itoa(n))); s.pos == before {
				s.pos++
			}
		}
		s.pos = min(s.pos+1, len(s.text))
	case s.at('"') || s.at('\''):
		s.quoted()
	default:
		start := s.pos
		for s.pos < len(s.text) && !strings.ContainsRune("\r\n,]}#", rune(s.text[s.pos])) {
			s.pos++
		}
		// A date and its time may stand apart, so only the end is trimmed.
		s.pos = start + len(strings.TrimRight(s.text[start:s.pos], " \t"))
	}
}

// quoted passes a string of any of the four kinds and returns its value if it
// is on one line (as keys are).
func (s *scanner) quoted() string {
	q := s.text[s.pos : s.pos+1]
	if strings.HasPrefix(s.text[s.pos:], q+q+q) {
		s.multiline(q)
		return ""
	}
	var b strings.Builder
	for s.pos++; s.pos < len(s.text) && s.text[s.pos] != '\n'; {
		switch {
		case s.at(q[0]):
			s.pos++
			return b.String()
		case q == `"` && s.at('\\'):
			b.WriteString(s.escape())
		default:
			b.WriteByte(s.text[s.pos])
			s.pos++
		}
	}
	return b.String()
}

// escape reads one backslash sequence.
func (s *scanner) escape() string {
	s.pos++
	if s.pos >= len(s.text) {
		return ""
	}
	c := s.text[s.pos]
	s.pos++
	if digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]; digits > 0 {
		end := min(s.pos+digits, len(s.text))
		n, _ := strconv.ParseUint(s.text[s.pos:end], 16, 32)
		s.pos = end
		return string(utf8.AppendRune(nil, rune(n)))
	}
	if i := strings.IndexByte("btnfre", c); i >= 0 {
		return "\b\t\n\f\r\x1b"[i : i+1]
	}
	return string(c)
}

// multiline passes a string in triple quotes. Up to two quotes may stand right
// before the closing three.
func (s *scanner) multiline(q string) {
	for s.pos += 3; s.pos < len(s.text); s.pos++ {
		if q == `"` && s.at('\\') {
			s.pos++
		} else if strings.HasPrefix(s.text[s.pos:], q+q+q) {
			for s.pos += 3; s.at(q[0]); s.pos++ {
			}
			return
		}
	}
	s.pos = min(s.pos, len(s.text))
}
