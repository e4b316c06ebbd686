package admin

import (
	"context"
	"net/http"

	"umbra/admin/api"
)

func (s *Server) operationRoutes() []route {
	return []route{{http.MethodGet, "/v1/operations/{id}", s.getOperation}}
}

// getOperation answers GET /v1/operations/{id}?wait=30s&after=REVISION. It
// waits until the operation is done; with after, until there is something
// newer than that revision. When the wait is over it answers what there is.
func (s *Server) getOperation(r *request) (any, error) {
	wait, err := r.duration("wait", waitMax)
	if err != nil {
		return nil, err
	}
	after := int64(-1)
	if r.query("after") != "" {
		if after, err = r.int("after", 0); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	op, ok := s.operations.wait(ctx, r.PathValue("id"), after)
	if !ok {
		return nil, api.NewProblem(api.CodeNotFound, "operation "+r.PathValue("id")+" is not known",
			"operations are forgotten when the daemon restarts, and the oldest when there are many", "look at the link's status; of a failover that has ended: umbra receipt LINK")
	}
	return &op, nil
}
