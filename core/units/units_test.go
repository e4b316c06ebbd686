package units

import (
	"math"
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	size := func(s string, want int64) {
		t.Helper()
		got, err := ParseSize(s)
		if want < 0 != (err != nil) || err == nil && got != want {
			t.Errorf("ParseSize(%q) = %d, %v", s, got, err)
		}
	}
	size("64MiB", 64<<20)
	size("1.5GiB", 3<<29)
	size("100MB", 100_000_000)
	size("7kB", 7000)
	size("0B", 0)
	size("9000000TiB", -1)
	for _, bad := range []string{"", "64", "MiB", "64 MiB", "64mib", "-1B", "1e3B", "1.2.3B", "64MiBs", "0x1B", "NaNB", "InfB"} {
		size(bad, -1)
	}
	dur := func(s string, want time.Duration) {
		t.Helper()
		got, err := ParseDuration(s)
		if want < 0 != (err != nil) || err == nil && got != want {
			t.Errorf("ParseDuration(%q) = %v, %v", s, got, err)
		}
	}
	dur("250ms", 250*time.Millisecond)
	dur("7d", 7*24*time.Hour)
	dur("1h30m", 90*time.Minute)
	dur("1.5s", 1500*time.Millisecond)
	dur("0s", 0)
	for _, bad := range []string{"", "5", "s", "5 s", "-5s", "5S", "5s3", "200000d"} {
		dur(bad, -1)
	}
	if r, err := ParseRate("100MB/s"); r != 100_000_000 || err != nil {
		t.Error(r, err)
	}
	for _, bad := range []string{"100MB", "100/s", "/s", "100MB/m"} {
		if r, err := ParseRate(bad); err == nil {
			t.Errorf("ParseRate(%q) = %d", bad, r)
		}
	}
}

func FuzzUnits(f *testing.F) {
	f.Add(int64(64<<20), "64MiB")
	f.Add(int64(90*time.Minute), "1h30m")
	f.Add(int64(math.MaxInt64), "1d1ns")
	f.Fuzz(func(t *testing.T, n int64, s string) {
		if n = n &^ math.MinInt64; n < 1<<53 { // beyond that a float loses digits
			if back, err := ParseSize(FormatSize(n)); err != nil || back != n {
				t.Fatalf("%d -> %q -> %d, %v", n, FormatSize(n), back, err)
			}
			if back, err := ParseRate(FormatRate(n)); err != nil || back != n {
				t.Fatalf("%d -> %q -> %d, %v", n, FormatRate(n), back, err)
			}
			if back, err := ParseDuration(FormatDuration(time.Duration(n))); err != nil || int64(back) != n {
				t.Fatalf("%d -> %q -> %d, %v", n, FormatDuration(time.Duration(n)), back, err)
			}
		}
		if v, err := ParseSize(s); err == nil && v < 0 {
			t.Fatalf("%q is %d", s, v)
		}
		if v, err := ParseDuration(s); err == nil && v < 0 {
			t.Fatalf("%q is %d", s, v)
		}
	})
}

func TestSuggest(t *testing.T) {
	f := func(word, want string) {
		t.Helper()
		if got := Suggest(word, []string{"storage.dir", "storage.depth", "kafka.listen"}); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", word, got, want)
		}
	}
	f("storage.dri", "storage.dir")
	f("Kafka.Listen", "kafka.listen")
	f("storage.detph", "storage.depth")
	f("completely.other", "")
	for _, d := range []struct {
		a, b string
		want int
	}{{"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"a", "", 1}} {
		if got := distance(d.a, d.b); got != d.want {
			t.Errorf("distance(%q, %q) = %d, want %d", d.a, d.b, got, d.want)
		}
	}
}
