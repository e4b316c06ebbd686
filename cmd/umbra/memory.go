package main

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// memoryLimit is how many bytes this process may use, and what says so: the
// machine's memory, or a lower limit of a control group.
func memoryLimit() (int64, string) {
	bytes, from := int64(1<<30), "a machine that does not say how much memory it has"
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		bytes, from = int64(info.Totalram)*int64(info.Unit), "this machine"
	}
	if limit, group, ok := cgroupLimit(os.DirFS("/")); ok && limit < bytes {
		return limit, "control group " + group
	}
	return bytes, from
}

// cgroupLimit is the lowest memory limit of this process's control group and
// those above it, in the file system of version 2 or 1; false when there is
// none.
func cgroupLimit(root fs.FS) (bytes int64, group string, ok bool) {
	list, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, "", false
	}
	for line := range strings.Lines(string(list)) {
		// hierarchy:controllers:path
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		mount, file := "sys/fs/cgroup", "memory.max"
		switch {
		case f[1] == "": // version 2
		case hasController(f[1], "memory"):
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for dir := path.Clean("/" + f[2]); ; dir = path.Dir(dir) {
			if n, set := readLimit(root, path.Join(mount, dir, file)); set && (!ok || n < bytes) {
				bytes, group, ok = n, dir, true
			}
			if dir == "/" {
				break
			}
		}
	}
	return bytes, group, ok
}

func hasController(list, name string) bool {
	for c := range strings.SplitSeq(list, ",") {
		if c == name {
			return true
		}
	}
	return false
}

// readLimit reads a limit; "max", which stands for none, is no number.
func readLimit(root fs.FS, file string) (int64, bool) {
	b, err := fs.ReadFile(root, file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil && n > 0
}
