package ioring_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"umbra/ioring"
)

const forbidEnv = "IORING_TEST_FORBID"

// A container's seccomp profile refuses io_uring: auto becomes pwrite and says
// why; io_uring by name is an error. Run in a child, as filters stay for life.
func TestFallsBackWhereIoUringIsForbidden(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), forbidEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("child: %v\n%s", err, out)
	}
	for _, want := range []string{"auto: pwrite: io_uring is forbidden here", "io_uring: make ring: io_uring was asked for but"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the child said\n%s\nwant %q in it", out, want)
		}
	}
}

// forbiddenChild is the child's whole life, called from TestMain.
func forbiddenChild() {
	runtime.LockOSThread()
	if err := forbidIoUring(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for _, e := range []string{ioring.EngineAuto, ioring.EngineUring} {
		r, err := ioring.New(ioring.Config{Engine: e})
		if err != nil {
			fmt.Printf("%s: %v\n", e, err)
			continue
		}
		fmt.Printf("%s: %s: %s\n", e, r.Engine(), r.Reason())
		if err := r.Close(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(0)
}

// forbidIoUring makes io_uring_setup answer EPERM for the whole process.
func forbidIoUring() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the system call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_IO_URING_SETUP, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, no := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if no != 0 {
		return no
	}
	return nil
}
