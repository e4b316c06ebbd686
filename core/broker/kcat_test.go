package broker_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestKcatProducesAndConsumes: librdkafka, with every codec, where it is installed.
func TestKcatProducesAndConsumes(t *testing.T) {
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		t.Skip("kcat is not installed")
	}
	n := start(t, rig{})
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		n.topic(t, codec, 3, nil)
		var in strings.Builder
		for i := range 300 {
			fmt.Fprintf(&in, "key%d:value %0100d\n", i, i)
		}
		produce := exec.Command(kcat, "-P", "-b", n.addr, "-t", codec, "-K:", "-z", codec, "-X", "enable.idempotence=true")
		produce.Stdin = strings.NewReader(in.String())
		if out, err := produce.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", codec, err, out)
		}
		consume := exec.Command(kcat, "-C", "-b", n.addr, "-t", codec, "-K:", "-e", "-q", "-o", "beginning")
		out, err := consume.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", codec, err, out)
		}
		if got := bytes.Count(out, []byte("\n")); got != 300 {
			t.Errorf("%s: consumed %d of 300 records", codec, got)
		}
		for i := range 300 {
			if line := fmt.Sprintf("key%d:value %0100d\n", i, i); !bytes.Contains(out, []byte(line)) {
				t.Fatalf("%s: %q is missing", codec, line)
			}
		}
	}
}
