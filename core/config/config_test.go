package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"umbra/core/units"
)

// write stores a config file that only its owner can read.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "umbra.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, o Options) *Config {
	t.Helper()
	c, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaultsNeedNothing(t *testing.T) {
	c := load(t, Options{})
	if c.Kafka.Listen != "0.0.0.0:9092" || c.Storage.FlushInterval != 50*time.Millisecond || c.Storage.FlushBytes != 64<<20 || c.Storage.Fsync != "always" {
		t.Fatalf("%+v", c)
	}
	if c.AdminSocket() != "umbra-data/admin.sock" || c.ShardCount() < 1 || c.Kafka.Configs.BrokerSettings().AutoCreateTopics {
		t.Fatalf("%s %d", c.AdminSocket(), c.ShardCount())
	}
	c.Shards.Count = 4
	for machine, want := range map[int64]int64{1 << 30: 64 << 20, 8 << 30: 512 << 20, 1 << 40: 1 << 30} {
		if got := c.ArenaBytes(machine); got != want {
			t.Errorf("arena on %s: %s", units.FormatSize(machine), units.FormatSize(got))
		}
	}
	c.Memory.Arena = 5
	if c.ArenaBytes(1<<40) != 5 {
		t.Error("a given arena must win")
	}
	for _, e := range c.Entries() {
		if e.Origin != OriginDefault || !strings.HasSuffix(e.Doc, ".") {
			t.Errorf("%+v", e)
		}
	}
}

func TestFlagsBeatEnvironmentBeatsFile(t *testing.T) {
	file := write(t, "[kafka]\nlisten = \"f:1\"\nadvertise = \"f:2\"\n[kafka.properties]\nlog.retention.ms = 5\nnum.partitions = \"3\"\n\"auto.create.topics.enable\" = true\n[shards]\ncount = 2\n[ops]\nhttp = \"\"\n")
	c := load(t, Options{File: file,
		Environ: []string{"UMBRA_KAFKA_LISTEN=e:1", "UMBRA_SHARDS_COUNT=3", "UMBRA_KAFKA_PROPERTIES_NUM_PARTITIONS=4", "UMBRA_ADMIN=/x", "HOME=/"},
		Flags:   []Flag{{"kafka.listen", "--listen", "g:1"}, {"kafka.properties.num.partitions", "--set", "6"}}})
	if c.Kafka.Listen != "g:1" || c.Kafka.Advertise != "f:2" || c.Shards.Count != 3 || c.Ops.HTTP != "" || c.Storage.Engine != "auto" {
		t.Fatalf("%+v", c)
	}
	if c.Kafka.Configs.NumPartitions() != 6 || !c.Kafka.Configs.BrokerSettings().AutoCreateTopics || c.Kafka.Configs.Settings(nil).Retention != 5*time.Millisecond {
		t.Fatalf("properties %v", c.Kafka.Properties)
	}
	for key, want := range map[string]Origin{"kafka.listen": "flag --listen", "kafka.advertise": Origin(file + ":3"), "shards.count": "env UMBRA_SHARDS_COUNT",
		"kafka.properties.num.partitions": "flag --set", "kafka.properties.log.retention.ms": Origin(file + ":5"), "storage.engine": OriginDefault} {
		if got := c.Origin(key); got != want {
			t.Errorf("origin of %s: %q, want %q", key, got, want)
		}
	}
}

func TestEverySettingByFileEnvironmentAndFlag(t *testing.T) {
	for _, s := range (&Config{}).settings() {
		value := s.def
		switch s.key {
		case "kafka.advertise":
			value = "a:1"
		case "metadata.endpoints":
			value = "http://a:1,http://b:2"
		case "metadata.user", "metadata.password":
			continue // TestSecrets
		}
		t.Run(s.key, func(t *testing.T) {
			literal := quote(value)
			switch {
			case s.kind == numberKind:
				literal = value
			case s.kind == listKind:
				literal = quoteList(value)
			}
			for _, o := range []Options{
				{File: write(t, fmt.Sprintf("[%s]\n%s = %s\n", s.section(), s.name(), literal))},
				{File: write(t, fmt.Sprintf("%s = %s\n", s.key, literal))},
				{File: write(t, fmt.Sprintf("%s = { %s = %s }\n", s.section(), s.name(), literal))},
				{Environ: []string{s.env() + "=" + value}},
				{Flags: []Flag{{s.key, "--x", value}}},
			} {
				c := load(t, o)
				if c.Origin(s.key) == OriginDefault {
					t.Errorf("%+v: the value did not arrive", o)
				}
				for _, e := range c.Entries() {
					if e.Key == s.key && e.Value != value {
						t.Errorf("%q became %q", value, e.Value)
					}
				}
			}
		})
	}
}

