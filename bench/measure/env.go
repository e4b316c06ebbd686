package measure

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"umbra/loadtest/kafka"
)

// Env is the machine and the build a report was made with.
type Env struct {
	Kernel     string `json:"kernel"`
	CPU        string `json:"cpu"` // model name
	Cores      int    `json:"cores"`
	MemoryGiB  int    `json:"memory_gib"`
	Go         string `json:"go"`
	Commit     string `json:"commit,omitempty"`   // empty when built outside a checkout
	Modified   bool   `json:"modified,omitempty"` // the tree had changes
	FileSystem string `json:"file_system"`        // of the data directory
	Kafka      string `json:"kafka,omitempty"`    // the release that is started where one is
	Java       string `json:"java,omitempty"`     // and what runs it; empty where there is none
}

// Environment describes this machine; dir is where data is written.
func Environment(dir string) Env {
	e := Env{Cores: runtime.NumCPU(), Go: runtime.Version(), FileSystem: fileSystem(dir), Kafka: kafka.Newest, Java: javaVersion()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		e.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) == nil {
		e.MemoryGiB = int((uint64(s.Totalram)*uint64(s.Unit) + 1<<29) >> 30)
	}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		e.CPU = cpuModel(string(b))
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				e.Commit = s.Value[:min(len(s.Value), 12)]
			case "vcs.modified":
				e.Modified = s.Value == "true"
			}
		}
	}
	return e
}

// cpuModel finds the model's name in /proc/cpuinfo; where there is none (arm64)
// it is the architecture.
func cpuModel(info string) string {
	for line := range strings.Lines(info) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// ext4 says where there is no journal: many fsyncs at once are dearer then.
func ext4(dir string) string {
	var st unix.Stat_t
	if unix.Stat(dir, &st) != nil {
		return "ext4"
	}
	device, err := filepath.EvalSymlinks(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)))
	if err != nil {
		return "ext4"
	}
	task, err := os.ReadFile(filepath.Join("/sys/fs/ext4", filepath.Base(device), "journal_task"))
	if err == nil && strings.HasPrefix(string(task), "<none>") {
		return "ext4 without a journal"
	}
	return "ext4"
}

// javaVersion is the line with the version of what java says on standard error.
func javaVersion() string {
	out, err := exec.Command("java", "-version").CombinedOutput()
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, " version ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func fileSystem(dir string) string {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return "unknown"
	}
	switch int64(s.Type) {
	case unix.EXT4_SUPER_MAGIC:
		return ext4(dir)
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	}
	return "other"
}
