package broker

import (
	"context"
	"slices"
	"strings"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// handleIncrementalAlterConfigs serves IncrementalAlterConfigs 0-1; the
// versions differ in encoding only. Each config is set, deleted (back to its
// default), or, when it is a list, appended to or subtracted from; the list
// begins as the effective one. One bad config fails its topic only. A shadow
// topic has its source's configs.
func handleIncrementalAlterConfigs(r *request) {
	var req kafkaproto.IncrementalAlterConfigsRequest
	if !decode(r, &req) {
		return
	}
	b := r.broker
	r.change("alter configs", func(ctx context.Context, v *verdicts) kafkaproto.Message {
		return b.incrementalAlterConfigs(ctx, v, &req)
	})
}

func (b *Broker) incrementalAlterConfigs(ctx context.Context, v *verdicts, req *kafkaproto.IncrementalAlterConfigsRequest) *kafkaproto.IncrementalAlterConfigsResponse {
	list := make([]configChange, len(req.Resources))
	for i := range req.Resources {
		r := &req.Resources[i]
		list[i] = configChange{configResource: configResource{r.ResourceType, r.ResourceName}, err: checkConfigOps(r.Configs)}
		list[i].edit = func(set map[string]string) error { return applyConfigOps(b.configs, r.Configs, set) }
	}
	resp := &kafkaproto.IncrementalAlterConfigsResponse{}
	for i, err := range b.changeConfigs(ctx, list, req.ValidateOnly) {
		out := kafkaproto.IncrementalAlterConfigsResponseResource{ResourceType: list[i].kind, ResourceName: list[i].name}
		out.ErrorCode, out.ErrorMessage = v.of(err, list[i].name)
		resp.Resources = append(resp.Resources, out)
	}
	return resp
}

type configOp = kafkaproto.IncrementalAlterConfigsRequestResourceConfig

// checkConfigOps refuses what is wrong whatever is set now.
func checkConfigOps(ops []configOp) error {
	_, times := tally(ops, func(o *configOp) string { return o.Name })
	for _, o := range ops {
		switch {
		case times[o.Name] > 1:
			return refuse(kafkaproto.InvalidRequest, "config %s is given %d times", o.Name, times[o.Name])
		case o.Op < kafkaproto.IncrementalAlterConfigSet || o.Op > kafkaproto.IncrementalAlterConfigSubtract:
			return refuse(kafkaproto.InvalidRequest, "config %s: operation %d is unknown", o.Name, o.Op)
		case o.Value == nil && o.Op != kafkaproto.IncrementalAlterConfigDelete:
			return refuse(kafkaproto.InvalidRequest, "config %s has no value (null)", o.Name)
		}
	}
	return nil
}

// applyConfigOps edits what is set on a topic. ops have passed checkConfigOps.
func applyConfigOps(configs *metadata.Configs, ops []configOp, set map[string]string) error {
	for _, o := range ops {
		switch o.Op {
		case kafkaproto.IncrementalAlterConfigSet:
			set[o.Name] = *o.Value
		case kafkaproto.IncrementalAlterConfigDelete:
			delete(set, o.Name)
		default:
			if k, ok := configs.TopicKey(o.Name); !ok || k.Type != metadata.TypeList {
				return &metadata.ConfigError{Name: o.Name, Value: *o.Value, Why: "only a config that is a list can be appended to or subtracted from"}
			}
			set[o.Name] = changedList(effectiveValue(configs, o.Name, set), *o.Value, o.Op == kafkaproto.IncrementalAlterConfigAppend)
		}
	}
	return nil
}

func effectiveValue(configs *metadata.Configs, name string, set map[string]string) string {
	for _, e := range configs.Topic(set) {
		if e.Key.Name == name {
			return e.Value
		}
	}
	return ""
}

// changedList adds items that are not there yet, or takes items away.
func changedList(list, items string, add bool) string {
	out := metadata.SplitList(list)
	for _, item := range metadata.SplitList(items) {
		at := slices.Index(out, item)
		switch {
		case add && at < 0:
			out = append(out, item)
		case !add && at >= 0:
			out = slices.Delete(out, at, at+1)
		}
	}
	return strings.Join(out, ",")
}
