package admin

import (
	"context"

	"umbra/admin/api"
)

// Backend is what the daemon can tell and do. Its methods are called from any
// goroutine, at the same time, and must return soon after ctx ends.
//
// An error that is (or wraps) an *api.Problem reaches the client as it is; any
// other error is answered as an internal one with its text. Documents need no
// kind or version: the server stamps them.
type Backend interface {
	Status(ctx context.Context) (*api.Status, error)
	Config(ctx context.Context) (*api.Config, error)

	Topics(ctx context.Context) (*api.TopicList, error)
	Topic(ctx context.Context, topic string) (*api.TopicDescription, error)

	Links(ctx context.Context) (*api.LinkList, error)
	Link(ctx context.Context, link string) (*api.LinkStatus, error)
	// Partitions lists all partitions of a link, in any order.
	Partitions(ctx context.Context, link string) (*api.PartitionList, error)

	// PlanLink says what CreateLink would do, and creates nothing.
	PlanLink(ctx context.Context, req api.CreateLink) (*api.LinkPlan, error)
	// CreateLink returns when the link is durable; copying goes on behind it.
	CreateLink(ctx context.Context, req api.CreateLink) (*api.LinkPlan, error)
	PauseLink(ctx context.Context, link string) error
	// ResumeLink goes on with a paused link and with what had stopped of it, topics
	// and single partitions.
	ResumeLink(ctx context.Context, link string) error
	// DeleteLink refuses while topics are not failed over, unless force is set.
	DeleteLink(ctx context.Context, link string, force bool) error

	// PlanFailover says what Failover would do now, and changes nothing.
	PlanFailover(ctx context.Context, link string, req api.Failover) (*api.FailoverPlan, error)
	// Failover runs to its end. The server fills in who asked and seals the
	// receipt, unless it is sealed already.
	Failover(ctx context.Context, link string, req api.Failover, call Call) (*api.Receipt, error)
	// Receipt is that of a failover that has ended, or with "" of the latest of the
	// link, which may be gone. The server seals it.
	Receipt(ctx context.Context, link, operation string) (*api.Receipt, error)
	// Verify compares with the source and runs to its end.
	Verify(ctx context.Context, link string, req api.Verify, call Call) (*api.VerifyReport, error)
}

// Call is the operation a Backend works for.
type Call struct {
	Operation string     // its id
	Caller    api.Caller // who asked
	// Progress tells the client how far the work is. It may be called from any
	// goroutine until the Backend returns; it takes the step. Seconds is
	// filled in by the server.
	Progress func(api.Step)
}
