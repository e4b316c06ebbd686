package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"umbra/core/metadata"
	"umbra/core/units"
)

// propertyPrefix stands before a broker property's name in the key of a Flag,
// an Entry or an Origin.
const propertyPrefix = "kafka.properties."

// Origin says where a value comes from.
type Origin string

// OriginDefault is the origin of what nobody set.
const OriginDefault Origin = "default"

// Options say what to load from.
type Options struct {
	File    string   // path of a TOML file; "" has none
	Environ []string // NAME=VALUE as from os.Environ
	Flags   []Flag   // the later wins
}

// Flag is a setting given on the command line.
type Flag struct {
	Key   string // "storage.dir", or "kafka.properties.NAME"
	Name  string // as typed, for messages: "--data"
	Value string
}

// Load composes the configuration: flags beat UMBRA_* variables, these beat
// the file, it beats the defaults. The error is a Problems with everything
// that is wrong.
func Load(o Options) (*Config, error) {
	l := newLoader()
	for _, pair := range o.Environ {
		name, value, _ := strings.Cut(pair, "=")
		l.env[name] = value
	}
	if o.File != "" {
		l.file(o.File)
	}
	l.environ()
	for _, f := range o.Flags {
		l.flag(f)
	}
	return l.finish()
}

// Check checks a file. environ is only used for "${env:NAME}" references, so
// that the verdict is about the file alone.
func Check(file string, environ []string) error {
	var named []string
	for _, pair := range environ {
		if !strings.HasPrefix(pair, "UMBRA_") {
			named = append(named, pair)
		}
	}
	_, err := Load(Options{File: file, Environ: named})
	return err
}

// loader collects values and problems.
type loader struct {
	c          *Config
	settings   map[string]setting
	properties map[string]metadata.ConfigKey
	env        map[string]string
	places     map[string]Problem // per key: where its value was given, ready to carry a message
	problems   Problems
}

func newLoader() *loader {
	c := &Config{Kafka: Kafka{Properties: map[string]string{}}, origins: map[string]Origin{}}
	l := &loader{c: c, settings: map[string]setting{}, properties: map[string]metadata.ConfigKey{}, places: map[string]Problem{}, env: map[string]string{}}
	for _, s := range c.settings() {
		l.settings[s.key] = s
		if s.kind == secretKind || s.kind == listKind {
			continue
		}
		if err := s.parse(s.def); err != nil {
			panic(fmt.Sprintf("BUG: default of %s: %v", s.key, err))
		}
	}
	catalogue, err := metadata.NewConfigs(nil)
	if err != nil {
		panic(fmt.Sprintf("BUG: empty broker properties: %v", err))
	}
	for _, k := range catalogue.BrokerKeys() {
		l.properties[k.Name] = k
	}
	return l
}

func (l *loader) fail(at Problem, format string, args ...any) {
	at.Message = fmt.Sprintf(format, args...)
	l.problems = append(l.problems, at)
}

// set parses one setting's text form.
func (l *loader) set(s setting, value string, at Problem, origin Origin) {
	if err := s.parse(value); err != nil {
		l.fail(at, "%s: %v", s.key, err)
		return
	}
	l.c.origins[s.key] = origin
	l.places[s.key] = at
}

// setProperty takes one broker property; they are checked together at the end.
func (l *loader) setProperty(name, value string, at Problem, origin Origin) {
	l.c.Kafka.Properties[name] = value
	l.c.origins[propertyPrefix+name] = origin
	l.places[propertyPrefix+name] = at
}

// setSecret takes a secret's text: a reference to the environment, or the
// secret itself where literal allows that (nil error).
func (l *loader) setSecret(s setting, value string, at Problem, origin Origin, literal error) {
	if name, ok := envReference(value); ok {
		v := l.env[name]
		if v == "" {
			l.fail(at, "%s: environment variable %s is not set", s.key, name)
			return
		}
		l.set(s, v, at, origin)
		return
	}
	if literal != nil {
		l.fail(at, "%s: %v", s.key, literal)
		return
	}
	l.set(s, value, at, origin)
}

func (l *loader) setSecretFile(s setting, path string, at Problem, origin Origin) {
	value, err := readSecretFile(path)
	if err != nil {
		l.fail(at, "%s_file: %v", s.key, err)
		return
	}
	l.set(s, value, at, origin)
}

