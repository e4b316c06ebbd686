package admin

import (
	"net/http"

	"umbra/admin/api"
)

func (s *Server) statusRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/status", s.getStatus},
		{http.MethodGet, "/v1/config", s.getConfig},
	}
}

// getStatus answers GET /v1/status. Health is judged here, so that it means
// the same everywhere.
func (s *Server) getStatus(r *request) (any, error) {
	status, err := s.backend.Status(r.ctx)
	if err != nil {
		return nil, err
	}
	status.Judge()
	return status, nil
}

func (s *Server) getConfig(r *request) (any, error) { return document(s.backend.Config(r.ctx)) }

// document turns a Backend's answer into a handler's: an answer must not be a
// typed nil.
func document[D api.Document](d D, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}
