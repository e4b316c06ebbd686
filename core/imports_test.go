package core_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rule says what one of our packages may import from this module. Its own
// subpackages are not implied; a name that ends in "/..." stands for a package
// and everything below it.
type rule struct {
	pkg   string   // path inside the module, or a "/..." pattern
	may   []string // paths inside the module
	tests []string // further ones, for its tests only
}

// allowed is the direction of the tree (docs/design.md, section 3). A package that
// stands in no row fails the test: a new package is a design decision. Rows of
// packages that do not exist are harmless.
var allowed = []rule{
	{pkg: "kafkaproto", may: []string{"kafkaproto/batch", "kafkaproto/compress"}},
	{pkg: "kafkaproto/batch", may: []string{"kafkaproto", "kafkaproto/compress", "kafkaproto/crc32c"}},
	{pkg: "kafkaproto/crc32c"},
	{pkg: "kafkaproto/compress"},

	{pkg: "ioring", may: []string{"ioring/buf"}, tests: []string{"ioring/disktest"}},
	{pkg: "ioring/buf"},
	{pkg: "ioring/disktest"}, // bad disks, for tests

	{pkg: "shard", may: []string{"kafkaproto", "kafkaproto/batch", "ioring", "ioring/buf", "shard/segment"}},
	{pkg: "shard/segment", may: []string{"kafkaproto", "kafkaproto/batch", "kafkaproto/compress", "kafkaproto/crc32c", "ioring", "ioring/buf"},
		tests: []string{"ioring/disktest"}},

	{pkg: "core"},
	{pkg: "core/units"},
	{pkg: "core/link/spec", may: []string{"kafkaproto", "core/units"}},
	{pkg: "core/metadata", may: []string{"kafkaproto", "core/link/spec"}},
	{pkg: "core/auth", may: []string{"kafkaproto", "core/metadata"}},
	{pkg: "core/auth/scram"},
	{pkg: "core/group", may: []string{"kafkaproto"}},
	{pkg: "core/txn", may: []string{"kafkaproto"}},
	{pkg: "core/placement", may: []string{"kafkaproto", "shard", "shard/segment", "core/metadata"}, tests: []string{"kafkaproto/batch"}},
	{pkg: "core/broker", may: []string{"kafkaproto", "kafkaproto/batch", "kafkaproto/compress", "ioring/buf", "shard", "shard/segment", "core/placement",
		"core/auth", "core/group", "core/metadata", "core/txn", "core/link/spec"}},
	{pkg: "core/link/source", may: []string{"kafkaproto", "kafkaproto/batch", "core/link/spec"}, tests: []string{"core/link/linktest"}},
	{pkg: "core/link/replicate", may: []string{"kafkaproto", "kafkaproto/batch", "ioring/buf", "shard", "shard/segment",
		"core/metadata", "core/link/source", "core/link/spec"}, tests: []string{"bench/synthetic"}},
	{pkg: "core/link/verify", may: []string{"kafkaproto", "kafkaproto/batch", "ioring/buf", "shard", "shard/segment", "core/link/source", "core/link/spec"}},
	{pkg: "core/link/linktest", may: []string{"kafkaproto", "kafkaproto/batch", "kafkaproto/compress"}}, // a source, for tests
	{pkg: "core/link/mirror", may: []string{"kafkaproto", "core/metadata", "core/link/source", "core/link/spec"}},
	{pkg: "core/link", may: []string{"kafkaproto", "kafkaproto/batch", "ioring/buf", "shard", "shard/segment",
		"core/metadata", "core/placement", "core/link/mirror", "core/link/replicate", "core/link/source", "core/link/spec", "core/link/verify"},
		tests: []string{"bench/synthetic", "core/link/linktest"}}, // as the source
	{pkg: "core/observe", may: []string{"kafkaproto", "ioring", "ioring/buf", "shard", "shard/segment",
		"core/metadata", "core/broker", "core/link", "core/link/replicate", "core/link/spec"}},
	{pkg: "core/config", may: []string{"kafkaproto", "ioring", "ioring/buf", "shard", "shard/segment",
		"core/metadata", "core/broker", "core/link", "core/link/spec", "core/observe", "core/units"}},

	{pkg: "admin/api"},
	{pkg: "admin/client", may: []string{"admin/api"}},
	{pkg: "admin/backend", may: []string{"admin", "admin/api", "kafkaproto", "shard", "shard/segment", "core/broker", "core/config", "core/link",
		"core/link/spec", "core/link/verify", "core/metadata", "core/observe", "core/placement"},
		tests: []string{"core/link/linktest", "core/link/replicate", "core/link/source"}}, // a source to plan, copy and verify from
	{pkg: "admin", may: []string{"admin/api", "kafkaproto", "shard", "core/config", "core/link", "core/link/spec", "core/metadata", "core/observe"}},

	{pkg: "cmd/umbra", may: []string{"kafkaproto/...", "ioring/...", "shard/...", "core/...", "admin/..."},
		tests: []string{"bench/synthetic"}}, // as the source
	{pkg: "cmd/umbra-bench", may: []string{"bench/...", "loadtest/...", "kafkaproto/...", "ioring/...", "admin/..."}},

	// Black boxes: they know the wire, the admin API and each other, and none
	// of the daemon's insides.
	{pkg: "bench/...", may: []string{"bench/...", "loadtest/...", "kafkaproto/...", "admin/api", "admin/client"}},
	{pkg: "loadtest/...", may: []string{"loadtest/...", "kafkaproto/...", "admin/api", "admin/client"}},
}

