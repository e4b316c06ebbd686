package main

import (
	"encoding/json"
	"strings"
	"testing"

	"umbra/admin/api"
)

// Every command: its exit code and a part of what it prints.
func TestCommands(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{})
	f := func(line string, code int, out, errs string) {
		t.Helper()
		var s shell
		got := s.run(d, strings.Fields(line)...)
		if got != code || !strings.Contains(s.out.String(), out) || !strings.Contains(s.err.String(), errs) {
			t.Errorf("umbra %s: exit %d, want %d\nstdout %s\nstderr %s", line, got, code, s.out.String(), s.err.String())
		}
		if (s.err.Len() > 0) != (errs != "") {
			t.Errorf("umbra %s: stderr %s", line, s.err.String())
		}
	}
	f("status", exitUnhealthy, "UNHEALTHY: 3 of 5 links", "")
	f("status -o name", exitUnhealthy, "dr-east\n", "")
	f("link list", exitOK, "eu-copy  UNREACHABLE", "")
	f("link status dr-east", exitOK, "dr-east   ACTIVE", "")
	f("link status eu-copy", exitUnhealthy, "Next: umbra failover eu-copy", "")
	f("link status eu-copy -o wide", exitUnhealthy, "Partitions, the largest lag first\nTOPIC", "")
	f("link status other", exitError, "", "error: link \"other\" does not exist\nwhy:   (not_found)\ndo:    run \"umbra link list\"")
	f("link describe eu-copy", exitOK, "Not copied: 12 topics", "")
	f("link pause eu-copy", exitOK, "link eu-copy   UNREACHABLE", "")
	f("link resume eu-copy", exitOK, "17 ready", "")
	f("link delete eu-copy", exitRefused, "", "why:   18 topics still follow the source (conflict)")
	f("link delete eu-copy --force", exitOK, "", "link eu-copy deleted")
	f("receipt eu-copy", exitOK, "Failover  op-00ff, ended 2026-11-22T03:05:14Z, asked for by uid 1000\nFAILED_OVER", "")
	f("receipt eu-copy --operation op-00ff -o name", exitOK, "op-00ff\n", "")
	f("receipt dr", exitError, "", "receipt of link \"dr\" does not exist")
	if want := "receipt eu-copy op-00ff"; !strings.Contains(d.noted(), want) {
		t.Errorf("the daemon saw %s, want %s", d.noted(), want)
	}
	f("topic list", exitOK, "orders-eu  FAULTED", "")
	f("topic list -o name", exitOK, "audit\n", "")
	f("topic describe orders-eu", exitOK, "retention.ms=604800000", "")
	f("topic describe other", exitError, "", "topic \"other\" does not exist")
	f("config show", exitOK, "storage.dir   /srv/umbra    flag", "")
	f("config show -o name", exitOK, "kafka.listen\n", "")
	f("version", exitOK, "umbra "+version, "")
	f("link create dr --from a:1,b:2 --topics x*,y --exclude x-tmp --start latest --rpo-target 5s", exitOK, "Link dr created", "")
	f("link create dr --from a:1 --topics x --dry-run", exitOK, "Dry run: nothing was created", "")
	f("link create taken --from a:1 --topics x", exitRefused, "", "do:    choose another name")
	if want := "create dr a:1+b:2 x*+y x-tmp latest 5s"; !strings.Contains(d.noted(), want) {
		t.Errorf("the daemon saw %s, want %s", d.noted(), want)
	}
}

func TestUsageErrors(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		var s shell
		if code := s.run(nil, strings.Fields(line)...); code != exitUsage || !strings.Contains(s.err.String(), want) || s.out.Len() > 0 {
			t.Errorf("umbra %s: exit %d, stdout %q, stderr\n%s", line, code, s.out.String(), s.err.String())
		}
		if n := strings.Count(s.err.String(), "\n"); n > 3 {
			t.Errorf("umbra %s: the error has %d lines:\n%s", line, n, s.err.String())
		}
	}
	f("stauts", "did you mean: status?")
	f("link lst", "did you mean: list?")
	f("link status", "LINK is missing")
	f("link status a b", `"b" is one argument too many`)
	f("status --wathc", "unknown flag: --wathc")
	f("status -o yaml", "do:    use -o table, wide, json or name")
	f("version -o yaml", "use -o table, wide, json or name")
	f("link create dr", `required flag(s) "from", "topics" not set`)
	f("link create dr --from a:1 --topics x --rpo-target -1s", "below 0")
	f("failover dr --timeout soon", "invalid argument")
	f("config check", "FILE is missing")
	f("config show --config x", "--config needs --effective")
	f("status --watch --interval 0s", "not a time to wait")
	f("--admin http://x status", "want the path of a Unix socket")
}

