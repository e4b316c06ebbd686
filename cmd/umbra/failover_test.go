package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"umbra/admin"
	"umbra/admin/api"
)

// receipts lists the files that a failover left in dir.
func receipts(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestFailoverConfirmedByName(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{})
	s := shell{tty: true, stdin: "eu-copy\n", dir: t.TempDir(), env: map[string]string{"NO_COLOR": "1"}}
	if code := s.run(d, "failover", "eu-copy", "--topic", "a", "--topic", "b"); code != exitOK {
		t.Fatalf("exit %d\n%s", code, s.err.String())
	}
	if got := d.noted(); got != "plan eu-copy a+b, plan eu-copy a+b, failover eu-copy a+b" {
		t.Errorf("the daemon saw %s", got)
	}
	for _, want := range []string{"PLAN  make 2 topics", "at least 1,310 records", "Type the link name to continue: ", " fence"} {
		if !strings.Contains(s.err.String(), want) {
			t.Errorf("stderr has no %q:\n%s", want, s.err.String())
		}
	}
	if out := s.out.String(); !strings.HasPrefix(out, "FAILED_OVER   link eu-copy") || !strings.Contains(out, "Receipt: ") {
		t.Errorf("stdout:\n%s", out)
	}
	files := receipts(t, s.dir)
	if len(files) != 1 || filepath.Base(files[0]) != "failover-eu-copy-20261122T030514Z.json" {
		t.Fatalf("files: %v", files)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := api.CheckSeal(b); err != nil {
		t.Error(err)
	}
	var r api.Receipt
	if err := json.Unmarshal(b, &r); err != nil || r.Kind != "Receipt" || r.Operation == "" || !strings.Contains(s.out.String(), r.SHA256) {
		t.Errorf("receipt %+v %v", r, err)
	}
}

// Nothing is begun without a person's or a script's clear word.
func TestFailoverUnconfirmed(t *testing.T) {
	f := func(name string, s shell, want string) {
		t.Helper()
		d := serveDaemon(t, &fakeDaemon{})
		s.dir = t.TempDir()
		if code := s.run(d, "failover", "eu-copy"); code != exitRefused || !strings.Contains(s.err.String(), want) || s.out.Len() > 0 {
			t.Errorf("%s: exit %d\nstdout %s\nstderr %s", name, code, s.out.String(), s.err.String())
		}
		if got := d.noted(); got != "plan eu-copy" {
			t.Errorf("%s: the daemon saw %s", name, got)
		}
		if files := receipts(t, s.dir); len(files) > 0 {
			t.Errorf("%s: files %v", name, files)
		}
	}
	f("pipe", shell{stdin: "eu-copy\n"}, "do:    add --yes")
	f("other name", shell{tty: true, stdin: "dr-east\n"}, `"dr-east" is not the name of the link`)
	f("y", shell{tty: true, stdin: "y\n"}, `"y" is not the name`)
	f("end of input", shell{tty: true}, `"" is not the name`)
}

func TestFailoverWithoutAsking(t *testing.T) {
	for _, flag := range []string{"--yes", "-y", "--no-confirm"} {
		d := serveDaemon(t, &fakeDaemon{})
		s := shell{dir: t.TempDir()}
		if code := s.run(d, "failover", "eu-copy", flag, "-o", "json"); code != exitOK {
			t.Errorf("%s: exit %d\n%s", flag, code, s.err.String())
		}
		if err := api.CheckSeal(s.out.Bytes()); err != nil {
			t.Errorf("%s: stdout is not a receipt: %v\n%s", flag, err, s.out.String())
		}
		if n := len(receipts(t, s.dir)); n != 1 {
			t.Errorf("%s: %d receipts", flag, n)
		}
	}
}

func TestFailoverDryRun(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{})
	s := shell{dir: t.TempDir()}
	if code := s.run(d, "failover", "eu-copy", "--dry-run"); code != exitOK || !strings.HasPrefix(s.out.String(), "PLAN") || s.err.Len() > 0 {
		t.Errorf("exit %d\nstdout %s\nstderr %s", code, s.out.String(), s.err.String())
	}
	if got := d.noted(); got != "plan eu-copy" {
		t.Errorf("the daemon saw %s", got)
	}
}

// A plan that the daemon will not carry out is not even asked about.
func TestFailoverRefusedByThePlan(t *testing.T) {
	f := func(name string, change func(*api.FailoverPlan), want string) {
		t.Helper()
		p := failoverPlanDoc()
		change(p)
		d := serveDaemon(t, &fakeDaemon{plan: p})
		var s shell
		if code := s.run(d, "failover", "eu-copy", "--yes"); code != exitRefused || !strings.Contains(s.err.String(), want) {
			t.Errorf("%s: exit %d\n%s", name, code, s.err.String())
		}
		if got := d.noted(); got != "plan eu-copy" {
			t.Errorf("%s: the daemon saw %s", name, got)
		}
	}
	f("failed check", func(p *api.FailoverPlan) {
		p.Checks = append(p.Checks, api.Check{Name: "disk", Level: api.CheckFail, Detail: "full"})
	}, "why:   disk: full")
	f("nothing to do", func(p *api.FailoverPlan) { p.Topics = nil }, "nothing to fail over")
	f("all of it was", func(p *api.FailoverPlan) {
		p.Topics, p.Checks = nil, []api.Check{{Name: "topics", Level: api.CheckFail, Detail: "none is left"}}
	}, "umbra receipt "+failoverPlanDoc().Link)
}

