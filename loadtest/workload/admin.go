package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// CreateTopic creates a topic and waits until every partition has a leader.
func CreateTopic(ctx context.Context, seeds []string, name string, partitions int32, replicas int16, configs map[string]string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(seeds...))
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	cfg := map[string]*string{}
	for k, v := range configs {
		cfg[k] = kadm.StringPtr(v)
	}
	if _, err := adm.CreateTopic(ctx, partitions, replicas, cfg, name); err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	return AwaitLeaders(ctx, adm, name, int(partitions))
}

// AwaitLeaders waits until a topic has that many partitions and each has a leader.
// A cluster answers a creation as soon as it is decided; a producer that comes before
// the brokers have heard of it finds no such partition.
func AwaitLeaders(ctx context.Context, adm *kadm.Client, topic string, partitions int) error {
	for {
		meta, err := adm.Metadata(ctx, topic)
		if err == nil && ledAll(meta.Topics[topic], partitions) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the leaders of %s: %w", topic, errors.Join(ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func ledAll(t kadm.TopicDetail, partitions int) bool {
	if t.Err != nil || len(t.Partitions) != partitions {
		return false
	}
	for _, p := range t.Partitions {
		if p.Err != nil || p.Leader < 0 {
			return false
		}
	}
	return true
}

// SetConfigs replaces all of a topic's own settings (AlterConfigs, which every
// release from 2.1 on has).
func SetConfigs(ctx context.Context, seeds []string, topic string, configs map[string]string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(seeds...))
	if err != nil {
		return err
	}
	defer cl.Close()
	req := kmsg.NewPtrAlterConfigsRequest()
	res := kmsg.NewAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	for k, v := range configs {
		c := kmsg.NewAlterConfigsRequestResourceConfig()
		c.Name, c.Value = k, kmsg.StringPtr(v)
		res.Configs = append(res.Configs, c)
	}
	req.Resources = append(req.Resources, res)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return fmt.Errorf("set configs of topic %s: %w", topic, err)
	}
	for _, r := range resp.Resources {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			return fmt.Errorf("set configs of topic %s: %w", topic, err)
		}
	}
	return nil
}

// TrimTo deletes the records of a partition below an offset (DeleteRecords).
func TrimTo(ctx context.Context, seeds []string, topic string, partition int32, offset int64) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(seeds...))
	if err != nil {
		return err
	}
	defer cl.Close()
	var os kadm.Offsets
	os.AddOffset(topic, partition, offset, -1)
	resps, err := kadm.NewClient(cl).DeleteRecords(ctx, os)
	if err != nil {
		return fmt.Errorf("trim %s/%d to %d: %w", topic, partition, offset, err)
	}
	if err := resps.Error(); err != nil {
		return fmt.Errorf("trim %s/%d to %d: %w", topic, partition, offset, err)
	}
	return nil
}
