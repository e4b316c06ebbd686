package page

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	pngWidth  = 1280 // of the page, in pixels of an ordinary screen
	pngMost   = 16000
	pngMargin = 24 // left below the last thing on the page
	pngTime   = 3 * time.Minute
)

// ErrNoBrowser says what to install.
var ErrNoBrowser = errors.New("a PNG is drawn by a browser and there is none: install chromium (Debian: apt-get install chromium) or name one with --browser")

// browsers are the programs that are looked for, all of one family: others cannot
// be asked for a picture in the same words.
func browsers() []string {
	return []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless_shell", "microsoft-edge"}
}

// FindBrowser is the path of a browser that can draw; name is one asked for, a path
// or a command, or empty.
func FindBrowser(name string) (string, error) {
	if name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("find the browser: %w", err)
		}
		return path, nil
	}
	for _, b := range browsers() {
		if path, err := exec.LookPath(b); err == nil {
			return path, nil
		}
	}
	return "", ErrNoBrowser
}

// PNG draws the page in the file at html as the browser shows it, light, all of it,
// in twice the pixels of an ordinary screen unless it is too tall for that.
func PNG(ctx context.Context, browser, html string) ([]byte, error) {
	html, err := filepath.Abs(html)
	if err != nil {
		return nil, err
	}
	// How tall the page is only the browser knows: it is told by what stays blank.
	for _, window := range []int{4000, pngMost} {
		img, height, err := shoot(ctx, browser, html, window, 1)
		if err != nil {
			return nil, err
		}
		if height == window && window < pngMost {
			continue
		}
		if 2*height <= pngMost {
			if img, height, err = shoot(ctx, browser, html, height, 2); err != nil {
				return nil, err
			}
		}
		var b bytes.Buffer
		err = png.Encode(&b, img.SubImage(image.Rect(0, 0, img.Rect.Dx(), height)))
		return b.Bytes(), err
	}
	panic("BUG: the last window was left")
}

// shoot has the browser draw a window as tall as asked for, and tells how much of the
// picture the page fills. The browser gets a profile of its own.
func shoot(ctx context.Context, browser, html string, window, scale int) (img *image.RGBA, height int, err error) {
	dir, err := os.MkdirTemp("", "umbra-bench-browser-")
	if err != nil {
		return nil, 0, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, pngTime)
	defer cancel()
	file := filepath.Join(dir, "page.png")
	args := []string{"--headless=new", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--user-data-dir=" + filepath.Join(dir, "profile"),
		fmt.Sprintf("--force-device-scale-factor=%d", scale), fmt.Sprintf("--window-size=%d,%d", pngWidth, window), "--screenshot=" + file}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // it refuses to run as root otherwise; the page is our own
	}
	cmd := exec.CommandContext(ctx, browser, append(args, (&url.URL{Scheme: "file", Path: html}).String())...)
	cmd.WaitDelay = time.Second
	said, err := cmd.CombinedOutput()
	if err != nil {
		return nil, 0, fmt.Errorf("draw %s: %s: %w: %s", html, browser, err, lastLine(said))
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, fmt.Errorf("draw %s: %s drew nothing: %s", html, browser, lastLine(said))
	}
	defer f.Close()
	drawn, err := png.Decode(f)
	if err != nil {
		return nil, 0, fmt.Errorf("draw %s: %w", html, err)
	}
	img = image.NewRGBA(image.Rect(0, 0, drawn.Bounds().Dx(), drawn.Bounds().Dy()))
	draw.Draw(img, img.Rect, drawn, drawn.Bounds().Min, draw.Src)
	return img, filled(img), nil
}

// filled is how much of a picture is not blank, from the top, and a margin.
func filled(img *image.RGBA) int {
	row := func(y int) []byte { return img.Pix[y*img.Stride:][:4*img.Rect.Dx()] }
	bottom := img.Rect.Dy()
	blank := bytes.Repeat(row(bottom - 1)[:4], img.Rect.Dx())
	for bottom > 0 && bytes.Equal(row(bottom-1), blank) {
		bottom--
	}
	return min(img.Rect.Dy(), bottom+pngMargin)
}

func lastLine(said []byte) string {
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	return lines[len(lines)-1]
}