func TestUnreachableDaemon(t *testing.T) {
	s := shell{env: map[string]string{"UMBRA_ADMIN": "/nonexistent/admin.sock"}}
	code := s.run(nil, "status")
	if code != exitUnreachable || strings.Count(s.err.String(), "\n") != 3 || !strings.Contains(s.err.String(), "/nonexistent/admin.sock") {
		t.Errorf("exit %d\n%s", code, s.err.String())
	}
}

// A flag beats the environment.
func TestAdminFlagWins(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{})
	s := shell{env: map[string]string{"UMBRA_ADMIN": "/nonexistent/admin.sock"}}
	if code := s.run(nil, "--admin", "unix://"+d.socket, "topic", "list"); code != exitOK {
		t.Errorf("exit %d\n%s", code, s.err.String())
	}
}

func TestJSONIsTheDocument(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{})
	for line, kind := range map[string]string{
		"status -o json": "Status", "link list -o json": "LinkList", "link status eu-copy -o json": "LinkStatus",
		"link describe eu-copy -o json": "LinkStatus", "link pause dr-east -o json": "LinkStatus",
		"link create dr --from a:1 --topics x -o json": "LinkPlan", "failover eu-copy --dry-run -o json": "FailoverPlan", "receipt eu-copy -o json": "Receipt",
		"topic list -o json": "TopicList", "config show -o json": "Config", "config show --effective -o json": "Config", "topic describe orders-eu -o json": "TopicDescription",
	} {
		var s shell
		s.run(d, strings.Fields(line)...)
		var m api.Meta
		if err := json.Unmarshal(s.out.Bytes(), &m); err != nil || m.Kind != kind || m.APIVersion != api.APIVersion {
			t.Errorf("umbra %s: %+v %v\n%s", line, m, err, s.out.String())
		}
	}
	var s shell
	var b build
	s.run(nil, "version", "-o", "json")
	if err := json.Unmarshal(s.out.Bytes(), &b); err != nil || b.Version != version {
		t.Errorf("version: %v\n%s", err, s.out.String())
	}
}

func TestColourOnlyForPeople(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{})
	f := func(name string, s shell, want bool) {
		t.Helper()
		s.run(d, "link", "list")
		if got := strings.Contains(s.out.String(), "\x1b["); got != want {
			t.Errorf("%s: colour is %v", name, got)
		}
	}
	f("terminal", shell{tty: true}, true)
	f("pipe", shell{}, false)
	f("NO_COLOR", shell{tty: true, env: map[string]string{"NO_COLOR": "1"}}, false)
	f("dumb", shell{tty: true, env: map[string]string{"TERM": "dumb"}}, false)
}

func TestCompletionAsksTheDaemon(t *testing.T) {
	d := serveDaemon(t, &fakeDaemon{})
	f := func(want string, args ...string) {
		t.Helper()
		var s shell
		if code := s.run(d, append([]string{"__complete"}, args...)...); code != exitOK || !strings.Contains(s.out.String(), want) {
			t.Errorf("%v: exit %d\n%s", args, code, s.out.String())
		}
	}
	f("eu-copy\n", "failover", "")
	f("dr-east\n", "link", "status", "d")
	f("orders-eu\n", "topic", "describe", "")
	f("backoff_min=\twait after", "link", "create", "dr", "--option", "backoff")
}

// Every command has examples, and help shows them before anything long.
func TestHelpBeginsWithExamples(t *testing.T) {
	for _, line := range []string{"", "link", "link create", "link status", "failover", "receipt", "verify", "topic", "status", "config", "config show", "version"} {
		var s shell
		if code := s.run(nil, append(strings.Fields(line), "--help")...); code != exitOK {
			t.Errorf("umbra %s --help: exit %d", line, code)
		}
		golden(t, strings.TrimSuffix("help-"+strings.ReplaceAll(line, " ", "-"), "-"), s.out.String())
		if lines := strings.Split(s.out.String(), "\n"); len(lines) < 3 || lines[2] != "Examples:" {
			t.Errorf("umbra %s --help does not begin with examples:\n%s", line, s.out.String())
		}
	}
}
