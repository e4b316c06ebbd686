package progress

import (
	"bytes"
	"strings"
	"testing"
)

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	p := Line{To: &b}
	add := p.Counter("filling", 1000)
	for range 100 {
		add(10)
	}
	if n := strings.Count(b.String(), "filling: "); n != 20 || !strings.HasSuffix(b.String(), "100%") {
		t.Errorf("%d lines: %q", n, b.String())
	}
	Line{}.Say("nothing, and it does not panic")
}
