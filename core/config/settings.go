package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"umbra/core/units"
)

// kind is how a setting is written in TOML.
type kind uint8

const (
	textKind     kind = iota // a string
	numberKind               // an integer
	listKind                 // an array of strings
	secretKind               // a string, never shown; also KEY_file
	textOrNumber             // an integer, or the string "auto"
)

// setting binds a key to a field. parse checks and stores the text form; show
// writes it back.
type setting struct {
	key   string
	kind  kind
	doc   string // one sentence, shown by Effective
	def   string // text form of the default
	parse func(string) error
	show  func() string
}

// section and name are the two halves of a key.
func (s setting) section() string { before, _, _ := strings.Cut(s.key, "."); return before }
func (s setting) name() string    { _, after, _ := strings.Cut(s.key, "."); return after }

// env is the environment variable of a setting.
func (s setting) env() string {
	return "UMBRA_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// settings is the list of every setting, bound to c.
func (c *Config) settings() []setting {
	return []setting{
		text("kafka.listen", &c.Kafka.Listen, "0.0.0.0:9092", hostPort, "Address for Kafka clients; port 0 takes any free port."),
		text("kafka.advertise", &c.Kafka.Advertise, "", optional(dialAddress), "Address clients are told to connect to; empty follows listen."),

		text("storage.dir", &c.Storage.Dir, "umbra-data", notEmpty, "Directory of all data."),
		text("storage.engine", &c.Storage.Engine, "auto", oneOf("auto", "io_uring", "pwrite"), "How files are written: auto takes io_uring where the system allows it."),
		number("storage.depth", &c.Storage.Depth, 1024, 8, 32768, "Operations one shard has in the kernel at most."),
		number("storage.workers", &c.Storage.Workers, 4, 1, 256, "Threads of one shard's pwrite engine; each has one operation at the disk."),
		text("storage.fsync", &c.Storage.Fsync, "always", oneOf("always", "interval"), "When acks=all is answered: always after the flush; with interval a power loss can take what one flush window held."),
		duration("storage.flush_interval", &c.Storage.FlushInterval, 50*time.Millisecond, time.Millisecond, time.Hour, "Longest time until written data, mirrored data above all, is flushed."),
		size("storage.flush_bytes", &c.Storage.FlushBytes, 64<<20, 64<<10, 1<<40, "Written bytes of a partition after which it is flushed before the interval is over."),

		sizeAuto("memory.arena", &c.Memory.Arena, 16<<20, 1<<40, "Buffers per shard; auto takes a quarter of the machine, 64MiB to 1GiB per shard."),

		numberAuto("shards.count", &c.Shards.Count, 1, 1024, "Shards; auto makes one per core and from 8 cores on leaves one core free."),
		text("shards.pin", &c.Shards.Pin, "auto", oneOf("auto", "on", "off"), "Whether each shard is bound to a core; auto does so from 4 cores on."),
		number("shards.mailbox", &c.Shards.Mailbox, 8192, 64, 1<<20, "Messages a shard's mailbox holds."),

		list("metadata.endpoints", &c.Metadata.Endpoints, etcdEndpoint, "Endpoints of an external etcd; none runs etcd inside umbra."),
		text("metadata.prefix", &c.Metadata.Prefix, "/umbra", keyPrefix, "Prefix of every etcd key."),
		size("metadata.quota", &c.Metadata.Quota, 1<<30, 16<<20, 8<<30, "Largest size of the embedded etcd's database."),
		text("metadata.user", &c.Metadata.User, "", anyText, "User name at an external etcd."),
		secret("metadata.password", &c.Metadata.Password, "Password at an external etcd."),

		text("admin.socket", &c.Admin.Socket, "", anyText, "Path of the admin socket; empty is admin.sock in storage.dir."),
		text("ops.http", &c.Ops.HTTP, "127.0.0.1:9644", optional(hostPort), "Address for /metrics, /health and /ready; empty has no listener."),

		text("metrics.per_partition", &c.Metrics.PerPartition, "auto", oneOf("auto", "on", "off"), "Whether series per partition are exposed; auto stops above per_partition_max."),
		number("metrics.per_partition_max", &c.Metrics.PerPartitionMax, 5000, 1, 1_000_000, "Partitions up to which auto exposes series per partition."),

		text("log.level", &c.Log.Level, "info", oneOf("debug", "info", "warn", "error"), "Least level that is logged."),
		text("log.format", &c.Log.Format, "auto", oneOf("auto", "text", "json"), "Form of log lines; auto writes text to a terminal and JSON otherwise."),
	}
}

func text(key string, to *string, def string, check func(string) error, doc string) setting {
	return setting{key: key, doc: doc, def: def, show: func() string { return *to },
		parse: func(s string) error {
			if err := check(s); err != nil {
				return err
			}
			*to = s
			return nil
		}}
}

func secret(key string, to *Secret, doc string) setting {
	return setting{key: key, kind: secretKind, doc: doc, show: to.String,
		parse: func(s string) error { *to = NewSecret(s); return nil }}
}

func list(key string, to *[]string, check func(string) error, doc string) setting {
	return setting{key: key, kind: listKind, doc: doc, show: func() string { return strings.Join(*to, ",") },
		parse: func(s string) error {
			var items []string
			for item := range strings.SplitSeq(s, ",") {
				if item = strings.TrimSpace(item); item == "" {
					continue
				}
				if err := check(item); err != nil {
					return err
				}
				items = append(items, item)
			}
			*to = items
			return nil
		}}
}

func number(key string, to *int, def, lo, hi int, doc string) setting {
	return setting{key: key, kind: numberKind, doc: doc, def: strconv.Itoa(def), show: func() string { return strconv.Itoa(*to) },
		parse: func(s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < lo || n > hi {
				return fmt.Errorf("%q is not a number from %d to %d", s, lo, hi)
			}
			*to = n
			return nil
		}}
}

// numberAuto is a number or "auto", stored as 0.
func numberAuto(key string, to *int, lo, hi int, doc string) setting {
	s := number(key, to, 0, lo, hi, doc)
	return withAuto(s, func() { *to = 0 }, func() bool { return *to == 0 })
}

func size(key string, to *int64, def, lo, hi int64, doc string) setting {
	return setting{key: key, doc: doc, def: units.FormatSize(def), show: func() string { return units.FormatSize(*to) },
		parse: func(s string) error {
			n, err := units.ParseSize(s)
			if err == nil && (n < lo || n > hi) {
				err = fmt.Errorf("%q is not between %s and %s", s, units.FormatSize(lo), units.FormatSize(hi))
			}
			if err == nil {
				*to = n
			}
			return err
		}}
}

// sizeAuto is a size or "auto", stored as 0.
func sizeAuto(key string, to *int64, lo, hi int64, doc string) setting {
	s := size(key, to, 0, lo, hi, doc)
	return withAuto(s, func() { *to = 0 }, func() bool { return *to == 0 })
}

func withAuto(s setting, set func(), isSet func() bool) setting {
	parse, show := s.parse, s.show
	s.def = "auto"
	if s.kind == numberKind {
		s.kind = textOrNumber
	}
	s.parse = func(v string) error {
		if v == "auto" {
			set()
			return nil
		}
		if err := parse(v); err != nil {
			return fmt.Errorf("%w, or auto", err)
		}
		return nil
	}
	s.show = func() string {
		if isSet() {
			return "auto"
		}
		return show()
	}
	return s
}

func duration(key string, to *time.Duration, def, lo, hi time.Duration, doc string) setting {
	return setting{key: key, doc: doc, def: units.FormatDuration(def), show: func() string { return units.FormatDuration(*to) },
		parse: func(s string) error {
			d, err := units.ParseDuration(s)
			if err == nil && (d < lo || d > hi) {
				err = fmt.Errorf("%q is not between %s and %s", s, units.FormatDuration(lo), units.FormatDuration(hi))
			}
			if err == nil {
				*to = d
			}
			return err
		}}
}

// Checks of text settings.

func anyText(string) error { return nil }

func notEmpty(s string) error {
	if s == "" {
		return fmt.Errorf("it must not be empty")
	}
	return nil
}

func optional(check func(string) error) func(string) error {
	return func(s string) error {
		if s == "" {
			return nil
		}
		return check(s)
	}
}

func oneOf(choices ...string) func(string) error {
	return func(s string) error {
		if slices.Contains(choices, s) {
			return nil
		}
		hint := ""
		if c := units.Suggest(s, choices); c != "" {
			hint = fmt.Sprintf("; did you mean %q?", c)
		}
		return fmt.Errorf("%q is not one of %s%s", s, strings.Join(choices, ", "), hint)
	}
}

func hostPort(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is not an address; write host:port", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q: port %q is not between 0 and 65535", s, port)
	}
	return nil
}

// dialAddress is an address another machine can use.
func dialAddress(s string) error {
	if err := hostPort(s); err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(s)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("%q: clients cannot connect to this host; name one they can reach", s)
	}
	if n, _ := strconv.Atoi(port); n == 0 {
		return fmt.Errorf("%q: clients cannot connect to port 0", s)
	}
	return nil
}

func etcdEndpoint(s string) error {
	u, err := url.Parse(s)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "unix") && u.Host+u.Path != "" {
		return nil
	}
	return fmt.Errorf("%q is not an etcd endpoint; write http://host:2379, https://host:2379 or unix:///path", s)
}

func keyPrefix(s string) error {
	if len(s) < 2 || s[0] != '/' || s[len(s)-1] == '/' {
		return fmt.Errorf("%q is not a key prefix; write /name", s)
	}
	return nil
}
