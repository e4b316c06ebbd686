package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"umbra/admin/api"
)

// The bounds of one request.
const (
	bodyBytesMax   = 1 << 20
	headerBytesMax = 16 << 10
	headerTimeout  = 5 * time.Second
	bodyTimeout    = 30 * time.Second
	requestTimeout = 60 * time.Second // for the Backend, besides operations
	waitMax        = 60 * time.Second // longest ?wait=
	writeTimeout   = waitMax + requestTimeout + 10*time.Second
)

// request is one request on its way through a handler.
type request struct {
	*http.Request
	ctx       context.Context // ends with the request, or after requestTimeout
	peer      peer
	operation string // id of the operation it began, for the audit log
}

// handler answers with a document, or with a reply that carries its own
// status; nil is 204.
type handler func(r *request) (any, error)

// reply is a document with an HTTP status other than 200.
type reply struct {
	status   int
	location string
	doc      api.Document
}

// route is one row of the table in server.go.
type route struct {
	method, path string
	handle       handler
}

func (r *request) query(name string) string { return r.URL.Query().Get(name) }

// flag reads a boolean parameter: absent is false, present without a value is
// true.
func (r *request) flag(name string) (bool, error) {
	values, ok := r.URL.Query()[name]
	if !ok {
		return false, nil
	}
	if values[0] == "" {
		return true, nil
	}
	v, err := strconv.ParseBool(values[0])
	if err != nil {
		return false, badParameter(name, values[0], "true or false")
	}
	return v, nil
}

// int reads a parameter that is a whole number, 0 or more.
func (r *request) int(name string, absent int64) (int64, error) {
	text := r.query(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, badParameter(name, text, "a whole number, 0 or more")
	}
	return n, nil
}

// duration reads a parameter such as 30s; longer than limit is cut to limit.
func (r *request) duration(name string, limit time.Duration) (time.Duration, error) {
	text := r.query(name)
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, badParameter(name, text, `a duration such as "30s"`)
	}
	return min(d, limit), nil
}

func badParameter(name, value, want string) *api.Problem {
	return api.Invalid(fmt.Sprintf("parameter %s=%q cannot be read", name, value), "", "give "+want)
}

// readBody takes the whole body in before the handler runs, within its bounds
// of size and time. (http.Server.ReadTimeout would do the second too, but it
// goes on running behind the body and would cut off a handler that waits.)
func readBody(w http.ResponseWriter, r *http.Request) error {
	c := http.NewResponseController(w)
	if err := c.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBytesMax))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return api.NewProblem(api.CodeTooLarge, "the request body is too large", "",
			fmt.Sprintf("send at most %d bytes", tooLarge.Limit))
	}
	if err != nil {
		return api.Invalid("the request body cannot be read", err.Error(), fmt.Sprintf("send it within %s", bodyTimeout))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return c.SetReadDeadline(time.Time{})
}

// body decodes the JSON body into v. An empty body leaves v as it is; a field
// that v does not have is an error, because it is a typing mistake.
func (r *request) body(v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more after the JSON value")
		}
	}
	if err != nil {
		return api.Invalid("the request body cannot be read", err.Error(), "send one JSON object with the documented fields")
	}
	return nil
}

// problemOf turns any error into a problem. title is used for errors that are
// not one already.
func problemOf(title string, err error) *api.Problem {
	var p *api.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, context.DeadlineExceeded):
		return api.NewProblem(api.CodeTimeout, title, "it took too long: "+err.Error(), "look at the status before trying again")
	}
	return api.NewProblem(api.CodeInternal, title, err.Error(), "look at the daemon's log")
}

// write sends what a handler returned and says what status that was.
func write(w http.ResponseWriter, answer any, err error, title string) (status int, p *api.Problem) {
	if err != nil {
		p := problemOf(title, err)
		writeProblem(w, p)
		return p.Status, p
	}
	out := reply{status: http.StatusOK}
	switch a := answer.(type) {
	case nil:
		w.WriteHeader(http.StatusNoContent)
		return http.StatusNoContent, nil
	case reply:
		out = a
	case api.Document:
		out.doc = a
	default:
		panic(fmt.Sprintf("BUG: handler answered with %T", answer))
	}
	b, err := api.Marshal(out.doc, false)
	if err != nil {
		return write(w, nil, err, title)
	}
	w.Header().Set("Content-Type", "application/json")
	if out.location != "" {
		w.Header().Set("Location", out.location)
	}
	w.WriteHeader(out.status)
	w.Write(b)
	return out.status, nil
}

func writeProblem(w http.ResponseWriter, p *api.Problem) {
	b, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("BUG: problem does not marshal: %v", err))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	w.Write(append(b, '\n'))
}

// writeNoRoute says as a problem what the mux's own handler says in text: not
// found, or not by this method.
func writeNoRoute(w http.ResponseWriter, r *http.Request, mux http.Handler) {
	var said refusal
	mux.ServeHTTP(&said, r)
	if said.status == http.StatusMethodNotAllowed {
		allow := said.header.Get("Allow")
		w.Header().Set("Allow", allow)
		writeProblem(w, api.NewProblem(api.CodeMethod, fmt.Sprintf("%s does not work on %s", r.Method, r.URL.Path), "", "use "+allow))
		return
	}
	writeProblem(w, api.NewProblem(api.CodeNotFound, fmt.Sprintf("there is nothing at %s", r.URL.Path), "",
		"the API begins at /v1/status and /v1/links"))
}

// refusal is a ResponseWriter that keeps the status and headers of an answer
// and drops its text.
type refusal struct {
	header http.Header
	status int
}

func (f *refusal) Header() http.Header {
	if f.header == nil {
		f.header = http.Header{}
	}
	return f.header
}

func (f *refusal) WriteHeader(status int)      { f.status = status }
func (f *refusal) Write(b []byte) (int, error) { return len(b), nil }