func TestAllProblemsInOnePass(t *testing.T) {
	file := write(t, `[kafka]
listen = 9092
[storage]
dri = "/x"
flush_interval = 50
	flush_bytes = "64 MB"
engine = "io-uring"
[strorage]
dir = "/y"
[kafka.properties]
log.retentoin.ms = 5
num.partitions = 0
log.segment.bytes = [1]
[shards]
count = "many"
mailbox = 1
`)
	_, err := Load(Options{File: file, Environ: []string{"UMBRA_STORAGE_DIRR=x", "UMBRA_LOG_LEVEL=loud"},
		Flags: []Flag{{"kafka.listn", "--listn", "x"}, {"metadata.password", "--pw", "x"}, {"kafka.advertise", "--advertise", "0.0.0.0:9092"}}})
	ps, ok := err.(Problems)
	if !ok {
		t.Fatalf("%T %v", err, err)
	}
	got := strings.ReplaceAll(ps.Error(), file, "umbra.toml")
	want := strings.TrimPrefix(`
environment: log.level: "loud" is not one of debug, info, warn, error
environment: unknown variable UMBRA_STORAGE_DIRR; did you mean "UMBRA_STORAGE_DIR"?
flag --listn: unknown setting "kafka.listn"; did you mean "kafka.listen"?
flag --pw: metadata.password: every user of the machine can see flags; use the file or the environment
flag --advertise: kafka.advertise: "0.0.0.0:9092": clients cannot connect to this host; name one they can reach
umbra.toml:2:10: kafka.listen: a bare number has no meaning here; write a string such as "0.0.0.0:9092"
  2 | listen = 9092
    |          ^^^^
umbra.toml:4:1: unknown setting "storage.dri"; did you mean "storage.dir"?
  4 | dri = "/x"
    | ^^^
umbra.toml:5:18: storage.flush_interval: a bare number has no meaning here; write a string such as "50ms"
  5 | flush_interval = 50
    |                  ^^
umbra.toml:6:16: storage.flush_bytes: "64 MB" is not a size; write a number and a unit: B, KiB, MiB, GiB, TiB, kB, MB, GB or TB
  6 | 	flush_bytes = "64 MB"
    | 	              ^^^^^^^
umbra.toml:7:10: storage.engine: "io-uring" is not one of auto, io_uring, pwrite; did you mean "io_uring"?
  7 | engine = "io-uring"
    |          ^^^^^^^^^^
umbra.toml:8:2: unknown section "strorage"; did you mean "storage"?
  8 | [strorage]
    |  ^^^^^^^^
umbra.toml:11:1: unknown broker property "log.retentoin.ms"; did you mean "log.retention.ms"?
  11 | log.retentoin.ms = 5
     | ^^^^^^^^^^^^^^^^
umbra.toml:12:18: broker property num.partitions: invalid value "0": want a number from 1 to 20000
  12 | num.partitions = 0
     |                  ^
umbra.toml:13:21: broker property "log.segment.bytes": want a string, a number or a boolean
  13 | log.segment.bytes = [1]
     |                     ^^^
umbra.toml:15:9: shards.count: "many" is not a number from 1 to 1024, or auto
  15 | count = "many"
     |         ^^^^^^
umbra.toml:16:11: shards.mailbox: "1" is not a number from 64 to 1048576
  16 | mailbox = 1
     |           ^
`, "\n")
	if got+"\n" != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestSyntaxErrorHasPlace(t *testing.T) {
	f := func(text, place string) {
		t.Helper()
		file := write(t, text)
		_, err := Load(Options{File: file, Environ: []string{"UMBRA_LOG_LEVEL=loud"}})
		if err == nil || !strings.Contains(err.Error(), file+place) || !strings.Contains(err.Error(), "^") || !strings.Contains(err.Error(), "loud") {
			t.Errorf("%q: %v", text, err)
		}
	}
	f("[kafka]\nlisten = \"x\n", ":2:")
	f("[kafka]\nlisten = \"x:1\"\nlisten = \"y:1\"\n", ":3:")
	f("kafka]\n", ":1:")
	if _, err := Load(Options{File: "/does/not/exist"}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
	if _, err := Load(Options{File: t.TempDir()}); err == nil {
		t.Error("a directory was accepted")
	}
	f2 := func(text, want string) {
		t.Helper()
		if _, err := Load(Options{File: write(t, text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	f2("listen = 1\n", "settings stand in a section")
	f2("kafka = 1\n", "write [kafka]")
	f2("strorage.dir = \"x\"\n", `did you mean "storage"`)
	f2("[kafka]\nproperties = 5\n", "write [kafka.properties]")
	f2("[kafka.properties]\nnum.partitions = 1\n\"num.partitions\" = 2\n", "given twice")
	f2("[metadata]\nendpoints = \"a\"\n", "want a list")
	f2("[metadata]\nendpoints = [1]\n", "want strings")
	f2("[metadata]\nendpoints = [\"a:1\"]\n", "not an etcd endpoint")
	f2("[[kafka]]\nlisten = \"a:1\"\n", "write [kafka]")
}

func TestSecrets(t *testing.T) {
	base := "[metadata]\nendpoints = [\"http://e:2379\"]\nuser = \"u\"\n"
	dir := t.TempDir()
	pw := filepath.Join(dir, "pw")
	if err := os.WriteFile(pw, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"literal":   {File: write(t, base+"password = \"hunter2\"\n")},
		"reference": {File: write(t, base+"password = \"${env:PW}\"\n"), Environ: []string{"PW=hunter2"}},
		"file":      {File: write(t, base+"password_file = "+quote(pw)+"\n")},
		"env":       {File: write(t, base), Environ: []string{"UMBRA_METADATA_PASSWORD=hunter2"}},
		"env file":  {File: write(t, base), Environ: []string{"UMBRA_METADATA_PASSWORD_FILE=" + pw}},
	} {
		c := load(t, o)
		if c.Metadata.Password.Reveal() != "hunter2" {
			t.Errorf("%s: %q", name, c.Metadata.Password.Reveal())
		}
		js, _ := json.Marshal(c)
		var logged strings.Builder
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "c", c.Metadata, "p", c.Metadata.Password, "any", *c)
		all := c.Effective() + string(js) + logged.String() + fmt.Sprintf("%v %+v %#v %s %x %q", c.Metadata, c.Metadata, c.Metadata, c.Metadata.Password, c.Metadata.Password, c.Metadata.Password) + fmt.Sprint(c.Entries())
		if strings.Contains(all, "hunter2") || strings.Contains(all, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("%s: the secret is visible in\n%s", name, all)
		}
		if !strings.Contains(c.Effective(), `password = "***"`) {
			t.Errorf("%s: not redacted:\n%s", name, c.Effective())
		}
	}
	refuse := func(o Options, want string) {
		t.Helper()
		_, err := Load(o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	open := write(t, base+"password = \"hunter2\"\n")
	os.Chmod(open, 0o644)
	refuse(Options{File: open}, "chmod 600")
	os.Chmod(pw, 0o640)
	refuse(Options{File: write(t, base+"password_file = "+quote(pw)+"\n")}, "chmod 600")
	refuse(Options{File: write(t, base+"password_file = \"/nope\"\n")}, "no such file")
	refuse(Options{File: write(t, base+"password_file = 5\n")}, "path of a file")
	refuse(Options{File: write(t, base+"password = \"${env:NOPE}\"\n")}, "NOPE is not set")
	refuse(Options{File: write(t, base)}, "both or neither")
	refuse(Options{File: write(t, "[metadata]\nuser = \"u\"\npassword = \"p\"\n")}, "no users")
}

func TestEffectiveLoadsBackEqual(t *testing.T) {
	first := load(t, Options{Environ: []string{"UMBRA_METADATA_ENDPOINTS=http://a:1, unix:///b", "UMBRA_MEMORY_ARENA=100MB", "UMBRA_SHARDS_COUNT=3", "UMBRA_STORAGE_DIR=/a \"b\"\t\\c"},
		Flags: []Flag{{"kafka.properties.log.retention.hours", "--set", "7"}, {"storage.flush_interval", "--flush", "1m30s"}}})
	text := first.Effective()
	second := load(t, Options{File: write(t, text)})
	second.origins, first.origins = nil, nil
	if !reflect.DeepEqual(first, second) {
		t.Fatalf("%s\n%+v\n%+v", text, first, second)
	}
	for _, want := range []string{"# env UMBRA_SHARDS_COUNT", "# flag --set", "# default", "[kafka.properties]\n\"log.retention.hours\" = \"7\"", "# password is not set"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestCheckIgnoresTheEnvironmentsSettings(t *testing.T) {
	good := write(t, "[log]\nlevel = \"warn\"\n")
	if err := Check(good, []string{"UMBRA_LOG_LEVEL=nonsense"}); err != nil {
		t.Fatal(err)
	}
	if err := Check(write(t, "[log]\nlvel = \"warn\"\n"), nil); err == nil || !strings.Contains(err.Error(), `did you mean "log.level"`) {
		t.Fatal(err)
	}
}

// Whatever the file holds, loading gives a configuration or problems with a
// place inside the file.
func FuzzLoad(f *testing.F) {
	for _, s := range append(locateSeeds, "[kafka]\nlisten = \"a:1\"\n", "[kafka.properties]\nnum.partitions = 3\n", "[metadata]\npassword = \"${env:X}\"\n", "[storage]\nflush_bytes = \"1MiB\"\n") {
		f.Add(s)
	}
	path := filepath.Join(f.TempDir(), "f.toml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(Options{File: path})
		if err == nil {
			if c.Kafka.Configs == nil || c.Effective() == "" {
				t.Fatal("incomplete")
			}
			return
		}
		lines := strings.Count(text, "\n") + 1
		for _, p := range err.(Problems) {
			if p.Line < 0 || p.Line > lines || p.Message == "" || p.Line > 0 && p.Col < 1 {
				t.Fatalf("%q: %+v", text, p)
			}
		}
	})
}
