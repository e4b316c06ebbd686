package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// schemaPrefix begins the schema of every report; COMMAND/N follows.
const schemaPrefix = "umbra-bench/"

// Newest is the newest N of any command. What Document holds has kept its meaning in
// all of them; a command that goes beyond it says so here.
const Newest = 2

// ErrForeign is a file that is no report of umbra-bench, or one of a newer form.
var ErrForeign = errors.New("not a report this umbra-bench can read")

// Command is the bench that made the report: the COMMAND of its schema.
func (h *Head) Command() string {
	command, _, _ := strings.Cut(strings.TrimPrefix(h.Schema, schemaPrefix), "/")
	return command
}

// Read reads what is common to all reports from the file at path. Raw is the whole
// file, for who knows the command's own form.
func Read(path string) (doc *Document, raw []byte, err error) {
	if raw, err = os.ReadFile(path); err != nil {
		return nil, nil, fmt.Errorf("read report: %w", err)
	}
	if doc, err = Parse(raw); err != nil {
		return nil, nil, fmt.Errorf("read report %s: %w", path, err)
	}
	return doc, raw, nil
}

// Parse is Read of what was read already; it borrows raw.
func Parse(raw []byte) (*Document, error) {
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	if err := checkSchema(head.Schema); err != nil {
		return nil, err
	}
	doc := &Document{}
	if err := json.Unmarshal(raw, doc); err != nil {
		return nil, err
	}
	return doc, doc.Check()
}

func checkSchema(schema string) error {
	rest, ours := strings.CutPrefix(schema, schemaPrefix)
	command, version, ok := strings.Cut(rest, "/")
	n, err := strconv.Atoi(version)
	switch {
	case schema == "":
		return fmt.Errorf("%w: it has no \"schema\"; want the file of a bench's --json", ErrForeign)
	case !ours || !ok || command == "" || err != nil || n < 1:
		return fmt.Errorf("%w: its schema is %q; want %sCOMMAND/N", ErrForeign, schema, schemaPrefix)
	case n > Newest:
		return fmt.Errorf("%w: its schema is %q and this program knows forms up to %d; use a newer umbra-bench", ErrForeign, schema, Newest)
	}
	return nil
}

// Marshal is the form in which reports are written: v as indented JSON and a line end.
func Marshal(v any) ([]byte, error) {
	doc, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write report as JSON: %w", err)
	}
	return append(doc, '\n'), nil
}

// Write writes v, a report, as JSON to the file at path: whole, or not at all.
func Write(path string, v any) error {
	doc, err := Marshal(v)
	if err != nil {
		return err
	}
	return WriteFile(path, doc)
}

// WriteFile puts data into the file at path: whole, or not at all.
func WriteFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write report %s: %w", path, err)
	}
	return nil
}
