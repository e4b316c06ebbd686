package soak

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
)

// A logScan reads umbra's log as it grows, over all its starts.
type logScan struct {
	file string
	at   int64
	rest []byte // of a line that is not whole yet
	// Lines counts all, Errors those of level ERROR.
	lines, errors int64
}

// logLine is what is read of a line.
type logLine struct {
	Level string `json:"level"`
	Msg   string `json:"msg"`
	Event string `json:"event"`
	Topic string `json:"topic"`
}

// scan reads what was added and reports what should not be there.
func (s *logScan) scan(b *book, topics *registry) {
	f, err := os.Open(s.file)
	if err != nil {
		b.skipped("log", s.file, err)
		return
	}
	defer f.Close()
	added, err := io.ReadAll(io.NewSectionReader(f, s.at, 64<<20))
	if err != nil {
		b.skipped("log", s.file, err)
		return
	}
	s.at += int64(len(added))
	s.rest = append(s.rest, added...)
	for {
		i := bytes.IndexByte(s.rest, '\n')
		if i < 0 {
			return
		}
		text := string(s.rest[:i])
		s.rest = s.rest[i+1:]
		s.lines++
		if why := s.unexpected(text, topics); why != "" {
			b.violate("log", why, "%s", text)
			continue
		}
		b.passed("log", "", "")
	}
}

// unexpected names what is wrong with a line; empty when nothing is. Errors that follow
// from what the nemesis does are: offsets that were trimmed before they were copied, a
// topic that was made again, and a log that a kill has left open.
func (s *logScan) unexpected(text string, topics *registry) string {
	for _, sign := range []string{"panic:", "fatal error:", "BUG:", "WARNING: DATA RACE"} {
		if strings.Contains(text, sign) {
			return sign
		}
	}
	var l logLine
	if json.Unmarshal([]byte(text), &l) != nil || l.Level != "ERROR" {
		return ""
	}
	s.errors++
	t, known := topics.find(l.Topic)
	switch {
	case l.Event == "gap", strings.HasPrefix(l.Msg, "log was not closed cleanly"):
		return ""
	case l.Event == "topic_faulted" && known && t.fate == recreated:
		return ""
	}
	return l.Msg
}
