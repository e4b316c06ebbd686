package config

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// leaves lists the paths of everything in a decoded document that is no table,
// arrays and their elements' contents included.
func leaves(path []string, v any, out map[string]bool) {
	child := func(k string) []string { return append(path[:len(path):len(path)], k) }
	each := func(n int, at func(int) any) {
		out[strings.Join(path, "\x00")] = true
		for i := range n {
			if isTableOrArray(at(i)) {
				leaves(child("#"+strconv.Itoa(i)), at(i), out)
			}
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for k, c := range v {
			leaves(child(k), c, out)
		}
	case []any:
		each(len(v), func(i int) any { return v[i] })
	case []map[string]any:
		each(len(v), func(i int) any { return v[i] })
	default:
		out[strings.Join(path, "\x00")] = true
	}
}

func isTableOrArray(v any) bool {
	switch v.(type) {
	case map[string]any, []any, []map[string]any:
		return true
	}
	return false
}

func checkLocate(t *testing.T, text string) {
	t.Helper()
	found := locate(text) // must end and stay in bounds whatever the text is
	var root map[string]any
	_, err := toml.Decode(text, &root)
	for _, l := range found {
		if l.keyStart < 0 || l.keyEnd < l.keyStart || l.keyEnd > len(text) || l.valEnd > len(text) || l.valStart < 0 || l.valEnd != 0 && l.valEnd < l.valStart {
			t.Fatalf("%q: out of bounds: %+v", text, l)
		}
	}
	if err != nil {
		return
	}
	want := map[string]bool{}
	leaves(nil, root, want)
	// An array directly inside an array has no key of its own.
	for id := range want {
		if last := id[strings.LastIndexByte(id, 0)+1:]; strings.HasPrefix(last, "#") {
			delete(want, id)
		}
	}
	got := map[string]bool{}
	for _, l := range found {
		if !l.table {
			got[strings.Join(l.path, "\x00")] = true
		}
	}
	for id := range want {
		if !got[id] {
			t.Errorf("%q: key %q not located", text, id)
		}
	}
	for id := range got {
		if !want[id] {
			t.Errorf("%q: located %q, which is no key", text, id)
		}
	}
	for _, l := range found {
		if v, ok := lookup(root, l.path); ok && l.valEnd > 0 {
			checkValue(t, text, text[l.valStart:l.valEnd], v)
		}
	}
}

// lookup follows a path without array elements.
func lookup(v any, path []string) (any, bool) {
	for _, k := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[k]; !ok {
			return nil, false
		}
	}
	return v, true
}

// checkValue decodes the marked text by itself; it must be the same value.
func checkValue(t *testing.T, text, value string, want any) {
	t.Helper()
	var one map[string]any
	if _, err := toml.Decode("v = "+value+"\n", &one); err != nil {
		t.Errorf("%q: marked %q is no value: %v", text, value, err)
	} else if s, ok := want.(string); ok && one["v"] != s {
		t.Errorf("%q: marked %q, want %q", text, value, s)
	}
}

var locateSeeds = []string{
	"a = 1\n[s]\nb = \"x\" # c\n", "[a.b]\nc.d = 1\n", "a.\"b.c\" . 'd' = 2", "[[l]]\nn=1\n[[l]]\nn=2\n[l.sub]\nx=1\n[[l.m]]\ny=1\n",
	"t = { a = 1, b = { c = [1, {d = 2}] } }\ne = 3", "s = '''\na = 1\n'''\nb=2", "s = \"\"\"a\\\"\"\"\"\nb=2", "d = 1979-05-27 07:32:00\nx=1",
	"a = [ # c\n 1,\n 2, ]\nb=1", "\ufeffa=1", "\"\\u0061\" = 1", "\"\" = 1", "a = \"#\"\r\nb = '#'\r\n", "[ a . b ]\nc=1", "x=[[{a=1}],[{b=2}]]", "[a]\n[[a.b]]\nc=1\n[a.b.d]\ne=1",
}

func TestLocate(t *testing.T) {
	for _, s := range locateSeeds {
		checkLocate(t, s)
	}
	l := locate("x = 1\n[a]\n  key.sub = \"v\"  # c\n")
	i := slices.IndexFunc(l, func(l located) bool { return strings.Join(l.path, ".") == "a.key.sub" })
	if i < 0 {
		t.Fatalf("%+v", l)
	}
	p := place("f", "x = 1\n[a]\n  key.sub = \"v\"  # c\n", l[i].keyStart, l[i].keyEnd, "m")
	if p.Line != 3 || p.Col != 3 || p.Len != 7 {
		t.Fatalf("%+v", p)
	}
}

func FuzzLocate(f *testing.F) {
	for _, s := range locateSeeds {
		f.Add(s)
	}
	f.Fuzz(checkLocate)
}
