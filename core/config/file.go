package config

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"umbra/core/units"
)

// fileBytesMax keeps a wrong path (a log, a device) from being read whole.
const fileBytesMax = 4 << 20

// tomlFile is a parsed file with the places of its keys.
type tomlFile struct {
	name, text string
	places     map[string]located // by path, joined with NUL
}

func (f *tomlFile) at(path []string) (key, value Problem) {
	l, ok := f.places[strings.Join(path, "\x00")]
	if !ok {
		return Problem{Source: f.name}, Problem{Source: f.name}
	}
	key = place(f.name, f.text, l.keyStart, l.keyEnd, "")
	if l.valEnd == 0 {
		return key, key
	}
	return key, place(f.name, f.text, l.valStart, l.valEnd, "")
}

// file takes every setting of a TOML file.
func (l *loader) file(name string) {
	text, err := readFile(name)
	if err != nil {
		l.fail(Problem{Source: name}, "%v", err)
		return
	}
	var root map[string]any
	if _, err := toml.Decode(text, &root); err != nil {
		l.syntax(name, text, err)
		return
	}
	f := &tomlFile{name: name, text: text, places: map[string]located{}}
	for _, k := range locate(text) {
		id := strings.Join(k.path, "\x00")
		if _, ok := f.places[id]; !ok {
			f.places[id] = k
		}
	}
	for section, v := range root {
		l.section(f, section, v)
	}
}

func readFile(name string) (string, error) {
	st, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() && st.Mode()&os.ModeNamedPipe == 0 {
		return "", fmt.Errorf("it is not a file")
	}
	if st.Size() > fileBytesMax {
		return "", fmt.Errorf("%s is larger than a configuration can be (%s)", units.FormatSize(st.Size()), units.FormatSize(fileBytesMax))
	}
	b, err := os.ReadFile(name)
	return string(b), err
}

// syntax turns the library's complaint into a Problem.
func (l *loader) syntax(name, text string, err error) {
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		l.fail(Problem{Source: name}, "%v", err)
		return
	}
	l.problems = append(l.problems, place(name, text, pe.Position.Start, pe.Position.Start+pe.Position.Len, pe.Message))
}

func (l *loader) sections() []string {
	seen := map[string]bool{}
	var out []string
	for _, key := range l.keys() {
		s, _, _ := strings.Cut(key, ".")
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

func (l *loader) section(f *tomlFile, section string, v any) {
	keyAt, valueAt := f.at([]string{section})
	table, ok := v.(map[string]any)
	known := false
	for _, s := range l.sections() {
		known = known || s == section
	}
	switch {
	case !known && !ok:
		l.fail(keyAt, "unknown setting %q; settings stand in a section such as [storage]", section)
		return
	case !known:
		if keyAt.Line == 0 { // the section is only named through its keys, as in a.b = 1
			for k := range table {
				keyAt, _ = f.at([]string{section, k})
			}
		}
		l.fail(keyAt, "unknown section %q%s", section, didYouMean(section, l.sections()))
		return
	case !ok:
		l.fail(valueAt, "%s is a section; write [%s]", section, section)
		return
	}
	for key, v := range table {
		path := []string{section, key}
		if section == "kafka" && key == "properties" {
			l.propertyTable(f, path, "", v)
			continue
		}
		l.fileSetting(f, path, v)
	}
}

// fileSetting takes section.key = v.
func (l *loader) fileSetting(f *tomlFile, path []string, v any) {
	keyAt, valueAt := f.at(path)
	key := strings.Join(path, ".")
	origin := Origin(fmt.Sprintf("%s:%d", f.name, keyAt.Line))
	s, ok := l.settings[key]
	base, isFile := strings.CutSuffix(key, "_file")
	if owner := l.settings[base]; !ok && isFile && owner.kind == secretKind && owner.key != "" {
		if p, isText := v.(string); isText {
			l.setSecretFile(owner, p, valueAt, origin)
		} else {
			l.fail(valueAt, "%s: want the path of a file as a string", key)
		}
		return
	}
	if !ok {
		if keyAt.Line == 0 {
			keyAt, _ = f.at(path[:1])
		}
		l.fail(keyAt, "unknown setting %q%s", key, didYouMean(key, l.keys()))
		return
	}
	value, err := textForm(s, v)
	switch {
	case err != nil:
		l.fail(valueAt, "%s: %v", key, err)
	case s.kind == secretKind:
		l.setSecret(s, value, valueAt, origin, literalAllowed(f.name))
	default:
		l.set(s, value, valueAt, origin)
	}
}

// literalAllowed says why a secret may not stand in the file itself, if so.
func literalAllowed(file string) error {
	if err := checkPrivate(file); err != nil {
		return fmt.Errorf("a secret stands in a file that is not private (%w); or use a _file setting or \"${env:NAME}\"", err)
	}
	return nil
}

// textForm converts a TOML value of the right type to the setting's text form.
func textForm(s setting, v any) (string, error) {
	switch v := v.(type) {
	case string:
		if s.kind != numberKind && s.kind != listKind {
			return v, nil
		}
	case int64:
		if s.kind == numberKind || s.kind == textOrNumber {
			return strconv.FormatInt(v, 10), nil
		}
	case []any:
		if s.kind == listKind {
			return joinStrings(v)
		}
	}
	switch s.kind {
	case numberKind:
		return "", fmt.Errorf("want a whole number, without quotes")
	case textOrNumber:
		return "", fmt.Errorf(`want a whole number, or "auto"`)
	case listKind:
		return "", fmt.Errorf(`want a list such as ["a", "b"]`)
	}
	if _, bare := v.(int64); bare {
		return "", fmt.Errorf("a bare number has no meaning here; write a string such as %q", example(s))
	}
	return "", fmt.Errorf("want a string such as %q", example(s))
}

func example(s setting) string {
	if s.def != "" {
		return s.def
	}
	return "text"
}

func joinStrings(items []any) (string, error) {
	var out []string
	for _, item := range items {
		t, ok := item.(string)
		if !ok || strings.Contains(t, ",") {
			return "", fmt.Errorf("want strings without commas, found %v", item)
		}
		out = append(out, t)
	}
	return strings.Join(out, ","), nil
}

// propertyTable takes [kafka.properties]. TOML reads log.retention.ms = 1 as
// nested tables; they are joined again. Kafka's properties carry their unit in
// their name, so plain numbers and booleans are welcome here.
func (l *loader) propertyTable(f *tomlFile, path []string, name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			l.propertyTable(f, append(path[:len(path):len(path)], k), strings.TrimPrefix(name+"."+k, "."), child)
		}
	case string, int64, bool, float64:
		keyAt, valueAt := f.at(path)
		if name == "" {
			l.fail(valueAt, "kafka.properties is a table; write [kafka.properties]")
			return
		}
		if _, ok := l.properties[name]; !ok {
			valueAt = keyAt
		}
		if _, twice := l.c.Kafka.Properties[name]; twice {
			l.fail(keyAt, "broker property %q is given twice", name)
			return
		}
		l.setProperty(name, fmt.Sprint(v), valueAt, Origin(fmt.Sprintf("%s:%d", f.name, keyAt.Line)))
	default:
		_, valueAt := f.at(path)
		l.fail(valueAt, "broker property %q: want a string, a number or a boolean", name)
	}
}
