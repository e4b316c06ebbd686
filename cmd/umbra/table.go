package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"umbra/admin/api"
)

// view is how documents are shown to a person.
type view struct {
	color bool // ANSI colours; never the only carrier of a meaning
	wide  bool // everything, not only the worst
}

// The colours, as SGR numbers.
const (
	plain  = ""
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
)

// paint wraps text in a colour.
func (v view) paint(color, text string) string {
	if !v.color || color == plain || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// state paints a state in its colour.
func (v view) state(state string) string { return v.paint(stateColor(state), state) }

func stateColor(state string) string {
	switch state {
	case api.StateFaulted, api.StateUnreachable:
		return red
	case api.StatePaused, api.StateFailingOver:
		return yellow
	case api.StateActive, api.StateFailedOver:
		return green
	}
	return plain
}

// severity orders states, the worst first.
func severity(state string) int {
	order := []string{api.StateFaulted, api.StateUnreachable, api.StateFailingOver, api.StatePaused,
		api.StateActive, api.StateFailedOver, api.StateLocal}
	for i, s := range order {
		if s == state {
			return i
		}
	}
	return -1 // a state this client does not know may be anything
}

// table aligns columns by the width of their widest cell. The first column
// that is empty in all rows but the header is still shown: a column that comes
// and goes breaks scripts.
type table struct {
	header []string
	rows   [][]string
	colors []map[int]string // per row: column -> colour
}

func newTable(header ...string) *table { return &table{header: header} }

// row adds one row; a missing cell is empty.
func (t *table) row(cells ...string) *table {
	t.rows = append(t.rows, cells)
	t.colors = append(t.colors, nil)
	return t
}

// color paints a column of the latest row.
func (t *table) color(column int, color string) {
	last := len(t.rows) - 1
	if t.colors[last] == nil {
		t.colors[last] = map[int]string{}
	}
	t.colors[last][column] = color
}

func (t *table) write(w io.Writer, v view) {
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	line := func(cells []string, colors map[int]string) {
		var b strings.Builder
		for i, c := range cells {
			b.WriteString(v.paint(colors[i], c))
			if i < len(cells)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	line(t.header, nil)
	for i, row := range t.rows {
		line(row, t.colors[i])
	}
}
