package admin

import (
	"context"
	"net/http"

	"umbra/admin/api"
)

func (s *Server) verifyRoutes() []route {
	return []route{{http.MethodPost, "/v1/links/{link}/verify", s.verify}}
}

// verify answers POST .../verify: an operation.
func (s *Server) verify(r *request) (any, error) {
	var req api.Verify
	if err := r.body(&req); err != nil {
		return nil, err
	}
	link := r.PathValue("link")
	if _, err := s.backend.Link(r.ctx, link); err != nil {
		return nil, err // an unknown link is refused now, not by the operation
	}
	return s.begin(r, api.VerbVerify, link, req, func(ctx context.Context, call Call) (func(*api.Operation), error) {
		report, err := s.backend.Verify(ctx, link, req, call)
		if err != nil {
			return nil, err
		}
		api.Stamp(report)
		return func(op *api.Operation) { op.Verify = report }, nil
	})
}
