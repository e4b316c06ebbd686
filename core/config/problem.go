package config

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Problem is one thing that is wrong.
type Problem struct {
	Source  string // file name, "environment", "flag" or "configuration"
	Line    int    // 1-based; 0: no place in a file
	Col     int    // 1-based, in characters
	Len     int    // of what is marked, in characters
	Text    string // the line
	Message string
}

// String is "file:line:col: message", followed by the line and a caret.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Source + ": " + p.Message
	}
	number := fmt.Sprint(p.Line)
	pad := strings.Repeat(" ", len(number))
	// A tab stays a tab, so that the caret stands under its character.
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, firstRunes(p.Text, p.Col-1))
	return fmt.Sprintf("%s:%d:%d: %s\n  %s | %s\n  %s | %s%s", p.Source, p.Line, p.Col, p.Message, number, p.Text, pad, indent, strings.Repeat("^", max(1, p.Len)))
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n <= 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// Problems is every problem of a configuration. As an error it prints them all.
type Problems []Problem

func (ps Problems) Error() string {
	var b strings.Builder
	for i, p := range ps {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.String())
	}
	return b.String()
}

// place fills in line, column and text of a byte range of source.
func place(file, source string, start, end int, message string) Problem {
	start = min(max(start, 0), len(source)) // the library gives -1 for a control character at the start
	lineStart := strings.LastIndexByte(source[:start], '\n') + 1
	text, _, _ := strings.Cut(source[lineStart:], "\n")
	end = min(max(end, start), lineStart+len(text))
	return Problem{Source: file, Line: 1 + strings.Count(source[:lineStart], "\n"), Text: strings.TrimSuffix(text, "\r"), Message: message,
		Col: 1 + utf8.RuneCountInString(source[lineStart:start]), Len: utf8.RuneCountInString(source[start:max(start, end)])}
}
