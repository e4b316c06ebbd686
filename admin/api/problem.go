package api

import (
	"fmt"
	"net/http"
)

// The codes of problems. They are stable; titles and details are not.
const (
	CodeInvalid     = "invalid_request"
	CodeForbidden   = "forbidden"
	CodeNotFound    = "not_found"
	CodeMethod      = "method_not_allowed"
	CodeExists      = "already_exists"
	CodeConflict    = "conflict" // something else is under way, or the state does not allow it
	CodeTooLarge    = "request_too_large"
	CodeKeyReused   = "idempotency_key_reused"
	CodeBusy        = "too_many_operations"
	CodeUnreachable = "source_unreachable"
	CodeTimeout     = "timeout"
	CodeStopping    = "stopping"
	CodeInternal    = "internal"
)

// Problem is an error as the API tells it (RFC 9457, application/problem+json).
// It is an error in Go too: a Backend returns one to say more than "internal".
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`            // what failed, one short sentence
	Status int    `json:"status"`           // the HTTP status
	Detail string `json:"detail,omitempty"` // why
	Code   string `json:"code"`             // stable
	Hint   string `json:"hint,omitempty"`   // what to do
}

// NewProblem builds a problem of one of the codes above; the HTTP status
// follows from the code.
func NewProblem(code, title, detail, hint string) *Problem {
	return &Problem{
		Type: "urn:umbra:problem:" + code, Status: statusOf(code),
		Code: code, Title: title, Detail: detail, Hint: hint,
	}
}

// NotFound is the problem of a name that nothing has. list is the command that
// shows the names there are.
func NotFound(noun, name, list string) *Problem {
	return NewProblem(CodeNotFound, fmt.Sprintf("%s %q does not exist", noun, name), "",
		fmt.Sprintf("run %q to see what there is", list))
}

// Invalid is the problem of a request that cannot be carried out as it is.
func Invalid(title, detail, hint string) *Problem {
	return NewProblem(CodeInvalid, title, detail, hint)
}

// Conflict is the problem of a request that the present state does not allow.
func Conflict(title, detail, hint string) *Problem {
	return NewProblem(CodeConflict, title, detail, hint)
}

// Error is the problem in one line.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Title + ": " + p.Detail
}

func statusOf(code string) int {
	switch code {
	case CodeInvalid:
		return http.StatusBadRequest
	case CodeForbidden:
		return http.StatusForbidden
	case CodeNotFound:
		return http.StatusNotFound
	case CodeMethod:
		return http.StatusMethodNotAllowed
	case CodeExists, CodeConflict:
		return http.StatusConflict
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeKeyReused:
		return http.StatusUnprocessableEntity
	case CodeBusy, CodeStopping:
		return http.StatusServiceUnavailable
	case CodeUnreachable:
		return http.StatusBadGateway
	case CodeTimeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
