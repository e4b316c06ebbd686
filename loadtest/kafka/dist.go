package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"umbra/loadtest/proc"
)

// Releases that are known to run here on Java 17.
const (
	Newest   = "4.3.1" // KRaft
	ZK28     = "2.8.2" // ZooKeeper, topic ids
	ZK21     = "2.1.1" // ZooKeeper, no topic ids; the oldest source umbra takes
	maxFetch = 3       // tries of a Maven run
)

// A Dist is one Kafka release on disk: jars and a log configuration. It is
// immutable and may be used by any number of clusters and tools at once.
type Dist struct {
	Version string
	dir     string // holds libs/, log4j2.properties
}

// ZooKeeper reports whether brokers of this release need ZooKeeper.
func (d *Dist) ZooKeeper() bool { return strings.HasPrefix(d.Version, "2.") }

// Fetch resolves the release into the cache, through Maven, unless it is there
// already. Two processes may call it at once: one fetches, the other waits.
func Fetch(ctx context.Context, version string) (*Dist, error) {
	pom, err := pomOf(version)
	if err != nil {
		return nil, err
	}
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	d := &Dist{Version: version, dir: filepath.Join(cache, "kafka", version)}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return nil, fmt.Errorf("create kafka %s cache: %w", version, err)
	}
	unlock, err := lock(filepath.Join(d.dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	complete := filepath.Join(d.dir, "complete")
	if _, err := os.Stat(complete); err == nil {
		return d, nil
	}
	if err := d.download(ctx, pom); err != nil {
		return nil, err
	}
	if !d.ZooKeeper() {
		if err := d.archive(ctx); err != nil {
			return nil, err
		}
	}
	return d, os.WriteFile(complete, []byte(version+"\n"), 0o644)
}

func (d *Dist) download(ctx context.Context, pom string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("fetch kafka %s: Maven is not installed, run `make deps`: %w", d.Version, err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "pom.xml"), []byte(pom), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "log4j2.properties"), []byte(log4j2), 0o644); err != nil {
		return err
	}
	var last error
	for range maxFetch {
		if err := os.RemoveAll(d.libs()); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "dependency:copy-dependencies",
			"-DincludeScope=runtime", "-DoutputDirectory="+d.libs())
		cmd.Dir = d.dir
		out, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		last = fmt.Errorf("fetch kafka %s with Maven: %w\n%s", d.Version, err, proc.Tail(string(out), 20))
		if ctx.Err() != nil {
			break
		}
	}
	return last
}

// archive runs a broker once and keeps the classes it loaded in a form the JVM
// maps at start: a broker then starts in 1.3 s instead of 4 s, a tool in half the
// time (measured, 4.3.1 on two cores). Without the file a JVM starts as ever.
func (d *Dist) archive(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "umbra-kafka-archive-")
	if err != nil {
		return err
	}
	c := &Cluster{Dist: d, dir: dir, ownsDir: true}
	defer c.Close()
	if err := c.planKRaft(ctx, Single().withDefaults()); err != nil {
		return err
	}
	b := c.Broker(1)
	b.jvm = []string{"-XX:ArchiveClassesAtExit=" + d.classes() + ".new"}
	if err := b.Start(ctx); err != nil {
		return err
	}
	if err := b.Stop(); err != nil {
		return err
	}
	// A JVM that was killed before it had written the archive costs time, no more.
	if err := os.Rename(d.classes()+".new", d.classes()); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// classes is the class archive, if this release has one.
func (d *Dist) classes() string { return filepath.Join(d.dir, "classes.jsa") }

func (d *Dist) libs() string { return filepath.Join(d.dir, "libs") }

// CacheDir is where downloads are kept: $UMBRA_CACHE, or .cache beside go.mod.
func CacheDir() (string, error) {
	if dir := os.Getenv("UMBRA_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, ".cache"), nil
}

// ModuleRoot is the folder of the go.mod above the working directory.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("find go.mod: none above the working directory; set UMBRA_CACHE to a folder for downloads")
		}
		dir = up
	}
}

// lock takes an exclusive advisory lock on path and returns its release.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
