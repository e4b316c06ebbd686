package kafkaproto

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Golden frames of every API that is served, at its lowest and its highest
// version: whole frames, written by franz-go's kmsg and kept in
// testdata/kmsg, one file per API. They stay as they are when our codecs, the
// table or the oracle change; -golden adds frames that are missing and touches
// none that is there.
var addGolden = flag.Bool("golden", false, "add missing golden frames to testdata/kmsg")

const goldenDir = "testdata/kmsg"

// The client id and the correlation id of every frame.
const (
	goldenClient      = "golden"
	goldenCorrelation = 0x01020304
)

// goldenFile is a file's frames by their title, such as "v2 request".
type goldenFile struct {
	path   string
	titles []string // in the file's order
	frames map[string][]byte
}

func goldenPath(api API) string { return filepath.Join(goldenDir, api.Name+".hex") }

func readGolden(t *testing.T, path string) *goldenFile {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	g := &goldenFile{path: path, frames: map[string][]byte{}}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		if title, ok := strings.CutPrefix(line, "["); ok {
			g.titles = append(g.titles, strings.TrimSuffix(title, "]"))
			continue
		}
		b, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
		if err != nil || len(b) > 0 && len(g.titles) == 0 {
			t.Fatalf("%s: line %q: %v", path, line, err)
		}
		if len(b) > 0 {
			last := g.titles[len(g.titles)-1]
			g.frames[last] = append(g.frames[last], b...)
		}
	}
	return g
}

func (g *goldenFile) write(t *testing.T, api API) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "# Frames of %s as franz-go's kmsg writes them; see golden_all_test.go.\n", api.Name)
	for _, title := range g.titles {
		fmt.Fprintf(&b, "\n[%s]\n", title)
		for line := range slices.Chunk(g.frames[title], 32) {
			fmt.Fprintf(&b, "%x\n", line)
		}
	}
	if err := os.WriteFile(g.path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// goldenSubjects are the frames that an API must have.
func goldenSubjects(api API) (out []subject) {
	for _, v := range slices.Compact([]int16{api.Min, api.Max}) {
		out = append(out, subject{api, v, "request"}, subject{api, v, "response"})
	}
	return out
}

func (s subject) title() string { return fmt.Sprintf("v%d %s", s.version, s.kind) }

// frame is the whole frame as the oracle writes it.
func (s subject) frame() []byte {
	m := s.oracle()
	(&goldenFiller{}).value(reflect.ValueOf(m).Elem())
	m.SetVersion(s.version)
	if s.kind == "request" {
		return kmsg.NewRequestFormatter(kmsg.FormatterClientID(goldenClient)).AppendRequest(nil, m.(kmsg.Request), goldenCorrelation)
	}
	// kmsg leaves the header of a response to its user: the correlation id and,
	// in flexible versions of all APIs but ApiVersions, no tags.
	b := binary.BigEndian.AppendUint32(make([]byte, 4), goldenCorrelation)
	if m.IsFlexible() && s.api.Key != kmsg.ApiVersions.Int16() {
		b = append(b, 0)
	}
	b = m.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// goldenFiller gives every field another value than its neighbours, so that
// two that are swapped show. Each array has two elements; of what can be null,
// every third is.
type goldenFiller struct{ n int64 }

func (f *goldenFiller) value(v reflect.Value) {
	f.n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if !skipField(v.Type().Field(i).Name) {
				f.value(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte{byte(f.n), 0, 0xff})
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			if d, ok := v.Index(i).Addr().Interface().(interface{ Default() }); ok {
				d.Default()
			}
			f.value(v.Index(i))
		}
	case reflect.Pointer:
		if f.n%3 == 0 {
			v.SetZero()
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		f.value(v.Elem())
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(f.n+int64(i)) & 0xff)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text-%d", f.n))
	case reflect.Bool:
		v.SetBool(f.n%2 == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		// The top byte is set too, so that a width that is wrong shows.
		v.SetInt(f.n + int64(1)<<(v.Type().Bits()-2))
	case reflect.Float64:
		v.SetFloat(float64(f.n) + 0.5)
	default:
		panic(fmt.Sprintf("BUG: no rule to fill a %s", v.Type()))
	}
}

// Every golden frame is read as the oracle reads it, and written as it is.
func TestGoldenFramesOfEveryAPI(t *testing.T) {
	for _, api := range APIs() {
		g := readGolden(t, goldenPath(api))
		for _, s := range goldenSubjects(api) {
			if g.frames[s.title()] != nil {
				continue
			}
			if !*addGolden {
				t.Errorf("%s has no frame %q (go test ./kafkaproto -run TestGoldenFramesOfEveryAPI -golden)", g.path, s.title())
				continue
			}
			g.titles = append(g.titles, s.title())
			g.frames[s.title()] = s.frame()
			g.write(t, api)
		}
		for _, title := range g.titles {
			s := subject{api: api}
			if _, err := fmt.Sscanf(title, "v%d %s", &s.version, &s.kind); err != nil {
				t.Fatalf("%s: frame %q: %v", g.path, title, err)
			}
			t.Run(s.String(), func(t *testing.T) { s.checkGolden(t, g.frames[title]) })
		}
	}
}

func (s subject) checkGolden(t *testing.T, frame []byte) {
	if n, ok, err := FrameSize(frame, 1<<20); !ok || err != nil || n != len(frame) {
		t.Fatalf("frame of %d bytes says %d, %v, %v", len(frame), n, ok, err)
	}
	r := NewReader(frame[FramePrefix:], false)
	h := RequestHeader{}
	if s.kind == "request" {
		h.Decode(&r)
		if diff := cmp.Diff(RequestHeader{s.api.Key, s.version, goldenCorrelation, ptr(goldenClient)}, h); diff != "" {
			t.Fatalf("header (-want +got)\n%s", diff)
		}
	} else if got := DecodeResponseHeader(&r, s.api.Key, s.version); got != goldenCorrelation {
		t.Fatalf("correlation id %#x", got)
	}
	body := frame[len(frame)-r.Left():]
	got := s.ours()
	got.Decode(&r, s.version)
	if r.Err() != nil || r.Left() != 0 {
		t.Fatalf("err %v, %d bytes left", r.Err(), r.Left())
	}
	theirs := s.oracle()
	if err := theirs.ReadFrom(body); err != nil {
		t.Fatalf("the oracle refuses the frame: %v", err)
	}
	want := s.ours()
	carry(t, reflect.ValueOf(want).Elem(), reflect.ValueOf(theirs).Elem())
	adjust(s, want)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("body (-oracle +ours)\n%s", diff)
	}
	if again := (golden{request: s.header(h), key: s.api.Key, version: s.version, correlationID: goldenCorrelation, body: got}).encode(); !bytes.Equal(again, frame) {
		t.Fatalf("encoded again\n got %x\nwant %x", again, frame)
	}
}

// header is h for a request, nil for a response.
func (s subject) header(h RequestHeader) *RequestHeader {
	if s.kind == "request" {
		return &h
	}
	return nil
}

// Every file is one API's.
func TestGoldenFilesBelongToAnAPI(t *testing.T) {
	var want []string
	for _, api := range APIs() {
		want = append(want, goldenPath(api))
	}
	slices.Sort(want)
	got, err := filepath.Glob(filepath.Join(goldenDir, "*"))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("files (-want +got), %v\n%s", err, cmp.Diff(want, got))
	}
}
