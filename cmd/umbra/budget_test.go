package main

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"umbra/core/config"
)

func settings(t *testing.T, flags ...string) *config.Config {
	t.Helper()
	o := config.Options{Flags: []config.Flag{{Key: "storage.dir", Name: "--data", Value: filepath.Join(t.TempDir(), "d")}}}
	for _, f := range flags {
		key, value, _ := strings.Cut(f, "=")
		o.Flags = append(o.Flags, config.Flag{Key: key, Name: "--" + key, Value: value})
	}
	c, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const mib = 1 << 20

func TestDefaultsFitAnyMachine(t *testing.T) {
	for _, machine := range []struct {
		cores  string
		memory int64
	}{{"1", 512 * mib}, {"2", 512 * mib}, {"2", 1 << 30}, {"4", 2 << 30}, {"8", 8 << 30}, {"16", 16 << 30}, {"63", 256 << 30}, {"127", 1 << 40}} {
		b := newBudget(settings(t, "shards.count="+machine.cores), machine.memory, "a test")
		if err := b.check(); err != nil {
			t.Errorf("%s shards: %v", machine.cores, err)
		}
		if heap := b.total() - b.term("slabs") - b.term("storage_rings"); b.heapLimit() < heap {
			t.Errorf("%s shards on %d MiB: the heap may have %d MiB, its terms want %d", machine.cores, machine.memory/mib, b.heapLimit()/mib, heap/mib)
		}
		if room := b.term("garbage"); b.ballast() <= 0 || b.ballast() > ballastMax || 2*b.ballast() > room {
			t.Errorf("%s shards on %d MiB: a ballast of %d bytes, for garbage there are %d", machine.cores, machine.memory/mib, b.ballast(), room)
		}
	}
}

func TestBudgetSumsWhatIsAskedFor(t *testing.T) {
	b := newBudget(settings(t, "shards.count=4", "memory.arena=256MiB", "shards.mailbox=1000", "kafka.properties.max.connections=1000"), 16<<30, "a test")
	f := func(holder string, want int64) {
		t.Helper()
		if got := b.term(holder); got != want {
			t.Errorf("%s: %d, want %d", holder, got, want)
		}
	}
	f("slabs", 4*256*mib)
	f("mailboxes", 4*1024*16)
	f("requests", 4*64*mib)
	f("unpacking", 4*offloadWorkers*128*mib)
	f("connections", 1000*connectionBytes)
	f("etcd", etcdBytes)
	var sum int64
	for _, term := range b.terms {
		if term.bytes <= 0 {
			t.Errorf("%s holds nothing", term.holder)
		}
		sum += term.bytes
	}
	if b.total() != sum {
		t.Errorf("total %d, the terms are %d", b.total(), sum)
	}
	external := newBudget(settings(t, "metadata.endpoints=http://127.0.0.1:2379"), 16<<30, "a test")
	if external.term("etcd") != 0 {
		t.Error("an external etcd is not in this process")
	}
}

func TestBudgetThatDoesNotFitIsRefused(t *testing.T) {
	b := newBudget(settings(t, "shards.count=8", "memory.arena=1GiB"), 4<<30, "control group /kubepods/x")
	err := b.check()
	if err == nil {
		t.Fatal("8 GiB of slabs on a machine of 4 GiB")
	}
	for _, want := range []string{"slabs 8.0 GiB", "control group /kubepods/x gives 4.0 GiB", "lower memory.arena or shards.count", "etcd 64 MiB"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %q", want, err)
		}
	}
}

func TestMemoryLimitOfControlGroups(t *testing.T) {
	f := func(name string, files map[string]string, want int64, group string) {
		t.Helper()
		root := fstest.MapFS{}
		for path, text := range files {
			root[path] = &fstest.MapFile{Data: []byte(text)}
		}
		got, from, ok := cgroupLimit(root)
		if ok != (want > 0) || got != want || from != group {
			t.Errorf("%s: %d of %q, %v; want %d of %q", name, got, from, ok, want, group)
		}
	}
	f("no control groups", nil, 0, "")
	f("version 2", map[string]string{"proc/self/cgroup": "0::/kubepods/pod1/c\n", "sys/fs/cgroup/kubepods/pod1/c/memory.max": "1073741824\n",
		"sys/fs/cgroup/kubepods/pod1/memory.max": "2147483648\n", "sys/fs/cgroup/memory.max": "max\n"}, 1<<30, "/kubepods/pod1/c")
	f("a parent is tighter", map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "5000\n"}, 5000, "/a")
	f("version 2 in its own name space", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "7000\n"}, 7000, "/")
	f("version 1", map[string]string{"proc/self/cgroup": "9:name=systemd:/x\n5:devices,memory:/d\n0::/\n", "sys/fs/cgroup/memory/d/memory.limit_in_bytes": "6000\n"}, 6000, "/d")
	f("version 1, the host's path", map[string]string{"proc/self/cgroup": "4:memory:/docker/abc\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "8000\n"}, 8000, "/")
	f("no limit", map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 0, "")
	f("nonsense", map[string]string{"proc/self/cgroup": "what\n\n4:memory\n"}, 0, "")
	if bytes, from := memoryLimit(); bytes < 1<<20 || from == "" {
		t.Errorf("this machine: %d, %q", bytes, from)
	}
}