// owned names libraries that stay behind one package, so that they can be
// replaced, capped or reasoned about in one place. Tests may use them anywhere.
var owned = []struct {
	library string
	owners  []string
}{
	{"github.com/panjf2000/gnet", []string{"shard"}},
	{"go.etcd.io/etcd", []string{"core/metadata"}},
	{"github.com/VictoriaMetrics/metrics", []string{"core/observe"}},
	{"github.com/BurntSushi/toml", []string{"core/config"}},
	{"github.com/klauspost/compress", []string{"kafkaproto/compress"}},
	{"github.com/pierrec/lz4", []string{"kafkaproto/compress"}},
	{"github.com/spf13/cobra", []string{"cmd/umbra", "cmd/umbra-bench"}},
	{"github.com/twmb/franz-go", []string{"bench/...", "loadtest/...", "cmd/umbra-bench"}},
	{"github.com/IBM/sarama", []string{"bench/...", "loadtest/...", "cmd/umbra-bench"}},
	{"github.com/segmentio/kafka-go", []string{"bench/...", "loadtest/...", "cmd/umbra-bench"}},
}

// strictInTests: even tests reach gnet through shard only.
var strictInTests = []string{"github.com/panjf2000/gnet"}

// imports is what one package of the module imports.
type imports struct {
	code  []string // by files of the package itself
	tests []string // by _test.go files
}

func TestImportsFollowTheTable(t *testing.T) {
	root := ".."
	pkgs := scan(t, root)
	if len(pkgs["kafkaproto"].code) == 0 {
		t.Fatalf("found no imports of kafkaproto among %d packages under %s: the scan is broken", len(pkgs), root)
	}
	for _, p := range violations(pkgs) {
		t.Error(p)
	}
}