func (l *loader) environ() {
	byEnv := map[string]setting{}
	sections := map[string]bool{}
	for _, s := range l.settings {
		byEnv[s.env()] = s
		sections["UMBRA_"+strings.ToUpper(s.section())+"_"] = true
	}
	for _, name := range slices.Sorted(maps.Keys(l.properties)) {
		prop := "UMBRA_KAFKA_PROPERTIES_" + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
		byEnv[prop] = setting{key: propertyPrefix + name}
	}
	for _, name := range slices.Sorted(maps.Keys(l.env)) {
		if strings.HasPrefix(name, "UMBRA_") {
			l.variable(name, l.env[name], byEnv, sections)
		}
	}
}

// variable takes one UMBRA_* variable. One that begins like no section
// (UMBRA_ADMIN, UMBRA_TEST_X) is somebody else's.
func (l *loader) variable(name, value string, byEnv map[string]setting, sections map[string]bool) {
	at, origin := Problem{Source: "environment"}, Origin("env "+name)
	s, ok := byEnv[name]
	property, isProperty := strings.CutPrefix(s.key, propertyPrefix)
	file, isFile := strings.CutSuffix(name, "_FILE")
	switch {
	case isProperty:
		l.setProperty(property, value, at, origin)
	case ok && s.kind == secretKind:
		l.setSecret(s, value, at, origin, nil)
	case ok:
		l.set(s, value, at, origin)
	case isFile && byEnv[file].kind == secretKind:
		l.setSecretFile(byEnv[file], value, at, origin)
	default:
		for section := range sections {
			if strings.HasPrefix(name, section) {
				l.fail(at, "unknown variable %s%s", name, didYouMean(name, slices.Sorted(maps.Keys(byEnv))))
				return
			}
		}
	}
}

func (l *loader) flag(f Flag) {
	at, origin := Problem{Source: "flag " + f.Name}, Origin("flag "+f.Name)
	if name, ok := strings.CutPrefix(f.Key, propertyPrefix); ok {
		l.setProperty(name, f.Value, at, origin)
		return
	}
	s, ok := l.settings[f.Key]
	switch {
	case !ok:
		l.fail(at, "unknown setting %q%s", f.Key, didYouMean(f.Key, l.keys()))
	case s.kind == secretKind:
		l.fail(at, "%s: every user of the machine can see flags; use the file or the environment", s.key)
	default:
		l.set(s, f.Value, at, origin)
	}
}

// keys lists every setting a file may hold.
func (l *loader) keys() []string {
	var out []string
	for _, s := range l.settings {
		out = append(out, s.key)
		if s.kind == secretKind {
			out = append(out, s.key+"_file")
		}
	}
	slices.Sort(out)
	return out
}

func didYouMean(word string, candidates []string) string {
	if c := units.Suggest(word, candidates); c != "" {
		return fmt.Sprintf("; did you mean %q?", c)
	}
	return ""
}

// finish checks what concerns several settings and returns the result.
func (l *loader) finish() (*Config, error) {
	l.checkProperties()
	c := l.c
	if c.Metadata.User == "" != c.Metadata.Password.IsZero() {
		l.fail(l.at("metadata.user"), "metadata.user and metadata.password: give both or neither")
	}
	if len(c.Metadata.Endpoints) == 0 && c.Metadata.User != "" {
		l.fail(l.at("metadata.user"), "metadata.user: the embedded etcd has no users; name metadata.endpoints or leave it out")
	}
	if len(l.problems) > 0 {
		slices.SortStableFunc(l.problems, func(a, b Problem) int { return cmp.Or(a.Line-b.Line, a.Col-b.Col) })
		return nil, l.problems
	}
	return c, nil
}

// at is where a setting was given, or the configuration as a whole.
func (l *loader) at(key string) Problem {
	if p, ok := l.places[key]; ok {
		return p
	}
	return Problem{Source: "configuration"}
}

func (l *loader) checkProperties() {
	known := slices.Sorted(maps.Keys(l.properties))
	bad := false
	for _, name := range slices.Sorted(maps.Keys(l.c.Kafka.Properties)) {
		if _, ok := l.properties[name]; !ok {
			l.fail(l.at(propertyPrefix+name), "unknown broker property %q%s", name, didYouMean(name, known))
			bad = true
			continue
		}
		_, err := metadata.NewConfigs(map[string]string{name: l.c.Kafka.Properties[name]})
		var ce *metadata.ConfigError
		if errors.As(err, &ce) {
			l.fail(l.at(propertyPrefix+name), "broker property %s: invalid value %q: %s", name, ce.Value, ce.Why)
			bad = true
		}
	}
	if bad {
		return
	}
	configs, err := metadata.NewConfigs(l.c.Kafka.Properties)
	if err != nil {
		l.fail(Problem{Source: "configuration"}, "broker properties: %v", err)
		return
	}
	l.c.Kafka.Configs = configs
}