func TestFailoverPartial(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{failover: func(context.Context, admin.Call) (*api.Receipt, error) {
		return receiptDoc(api.OutcomePartial), nil
	}})
	s := shell{dir: t.TempDir()}
	if code := s.run(d, "failover", "eu-copy", "--yes"); code != exitPartial || !strings.Contains(s.out.String(), "Not done  orders-eu is FAULTED") {
		t.Errorf("exit %d\n%s%s", code, s.out.String(), s.err.String())
	}
	if n := len(receipts(t, s.dir)); n != 1 {
		t.Errorf("%d receipts", n)
	}
}

// What the daemon keeps proves itself, as the file does.
func TestStoredReceiptIsSealed(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{})
	var s shell
	if code := s.run(d, "receipt", "eu-copy", "-o", "json"); code != exitOK {
		t.Fatalf("exit %d\n%s", code, s.err.String())
	}
	if err := api.CheckSeal(s.out.Bytes()); err != nil {
		t.Errorf("%v\n%s", err, s.out.String())
	}
}

func TestFailoverFails(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{failover: func(_ context.Context, call admin.Call) (*api.Receipt, error) {
		call.Progress(api.Step{Name: "flush", State: api.StepRunning})
		return nil, errors.New("flush orders-0: no space left on device")
	}})
	s := shell{dir: t.TempDir()}
	code := s.run(d, "failover", "eu-copy", "--yes")
	if code != exitError || !strings.Contains(s.err.String(), " flush              failed") || !strings.Contains(s.err.String(), "no space left on device (internal)") {
		t.Errorf("exit %d\n%s", code, s.err.String())
	}
}

// A receipt that cannot be kept is said, and still shown.
func TestFailoverReceiptNotWritten(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{})
	s := shell{dir: filepath.Join(t.TempDir(), "missing")}
	code := s.run(d, "failover", "eu-copy", "--yes")
	if code != exitError || !strings.Contains(s.out.String(), "FAILED_OVER") || !strings.Contains(s.err.String(), "its receipt was not kept") {
		t.Errorf("exit %d\n%s%s", code, s.out.String(), s.err.String())
	}
}

// A receipt is never overwritten.
func TestFailoverReceiptExists(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{})
	s := shell{dir: t.TempDir()}
	old := filepath.Join(s.dir, "failover-eu-copy-20261122T030514Z.json")
	if err := os.WriteFile(old, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code := s.run(d, "failover", "eu-copy", "--yes"); code != exitError || !strings.Contains(s.err.String(), "file exists") {
		t.Errorf("exit %d\n%s", code, s.err.String())
	}
	if b, _ := os.ReadFile(old); string(b) != "old" {
		t.Errorf("the old receipt now holds %q", b)
	}
}

func TestFailoverNoWait(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	d := serveDaemon(t, &fakeDaemon{failover: func(ctx context.Context, _ admin.Call) (*api.Receipt, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return receiptDoc(api.OutcomeFailedOver), nil
	}})
	var s shell
	if code := s.run(d, "failover", "eu-copy", "--yes", "--no-wait"); code != exitOK || !strings.Contains(s.out.String(), "began as op-") || !strings.Contains(s.out.String(), "then umbra receipt eu-copy") {
		t.Errorf("exit %d\n%s%s", code, s.out.String(), s.err.String())
	}
}

// Who stops waiting is told that the failover goes on.
func TestFailoverStopsWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	d := serveDaemon(t, &fakeDaemon{failover: func(daemonCtx context.Context, _ admin.Call) (*api.Receipt, error) {
		cancel() // the person presses ^C when it has begun
		<-daemonCtx.Done()
		return nil, daemonCtx.Err()
	}})
	s := shell{ctx: ctx}
	if code := s.run(d, "failover", "eu-copy", "--yes"); code != exitError || !strings.Contains(s.err.String(), "goes on in the daemon") {
		t.Errorf("exit %d\n%s", code, s.err.String())
	}
}

func TestVerify(t *testing.T) {
	f := func(result api.VerifyResult, code int, out, errs string) {
		t.Helper()
		d := serveDaemon(t, &fakeDaemon{verify: func(context.Context, admin.Call) (*api.VerifyReport, error) { return verifyDoc(result), nil }})
		var s shell
		if got := s.run(d, "verify", "dr-east", "--topic", "orders"); got != code || !strings.Contains(s.out.String(), out) || !strings.Contains(s.err.String(), errs) {
			t.Errorf("%s: exit %d\n%s%s", result, got, s.out.String(), s.err.String())
		}
		if got := d.noted(); got != "verify dr-east orders" {
			t.Errorf("the daemon saw %s", got)
		}
	}
	f(api.Identical, exitOK, "IDENTICAL: 2 topics", "")
	f(api.Different, exitError, "crc 0x1234abcd", "differs from its source")
	f(api.Nothing, exitError, "the source does not answer", "nothing of link \"dr-east\" was compared")
}

func TestVerifyJSON(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{verify: func(context.Context, admin.Call) (*api.VerifyReport, error) { return verifyDoc(api.Different), nil }})
	var s shell
	code := s.run(d, "verify", "dr-east", "-o", "json")
	var r api.VerifyReport
	if err := json.Unmarshal(s.out.Bytes(), &r); err != nil || code != exitError || r.Kind != "VerifyReport" || r.DifferencesTotal != 3 {
		t.Errorf("exit %d, %v\n%s", code, err, s.out.String())
	}
}
