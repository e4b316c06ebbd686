package volume

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Journaled is an ext4 with a journal, as most systems have it, in a file on a loop device
// that goes past the page cache of the file system below.
type Journaled struct {
	Dir string // where it is mounted

	image string
}

// inodeBytes is how much of the file system there is for each inode: enough for a few
// files of every partition of a bench.
const inodeBytes = 64 << 10

// How long a mount that is busy is waited for before it is only taken out of sight.
const (
	busyTries = 20
	busyWait  = 100 * time.Millisecond
)

// NewJournaled makes one of size bytes, of which it takes what is written to it, below
// dir. It needs root, loop devices, mkfs.ext4 and losetup; an error says what is missing.
// Close it in every case but an error.
func NewJournaled(dir string, size int64) (*Journaled, error) {
	v := &Journaled{Dir: filepath.Join(dir, "journaled"), image: filepath.Join(dir, "journaled.img")}
	if err := errors.Join(os.Mkdir(v.Dir, 0o755), os.WriteFile(v.image, nil, 0o600), os.Truncate(v.image, size)); err != nil {
		return nil, errors.Join(fmt.Errorf("make an image: %w", err), v.remove())
	}
	if err := v.mount(); err != nil {
		return nil, errors.Join(err, v.remove())
	}
	return v, nil
}

func (v *Journaled) mount() error {
	if _, err := tell("mkfs.ext4", "-q", "-O", "has_journal", "-i", fmt.Sprint(inodeBytes), "-E", "lazy_itable_init=0,lazy_journal_init=0", v.image); err != nil {
		return err
	}
	loop, err := tell("losetup", "--find", "--show", "--direct-io=on", v.image)
	if err != nil {
		return err
	}
	err = unix.Mount(loop, v.Dir, "ext4", unix.MS_RELATIME, "")
	if err != nil {
		err = fmt.Errorf("mount %s: %w", loop, err)
	}
	_, gone := tell("losetup", "--detach", loop) // once it is mounted, the device goes with the mount
	if err == nil && gone != nil {
		return errors.Join(gone, v.unmount())
	}
	return errors.Join(err, gone)
}

// tell runs a command and returns what it says. An interrupt of the bench is not for it:
// what it makes would be left.
func tell(command string, args ...string) (string, error) {
	c := exec.Command(command, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", command, err, text)
	}
	return text, nil
}

// Close unmounts the file system, which nothing may use any more, and removes it.
func (v *Journaled) Close() error {
	if err := v.unmount(); err != nil {
		return err
	}
	return v.remove()
}

// unmount does not wait for long: the kernel lets go of the files of a process that was
// killed some time after it is gone.
func (v *Journaled) unmount() error {
	err := unix.Unmount(v.Dir, 0)
	for tries := 0; errors.Is(err, unix.EBUSY) && tries < busyTries; tries++ {
		time.Sleep(busyWait)
		err = unix.Unmount(v.Dir, 0)
	}
	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(v.Dir, unix.MNT_DETACH)
	}
	if err != nil {
		return fmt.Errorf("unmount %s: %w", v.Dir, err)
	}
	return nil
}

func (v *Journaled) remove() error { return errors.Join(os.Remove(v.Dir), os.Remove(v.image)) }
