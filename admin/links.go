package admin

import (
	"context"
	"net/http"
	"net/url"

	"umbra/admin/api"
)

// linkEventsShown is how many of its latest events a link's status carries.
const linkEventsShown = 20

func (s *Server) linkRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/links", s.getLinks},
		{http.MethodPost, "/v1/links", s.createLink},
		{http.MethodGet, "/v1/links/{link}", s.getLink},
		{http.MethodDelete, "/v1/links/{link}", s.deleteLink},
		{http.MethodGet, "/v1/links/{link}/partitions", s.getPartitions},
		{http.MethodPost, "/v1/links/{link}/pause", s.change(s.backend.PauseLink)},
		{http.MethodPost, "/v1/links/{link}/resume", s.change(s.backend.ResumeLink)},
	}
}

func (s *Server) getLinks(r *request) (any, error) { return document(s.backend.Links(r.ctx)) }

// createLink answers POST /v1/links; with dry_run it changes nothing and
// answers with the same plan.
func (s *Server) createLink(r *request) (any, error) {
	dry, err := r.flag("dry_run")
	if err != nil {
		return nil, err
	}
	var req api.CreateLink
	if err := r.body(&req); err != nil {
		return nil, err
	}
	if dry {
		plan, err := s.backend.PlanLink(r.ctx, req)
		if err != nil {
			return nil, err
		}
		plan.DryRun = true
		return plan, nil
	}
	plan, err := s.backend.CreateLink(r.ctx, req)
	if err != nil {
		return nil, err
	}
	plan.DryRun = false
	return reply{http.StatusCreated, "/v1/links/" + url.PathEscape(plan.Link.Name), plan}, nil
}

func (s *Server) getLink(r *request) (any, error) { return s.linkStatus(r, r.PathValue("link")) }

// linkStatus is the Backend's answer and the link's latest events.
func (s *Server) linkStatus(r *request, link string) (any, error) {
	status, err := s.backend.Link(r.ctx, link)
	if err != nil {
		return nil, err
	}
	status.Events, _ = s.events.recent(0, linkEventsShown, ofLink(link))
	return status, nil
}

func (s *Server) deleteLink(r *request) (any, error) {
	force, err := r.flag("force")
	if err != nil {
		return nil, err
	}
	return nil, s.backend.DeleteLink(r.ctx, r.PathValue("link"), force)
}

// change answers pause and resume with the link's status afterwards.
func (s *Server) change(do func(context.Context, string) error) handler {
	return func(r *request) (any, error) {
		link := r.PathValue("link")
		if err := do(r.ctx, link); err != nil {
			return nil, err
		}
		return s.linkStatus(r, link)
	}
}
