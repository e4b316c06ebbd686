package broker

import (
	"context"

	"umbra/kafkaproto"
)

// handleAlterConfigs serves AlterConfigs 0-2; the versions differ in encoding
// only. It replaces all that is set on a topic: what the request does not name
// goes back to its default (clients should use IncrementalAlterConfigs). One
// bad config fails its topic only. A shadow topic has its source's configs.
func handleAlterConfigs(r *request) {
	var req kafkaproto.AlterConfigsRequest
	if !decode(r, &req) {
		return
	}
	b := r.broker
	r.change("alter configs", func(ctx context.Context, v *verdicts) kafkaproto.Message { return b.alterConfigs(ctx, v, &req) })
}

func (b *Broker) alterConfigs(ctx context.Context, v *verdicts, req *kafkaproto.AlterConfigsRequest) *kafkaproto.AlterConfigsResponse {
	list := make([]configChange, len(req.Resources))
	for i := range req.Resources {
		r := &req.Resources[i]
		list[i] = configChange{configResource: configResource{r.ResourceType, r.ResourceName}}
		list[i].edit, list[i].err = replaceConfigs(r.Configs)
	}
	resp := &kafkaproto.AlterConfigsResponse{}
	for i, err := range b.changeConfigs(ctx, list, req.ValidateOnly) {
		out := kafkaproto.AlterConfigsResponseResource{ResourceType: list[i].kind, ResourceName: list[i].name}
		out.ErrorCode, out.ErrorMessage = v.of(err, list[i].name)
		resp.Resources = append(resp.Resources, out)
	}
	return resp
}

// replaceConfigs is the edit that leaves exactly the given configs.
func replaceConfigs(given []kafkaproto.AlterConfigsRequestResourceConfig) (func(map[string]string) error, error) {
	next := make(map[string]string, len(given))
	for _, c := range given {
		if c.Value == nil {
			return nil, refuse(kafkaproto.InvalidRequest, "config %s has no value (null)", c.Name)
		}
		if _, ok := next[c.Name]; ok {
			return nil, refuse(kafkaproto.InvalidRequest, "config %s is given twice", c.Name)
		}
		next[c.Name] = *c.Value
	}
	return func(set map[string]string) error {
		clear(set)
		for name, value := range next {
			set[name] = value
		}
		return nil
	}, nil
}