// The checks themselves are checked: each of these must be refused.
func TestImportsTableRefuses(t *testing.T) {
	f := func(pkg string, im imports, want string) {
		t.Helper()
		got := violations(map[string]imports{pkg: im})
		if len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s importing %v: got %q, want one problem with %q", pkg, im, got, want)
		}
	}
	f("core/surprise", imports{}, "stands in no row")
	f("core/broker", imports{code: []string{"umbra/core/link"}}, "core/link")
	f("core/link", imports{code: []string{"umbra/core/broker"}}, "core/broker")
	f("core/link", imports{tests: []string{"umbra/core/broker"}}, "core/broker")
	f("kafkaproto", imports{code: []string{"umbra/ioring/buf"}}, "ioring/buf")
	f("ioring", imports{code: []string{"umbra/kafkaproto"}}, "kafkaproto")
	f("core/broker", imports{code: []string{"github.com/panjf2000/gnet/v2"}}, "gnet")
	f("core/broker", imports{tests: []string{"github.com/panjf2000/gnet/v2"}}, "gnet")
	f("core/link", imports{code: []string{"github.com/twmb/franz-go/pkg/kgo"}}, "franz-go")
	f("cmd/umbra", imports{code: []string{"umbra/loadtest/kafka"}}, "loadtest/kafka")
	f("shard", imports{code: []string{"umbra/core/metadata"}}, "core/metadata")
	f("core/link", imports{code: []string{"umbra/bench/synthetic"}}, "bench/synthetic")
}

// violations checks every package against both tables and names each breach.
func violations(pkgs map[string]imports) []string {
	var out []string
	for _, pkg := range sortedKeys(pkgs) {
		im := pkgs[pkg]
		row, ok := allowedFor(pkg)
		if !ok {
			out = append(out, fmt.Sprintf("package %s stands in no row of the table in core/imports_test.go: add it there with what it may import", pkg))
			continue
		}
		for _, path := range im.code {
			out = append(out, check(pkg, path, row.may, false)...)
		}
		for _, path := range im.tests {
			out = append(out, check(pkg, path, slices.Concat(row.may, row.tests), true)...)
		}
	}
	return out
}

// check judges one import. Tests of a package may import what the package may,
// and besides any package below it or any library that is not strict.
func check(pkg, path string, may []string, test bool) []string {
	if own, ok := strings.CutPrefix(path, "umbra/"); ok {
		switch {
		case own == pkg || matchesAny(own, may):
		case test && strings.HasPrefix(own, pkg+"/"):
		default:
			return []string{fmt.Sprintf("package %s imports %s: the table in core/imports_test.go does not allow that direction", pkg, own)}
		}
		return nil
	}
	for _, o := range owned {
		if path != o.library && !strings.HasPrefix(path, o.library+"/") {
			continue
		}
		if test && !slices.Contains(strictInTests, o.library) {
			return nil
		}
		if !matchesAny(pkg, o.owners) {
			return []string{fmt.Sprintf("package %s imports %s: only %s may", pkg, path, strings.Join(o.owners, ", "))}
		}
	}
	return nil
}

// allowedFor finds the row of pkg; an exact row wins over a pattern.
func allowedFor(pkg string) (row rule, ok bool) {
	for _, r := range allowed {
		if r.pkg == pkg {
			return r, true
		}
	}
	for _, r := range allowed {
		if matches(pkg, r.pkg) {
			return r, true
		}
	}
	return rule{}, false
}

func matchesAny(pkg string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(pkg, p) })
}

func matches(pkg, pattern string) bool {
	base, tree := strings.CutSuffix(pattern, "/...")
	return pkg == base || tree && strings.HasPrefix(pkg, base+"/")
}

// scan parses the import clauses of every Go file below root, whatever its
// build tags, and groups them by package folder.
func scan(t *testing.T, root string) map[string]imports {
	t.Helper()
	pkgs := map[string]imports{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasPrefix(name, ".") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		found, err := parse(path)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		im := pkgs[pkg]
		if strings.HasSuffix(name, "_test.go") {
			im.tests = append(im.tests, found...)
		} else {
			im.code = append(im.code, found...)
		}
		pkgs[pkg] = im
		return nil
	})
	if err != nil {
		t.Fatalf("scan imports below %s: %v", root, err)
	}
	for pkg, im := range pkgs {
		slices.Sort(im.code)
		slices.Sort(im.tests)
		pkgs[pkg] = imports{code: slices.Compact(im.code), tests: slices.Compact(im.tests)}
	}
	return pkgs
}

func parse(path string) ([]string, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("import clause %s of %s: %w", spec.Path.Value, path, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func sortedKeys(m map[string]imports) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
