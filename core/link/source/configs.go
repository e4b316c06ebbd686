package source

import (
	"context"

	"umbra/kafkaproto"
)

// TopicConfigs reads the configs that were set on each topic itself, not the
// defaults it inherits. A topic that the source does not let us describe is
// left out: a copy with local defaults is better than none, and the difference
// shows in describe.
func (c *Client) TopicConfigs(ctx context.Context, addr string, topics []string) (map[string]map[string]string, error) {
	req := kafkaproto.DescribeConfigsRequest{}
	for _, t := range topics {
		req.Resources = append(req.Resources, kafkaproto.DescribeConfigsRequestResource{
			ResourceType: kafkaproto.ConfigResourceTopic, ResourceName: t})
	}
	var resp kafkaproto.DescribeConfigsResponse
	if _, err := c.call(ctx, addr, kafkaproto.KeyDescribeConfigs, &req, &resp); err != nil {
		return nil, err
	}
	out := map[string]map[string]string{}
	for _, r := range resp.Resources {
		if r.ErrorCode != 0 {
			continue
		}
		set := map[string]string{}
		for _, e := range r.Configs {
			if e.Source == kafkaproto.ConfigSourceDynamicTopic && e.Value != nil {
				set[e.Name] = *e.Value
			}
		}
		out[r.ResourceName] = set
	}
	return out, nil
}
