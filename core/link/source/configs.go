package source

import (
	"context"
	"slices"

	"umbra/kafkaproto"
)

// TopicConfigs reads the configs that were set on each topic itself, not the
// defaults it inherits. A topic that the source does not let us describe is
// left out: a copy with local defaults is better than none, and the difference
// shows in describe.
//
// The answer holds every default beside what was set, a few KiB a topic, so
// that many topics are asked about in several requests.
func (c *Client) TopicConfigs(ctx context.Context, addr string, topics []string) (map[string]map[string]string, error) {
	out := make(map[string]map[string]string, len(topics))
	for chunk := range slices.Chunk(topics, configTopicsMax) {
		if err := c.topicConfigs(ctx, addr, chunk, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// configTopicsMax bounds the topics of one DescribeConfigs request.
const configTopicsMax = 500

func (c *Client) topicConfigs(ctx context.Context, addr string, topics []string, out map[string]map[string]string) error {
	req := kafkaproto.DescribeConfigsRequest{}
	for _, t := range topics {
		req.Resources = append(req.Resources, kafkaproto.DescribeConfigsRequestResource{
			ResourceType: kafkaproto.ConfigResourceTopic, ResourceName: t})
	}
	var resp kafkaproto.DescribeConfigsResponse
	if _, err := c.call(ctx, addr, kafkaproto.KeyDescribeConfigs, &req, &resp); err != nil {
		return err
	}
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
	return nil
}
