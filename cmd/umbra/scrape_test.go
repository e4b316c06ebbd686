package main

import (
	"bufio"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"umbra/core/observe"
)

// scraped is one answer of /metrics as a Prometheus server would read it.
type scraped struct {
	types  map[string]string // family -> TYPE
	helps  map[string]string // family -> HELP
	series map[string]float64
}

// scrape reads /metrics and fails the test where the format is wrong: every
// sample stands behind the TYPE and HELP of its own family, and no series or
// family comes twice.
func scrape(t *testing.T, addr string) scraped {
	t.Helper()
	code, body := get(t, "http://"+addr+"/metrics")
	if code != http.StatusOK {
		t.Fatalf("/metrics: %d %s", code, body)
	}
	s := scraped{types: map[string]string{}, helps: map[string]string{}, series: map[string]float64{}}
	family := ""
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
		line := lines.Text()
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, help, _ := strings.Cut(rest, " ")
			if s.helps[name] != "" || help == "" {
				t.Errorf("HELP comes twice or is empty: %q", line)
			}
			s.helps[name] = help
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			if s.types[name] != "" {
				t.Errorf("family %s comes twice", name)
			}
			family, s.types[name] = name, kind
			continue
		}
		s.sample(t, family, line)
	}
	return s
}

func (s *scraped) sample(t *testing.T, family, line string) {
	t.Helper()
	i := strings.LastIndexByte(line, ' ')
	series := line[:max(i, 0)]
	v, err := strconv.ParseFloat(line[i+1:], 64)
	name, _, _ := strings.Cut(series, "{")
	if kind := s.types[family]; kind == "histogram" || kind == "summary" {
		for _, end := range []string{"_bucket", "_sum", "_count"} {
			if n, ok := strings.CutSuffix(name, end); ok && n == family {
				name = n
			}
		}
	}
	if err != nil || name != family {
		t.Errorf("%q is no sample of %q: %v", line, family, err)
	}
	if _, twice := s.series[series]; twice {
		t.Errorf("series %s comes twice", series)
	}
	s.series[series] = v
}

// value is one series; -1 when it is not there.
func (s scraped) value(series string) float64 {
	if v, ok := s.series[series]; ok {
		return v
	}
	return -1
}

func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// catalogue checks off families as they appear.
type catalogue map[string]observe.Family

func newCatalogue() catalogue {
	c := catalogue{}
	for _, f := range observe.Families() {
		c[f.Name] = f
	}
	return c
}

// see takes the families of s off, and checks that they are what they should be.
func (c catalogue) see(t *testing.T, s scraped) {
	t.Helper()
	for _, f := range observe.Families() {
		if s.types[f.Name] == "" {
			continue
		}
		if s.types[f.Name] != string(f.Kind) || s.helps[f.Name] != f.Help {
			t.Errorf("%s is exposed as %s %q", f.Name, s.types[f.Name], s.helps[f.Name])
		}
		delete(c, f.Name)
	}
	for name := range s.types {
		if strings.HasPrefix(name, "umbra_") && s.helps[name] == "" {
			t.Errorf("%s has no HELP", name)
		}
	}
}
