package admin

import (
	"context"
	"fmt"
	"net/http"

	"umbra/admin/api"
)

func (s *Server) failoverRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/links/{link}/failover", s.planFailover},
		{http.MethodPost, "/v1/links/{link}/failover", s.failover},
		{http.MethodGet, "/v1/links/{link}/receipt", s.getReceipt},
	}
}

// planFailover answers GET .../failover?topic=..: the plan, for whoever may
// look.
func (s *Server) planFailover(r *request) (any, error) {
	return document(s.backend.PlanFailover(r.ctx, r.PathValue("link"), api.Failover{Topics: r.URL.Query()["topic"]}))
}

// failover answers POST .../failover: an operation, or with dry_run the plan.
func (s *Server) failover(r *request) (any, error) {
	dry, err := r.flag("dry_run")
	if err != nil {
		return nil, err
	}
	var req api.Failover
	if err := r.body(&req); err != nil {
		return nil, err
	}
	link := r.PathValue("link")
	// The plan is made in either case: what it would refuse (an unknown link,
	// an unknown topic) is refused now and not by an operation that fails.
	plan, err := s.backend.PlanFailover(r.ctx, link, req)
	if err != nil {
		return nil, err
	}
	if dry {
		return plan, nil
	}
	return s.begin(r, api.VerbFailover, link, req, func(ctx context.Context, call Call) (func(*api.Operation), error) {
		receipt, err := s.backend.Failover(ctx, link, req, call)
		if err != nil {
			return nil, err
		}
		if receipt.SHA256 == "" {
			receipt.Version, receipt.Operation, receipt.RequestedBy = api.ReceiptVersion, call.Operation, call.Caller
			if err := receipt.Seal(); err != nil {
				return nil, err
			}
		}
		return func(op *api.Operation) { op.Receipt = receipt }, nil
	})
}

// getReceipt answers GET .../receipt?operation=ID: the stored receipt of that
// failover, or of the latest.
func (s *Server) getReceipt(r *request) (any, error) {
	receipt, err := s.backend.Receipt(r.ctx, r.PathValue("link"), r.query("operation"))
	if err != nil {
		return nil, err
	}
	return receipt, receipt.Seal()
}

// begin starts an operation and answers 202 with it. The Idempotency-Key
// header makes a repeated request find the first one's operation.
func (s *Server) begin(r *request, verb, link string, body any, do work) (any, error) {
	key := r.Header.Get("Idempotency-Key")
	if len(key) > 128 {
		return nil, api.Invalid("the Idempotency-Key is too long", fmt.Sprintf("%d characters", len(key)), "use at most 128, such as a UUID")
	}
	op, err := s.operations.start(verb, link, key, fmt.Sprintf("%s %s %+v", verb, link, body), r.caller(), do)
	if err != nil {
		return nil, err
	}
	r.operation = op.ID
	return reply{http.StatusAccepted, "/v1/operations/" + op.ID, &op}, nil
}
