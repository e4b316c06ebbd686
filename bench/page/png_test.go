package page

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"umbra/loadtest/kafka"
)

func TestFilled(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 50, 400))
	for i := range img.Pix {
		img.Pix[i] = 250
	}
	f := func(y, want int) {
		t.Helper()
		img.Set(30, y, color.Black)
		if got := filled(img); got != want {
			t.Errorf("with a dot at %d: %d, want %d", y, got, want)
		}
	}
	f(99, 100+pngMargin)
	f(390, 400)
	f(399, 400)
}

func TestFindBrowser(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if _, err := FindBrowser(""); !errors.Is(err, ErrNoBrowser) || !strings.Contains(err.Error(), "apt-get install chromium") {
		t.Errorf("none: %v", err)
	}
	if _, err := FindBrowser("mine"); err == nil || !strings.Contains(err.Error(), "mine") {
		t.Errorf("one that is not there: %v", err)
	}
	for _, name := range []string{"google-chrome", "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if path, err := FindBrowser(""); err != nil || path != filepath.Join(dir, "google-chrome") {
		t.Errorf("%q, %v", path, err)
	}
	if path, err := FindBrowser("mine"); err != nil || path != filepath.Join(dir, "mine") {
		t.Errorf("%q, %v", path, err)
	}
}

// fakeBrowser is a program that runs a shell script with the picture's path in $png.
func fakeBrowser(t *testing.T, script string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "browser")
	text := "#!/bin/sh\nfor a in \"$@\"; do case $a in --screenshot=*) png=${a#--screenshot=};; esac; done\n" + script + "\n"
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPNGOfAFakeBrowser(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 20, 200))
	img.Set(10, 10, color.White)
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	picture := filepath.Join(t.TempDir(), "picture.png")
	if err := os.WriteFile(picture, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := PNG(context.Background(), fakeBrowser(t, `cp "`+picture+`" "$png"`), "page.html")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := png.DecodeConfig(bytes.NewReader(got)); err != nil || c.Height != 11+pngMargin {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := PNG(context.Background(), fakeBrowser(t, "echo no display; exit 3"), "page.html"); err == nil || !strings.Contains(err.Error(), "no display") {
		t.Errorf("a failing browser: %v", err)
	}
	if _, err := PNG(context.Background(), fakeBrowser(t, "echo idle"), "page.html"); err == nil || !strings.Contains(err.Error(), "drew nothing: idle") {
		t.Errorf("an idle browser: %v", err)
	}
}

// A real browser draws the whole page. Where end-to-end tests are asked for one must be
// there; a plain unit run goes on without.
func TestPNG(t *testing.T) {
	browser, err := FindBrowser("")
	switch {
	case err != nil && os.Getenv(kafka.E2E) != "":
		t.Fatal(err)
	case err != nil:
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "page with blank.html")
	if err := os.WriteFile(file, []byte(render(t, sample())), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := PNG(context.Background(), browser, file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := png.DecodeConfig(bytes.NewReader(got))
	if err != nil || c.Width != 2*pngWidth || c.Height < 2*1500 || c.Height > 2*4000 {
		t.Errorf("%+v, %v", c, err)
	}
}
