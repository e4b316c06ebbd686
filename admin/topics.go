package admin

import "net/http"

func (s *Server) topicRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/topics", s.getTopics},
		{http.MethodGet, "/v1/topics/{topic}", s.getTopic},
	}
}

func (s *Server) getTopics(r *request) (any, error) { return document(s.backend.Topics(r.ctx)) }

func (s *Server) getTopic(r *request) (any, error) {
	return document(s.backend.Topic(r.ctx, r.PathValue("topic")))
}
