package page

import (
	"fmt"
	"slices"
	"strings"
)

// A palette gives every system one colour in all charts of a page. Systems nobody
// thought of get colours in the order in which they come.
type palette struct {
	others []string // systems nobody thought of
}

// colors are the classes of a chart's names: the colour of the system, and a shade of
// it for each of its variants in the chart (an engine, tuned or not).
type colors struct {
	*palette
	shades map[string]int // by name
	used   map[string]int // of a system
}

// chart begins a chart.
func (p *palette) chart() *colors {
	return &colors{palette: p, shades: map[string]int{}, used: map[string]int{}}
}

// The systems with a colour of their own; the style has the classes.
const (
	systemUmbra  = "umbra"
	systemMirror = "mirror" // MirrorMaker 2
	systemKafka  = "kafka"
	systemGo     = "go"    // a plain client in Go
	systemLimit  = "limit" // what the machine can do
)

// systemOf tells by its name what a series or a bar is about. The order matters: a
// MirrorMaker 2 "into Kafka" is a MirrorMaker.
func systemOf(name string) string {
	name = strings.ToLower(name)
	for _, s := range []struct {
		system string
		words  []string
	}{
		{systemMirror, []string{"mirrormaker", "mirror maker", "mm2"}},
		{systemUmbra, []string{"umbra", "shadow", "io_uring", "pwrite"}},
		{systemLimit, []string{"limit", "ceiling", "discard", "throw", "memcpy", "memory", "crc", "disk", "net.conn"}},
		{systemGo, []string{"plain go", "in go", "franz", "consume-and-produce", "consume and produce", "go client"}},
		{systemKafka, []string{"kafka", "source", "follower"}},
	} {
		for _, w := range s.words {
			if strings.Contains(name, w) {
				return s.system
			}
		}
	}
	return ""
}

const (
	shades      = 4 // of each system
	otherColors = 4
)

// class is the class of a name: colour and shade.
func (c *colors) class(name string) string {
	system := systemOf(name)
	if system == "" {
		system = c.other(name)
	}
	shade, ok := c.shades[name]
	if !ok {
		shade = c.used[system] % shades
		c.shades[name] = shade
		c.used[system]++
	}
	return fmt.Sprintf("s-%s v%d", system, shade)
}

func (p *palette) other(name string) string {
	i := slices.Index(p.others, name)
	if i < 0 {
		i = len(p.others)
		p.others = append(p.others, name)
	}
	return fmt.Sprintf("other%d", i%otherColors)
}
