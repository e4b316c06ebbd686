package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"umbra/admin/api"
)

// Status is the daemon and all links at a glance.
func (c *Client) Status(ctx context.Context) (*api.Status, error) {
	return get[api.Status](ctx, c, "/v1/status", nil)
}

// Config is the configuration in force, without secrets.
func (c *Client) Config(ctx context.Context) (*api.Config, error) {
	return get[api.Config](ctx, c, "/v1/config", nil)
}

// Events lists the latest events; link "" is all links, after is a sequence.
func (c *Client) Events(ctx context.Context, link string, after int64, limit int) (*api.EventList, error) {
	q := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(limit)}}
	if link != "" {
		q.Set("link", link)
	}
	return get[api.EventList](ctx, c, "/v1/events", q)
}

// Topics lists all topics.
func (c *Client) Topics(ctx context.Context) (*api.TopicList, error) {
	return get[api.TopicList](ctx, c, "/v1/topics", nil)
}

// Topic describes one topic.
func (c *Client) Topic(ctx context.Context, topic string) (*api.TopicDescription, error) {
	return get[api.TopicDescription](ctx, c, "/v1/topics/"+url.PathEscape(topic), nil)
}

// Links lists all links.
func (c *Client) Links(ctx context.Context) (*api.LinkList, error) {
	return get[api.LinkList](ctx, c, "/v1/links", nil)
}

// Link is everything about one link.
func (c *Client) Link(ctx context.Context, link string) (*api.LinkStatus, error) {
	return get[api.LinkStatus](ctx, c, linkPath(link, ""), nil)
}

// Partitions lists partitions of a link in the order of sort, such as
// "-lag_seconds"; "" is by topic. limit 0 is all.
func (c *Client) Partitions(ctx context.Context, link, sort string, limit int) (*api.PartitionList, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if sort != "" {
		q.Set("sort", sort)
	}
	return get[api.PartitionList](ctx, c, linkPath(link, "/partitions"), q)
}

// PlanLink says what CreateLink would do.
func (c *Client) PlanLink(ctx context.Context, req api.CreateLink) (*api.LinkPlan, error) {
	return post[api.LinkPlan](ctx, c, call{path: "/v1/links", query: url.Values{"dry_run": {"true"}}, body: req})
}

// CreateLink creates a link; copying begins at once.
func (c *Client) CreateLink(ctx context.Context, req api.CreateLink) (*api.LinkPlan, error) {
	return post[api.LinkPlan](ctx, c, call{path: "/v1/links", body: req})
}

// PauseLink stops copying.
func (c *Client) PauseLink(ctx context.Context, link string) (*api.LinkStatus, error) {
	return post[api.LinkStatus](ctx, c, call{path: linkPath(link, "/pause")})
}

// ResumeLink goes on copying, faulted topics included.
func (c *Client) ResumeLink(ctx context.Context, link string) (*api.LinkStatus, error) {
	return post[api.LinkStatus](ctx, c, call{path: linkPath(link, "/resume")})
}

// DeleteLink forgets a link; the topics stay.
func (c *Client) DeleteLink(ctx context.Context, link string, force bool) error {
	return c.do(ctx, call{method: http.MethodDelete, path: linkPath(link, ""), query: url.Values{"force": {strconv.FormatBool(force)}}})
}

// PlanFailover says what Failover would do now; no topics means all.
func (c *Client) PlanFailover(ctx context.Context, link string, topics []string) (*api.FailoverPlan, error) {
	return get[api.FailoverPlan](ctx, c, linkPath(link, "/failover"), url.Values{"topic": topics})
}

// Failover begins a failover. The same key finds the operation it began, so a
// caller that lost the answer may ask again.
func (c *Client) Failover(ctx context.Context, link string, topics []string, key string) (*api.Operation, error) {
	return post[api.Operation](ctx, c, call{path: linkPath(link, "/failover"), body: api.Failover{Topics: topics}, key: key})
}

// Receipt is the stored receipt of a failover; operation "" is the latest.
func (c *Client) Receipt(ctx context.Context, link, operation string) (*api.Receipt, error) {
	q := url.Values{}
	if operation != "" {
		q.Set("operation", operation)
	}
	return get[api.Receipt](ctx, c, linkPath(link, "/receipt"), q)
}

// Verify begins a comparison with the source; see Failover for key.
func (c *Client) Verify(ctx context.Context, link string, topics []string, key string) (*api.Operation, error) {
	return post[api.Operation](ctx, c, call{path: linkPath(link, "/verify"), body: api.Verify{Topics: topics}, key: key})
}

// Operation asks for an operation, waiting up to wait for a revision newer
// than after; after < 0 waits for the end.
func (c *Client) Operation(ctx context.Context, id string, wait time.Duration, after int64) (*api.Operation, error) {
	q := url.Values{"wait": {wait.String()}}
	if after >= 0 {
		q.Set("after", strconv.FormatInt(after, 10))
	}
	return get[api.Operation](ctx, c, "/v1/operations/"+url.PathEscape(id), q)
}

// Await follows an operation to its end. each, which may be nil, sees every
// state that was caught, the last one included.
func (c *Client) Await(ctx context.Context, id string, each func(*api.Operation)) (*api.Operation, error) {
	for after := int64(0); ; {
		op, err := c.Operation(ctx, id, 30*time.Second, after)
		if err != nil {
			return nil, err
		}
		if each != nil && op.Revision > after {
			each(op)
		}
		if op.Done() {
			return op, nil
		}
		after = op.Revision
	}
}

func linkPath(link, rest string) string { return "/v1/links/" + url.PathEscape(link) + rest }
