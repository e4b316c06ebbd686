package spec

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func at(second int) time.Time { return time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC) }

func fault(partition int32, code Code, detail string, second int) PartitionFault {
	return PartitionFault{Partition: partition, Reason: Reason{Code: code, Detail: detail, Since: at(second)}}
}

func TestFaultsKeepOrderAndFirstCause(t *testing.T) {
	var fs Faults
	before := fs.With(fault(5, CorruptSource, "crc", 1))
	fs = before.With(fault(2, SourceDiverged, "shorter", 2)).With(fault(9, CorruptSource, "crc", 3)).With(fault(5, LocalStorage, "later", 4))
	if len(fs) != 3 || fs[0].Partition != 2 || fs[1].Partition != 5 || fs[2].Partition != 9 || len(before) != 1 {
		t.Fatalf("%+v, before %+v", fs, before)
	}
	if got := fs.Of(5); got.Code != CorruptSource || got.Detail != "crc" {
		t.Errorf("partition 5 is stopped for %+v, the first cause counts", got)
	}
	if !fs.Of(3).IsZero() || !(Faults(nil)).Of(0).IsZero() {
		t.Error("a partition that goes on has a reason")
	}
}

func TestFaultsReason(t *testing.T) {
	f := func(want string, partitions int, list ...PartitionFault) {
		t.Helper()
		var fs Faults
		for _, p := range list {
			fs = fs.With(p)
		}
		if got := fs.Reason(partitions); string(got.Code)+" "+got.Detail != want {
			t.Errorf("got  %s %s\nwant %s", got.Code, got.Detail, want)
		}
	}
	f(" ", 12)
	f("CORRUPT_SOURCE 1 of 12 partitions stopped: partition 3: crc", 12, fault(3, CorruptSource, "crc", 1))
	// The code is the first one's, so that an alarm keeps its name.
	f("CORRUPT_SOURCE 2 of 12 partitions stopped: partition 1: SOURCE_DIVERGED: shorter; partition 3: crc", 12,
		fault(3, CorruptSource, "crc", 1), fault(1, SourceDiverged, "shorter", 2))
	f("LOCAL_STORAGE 5 of 5 partitions stopped: partition 0: a; partition 1: b; partition 2: c; and 2 more", 5,
		fault(0, LocalStorage, "a", 1), fault(1, LocalStorage, "b", 1), fault(2, LocalStorage, "c", 1), fault(3, LocalStorage, "d", 1), fault(4, LocalStorage, "e", 1))
	if r := (Faults{fault(1, SourceDiverged, "x", 9), fault(2, CorruptSource, "y", 4)}).Reason(3); !r.Since.Equal(at(4)) || r.Code != CorruptSource {
		t.Errorf("%+v, want the first in time", r)
	}
}

func TestFaultDetailIsBounded(t *testing.T) {
	fs := (Faults{}).With(fault(0, CorruptSource, strings.Repeat("ü", 1<<16), 1))
	if d := fs[0].Detail; len(d) > faultDetailMax+2 || !utf8.ValidString(d) || !strings.HasSuffix(d, "ü..") {
		t.Errorf("%d bytes of detail, ends in %q", len(d), d[max(0, len(d)-6):])
	}
}

func TestFaultsJSON(t *testing.T) {
	fs := Faults{fault(3, CorruptSource, "crc", 1), fault(7, LocalStorage, "", 2)}
	b, err := json.Marshal(fs)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"partition":3,"code":"CORRUPT_SOURCE","detail":"crc","since":"2026-01-02T03:04:01Z"},{"partition":7,"code":"LOCAL_STORAGE","since":"2026-01-02T03:04:02Z"}]`
	var back Faults
	if err := json.Unmarshal(b, &back); err != nil || string(b) != want || len(back) != 2 || back[0] != fs[0] || back[1] != fs[1] {
		t.Errorf("%s\nback %+v, %v", b, back, err)
	}
}

func TestFaultsValidate(t *testing.T) {
	f := func(ok bool, fs ...PartitionFault) {
		t.Helper()
		if err := Faults(fs).Validate(4); (err == nil) != ok {
			t.Errorf("%+v: %v", fs, err)
		}
	}
	f(true)
	f(true, fault(0, CorruptSource, "", 1), fault(3, CorruptSource, "", 1))
	f(false, fault(4, CorruptSource, "", 1))
	f(false, fault(-1, CorruptSource, "", 1))
	f(false, fault(2, CorruptSource, "", 1), fault(2, CorruptSource, "", 1))
	f(false, fault(2, CorruptSource, "", 1), fault(1, CorruptSource, "", 1))
	f(false, fault(2, "", "", 1))
}
