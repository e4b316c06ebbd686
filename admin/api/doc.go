// Package api is the vocabulary of the admin API: the JSON documents that the
// daemon serves on its Unix socket and the command line prints with -o json.
//
// It is data only and knows nothing of brokers or links; the daemon fills the
// documents in, clients read them. Shapes are stable: fields are added, never
// renamed or given another meaning, and a document that changes its meaning
// gets another apiVersion. Read Status, LinkStatus, Operation and Receipt
// first; Lag says how a number that is not known is told from 0.
//
// Times are UTC and RFC 3339. A time that is not known is left out.
package api

import (
	"bytes"
	"encoding/json"
	"reflect"
)

// APIVersion is the version of every document in this package.
const APIVersion = "umbra/v1"

// Meta heads every document.
type Meta struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
}

func (m *Meta) meta() *Meta { return m }

// Document is a pointer to any top-level type of this package.
type Document interface {
	meta() *Meta
	kind() string
}

// Stamp fills in the document's kind and version, and makes lists and maps
// that are nil empty, so that a reader never meets null where a list belongs.
// A document that is stamped already is only read.
func Stamp[D Document](d D) D {
	if m := d.meta(); m.Kind == "" {
		*m = Meta{Kind: d.kind(), APIVersion: APIVersion}
	}
	fillNil(reflect.ValueOf(d).Elem())
	return d
}

// fillNil replaces nil slices and maps below v, a settable value.
func fillNil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fillNil(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fillNil(v.Field(i))
			}
		}
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fillNil(v.Index(i))
		}
	}
}

// Marshal stamps d and writes it as JSON; indent is for people. '<', '>' and
// '&' stay as they are: nothing here is pasted into HTML.
func Marshal(d Document, indent bool) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if indent {
		e.SetIndent("", "  ")
	}
	if err := e.Encode(Stamp(d)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (*Status) kind() string           { return "Status" }
func (*LinkList) kind() string         { return "LinkList" }
func (*LinkStatus) kind() string       { return "LinkStatus" }
func (*PartitionList) kind() string    { return "PartitionList" }
func (*LinkPlan) kind() string         { return "LinkPlan" }
func (*FailoverPlan) kind() string     { return "FailoverPlan" }
func (*Operation) kind() string        { return "Operation" }
func (*Receipt) kind() string          { return "Receipt" }
func (*VerifyReport) kind() string     { return "VerifyReport" }
func (*TopicList) kind() string        { return "TopicList" }
func (*TopicDescription) kind() string { return "TopicDescription" }
func (*EventList) kind() string        { return "EventList" }
func (*Config) kind() string           { return "Config" }
