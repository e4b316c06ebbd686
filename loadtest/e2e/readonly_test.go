package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"umbra/loadtest/clients"
	"umbra/loadtest/hostile"
	"umbra/loadtest/rawfetch"
)

// Before failover every way to write to a shadow topic is refused with
// POLICY_VIOLATION, and its log, configs and partitions are as they were.
func TestShadowTopicsAreReadOnly(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	d := startUmbra(t, ctx, "--set", "auto.create.topics.enable=true")
	const topic = "ro-orders"
	source, err := hostile.Start(hostile.NewTopic(topic, 1, 20, 10, 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	do(t, ctx, d, "link", "create", "dr", "--from", strings.Join(source.Seeds(), ","), "--topics", "ro-*")
	src, dst := reader(t, "source", source.Seeds()...), shadowReader(t, d)
	awaitEqual(t, ctx, src, dst, topic)
	held := record(t, ctx, dst, topic, 2)
	cl, err := kgo.NewClient(kgo.SeedBrokers(d.Listen))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, w := range refusedWrites(topic) {
		t.Run(w.name, func(t *testing.T) {
			code, message, err := w.do(ctx, cl)
			if err != nil {
				t.Fatal(err)
			}
			if code != kerr.PolicyViolation.Code {
				t.Errorf("error code %d (%v), want POLICY_VIOLATION; message %q", code, kerr.ErrorForCode(code), message)
			}
			if w.tells && (!strings.Contains(message, "dr") || !strings.Contains(message, "ACTIVE")) {
				t.Errorf("message %q names neither the link nor its state", message)
			}
			stillHeld(t, ctx, dst, held)
		})
	}
	t.Run("produce with acks=0 ends the connection", func(t *testing.T) { acksZeroHangsUp(t, ctx, d.Listen, topic) })
	t.Run("stock producers fail", func(t *testing.T) {
		for _, c := range []clients.Client{clients.Kcat(), clients.Franz("franz-go", nil), clients.KafkaGo(), clients.Confluent()} {
			short, cancel := context.WithTimeout(ctx, 20*time.Second)
			err := c.Produce(short, clients.Target{Bootstrap: d.Listen, Topic: topic, Codec: "none"}, clients.Records("x", 3))
			cancel()
			if err == nil {
				t.Errorf("%s wrote to a shadow topic", c.Name)
			}
		}
	})
	stillHeld(t, ctx, dst, held)
	if got := behind(ctx, src, dst, topic); got != "" {
		t.Errorf("after all refusals: %s", got)
	}
}

// A refusedWrite is one API that would change a shadow topic.
type refusedWrite struct {
	name  string
	tells bool // its answer carries a message
	do    func(context.Context, *kgo.Client) (code int16, message string, err error)
}

func refusedWrites(topic string) []refusedWrite {
	produce := func(txn *string, pid int64, acks int16) func(context.Context, *kgo.Client) (int16, string, error) {
		return func(ctx context.Context, cl *kgo.Client) (int16, string, error) {
			return produceOne(ctx, cl, topic, txn, pid, acks)
		}
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	return []refusedWrite{
		{"produce, acks=all", false, produce(nil, -1, -1)},
		{"produce, acks=1", false, produce(nil, -1, 1)},
		{"produce, idempotent", false, produce(nil, 4711, -1)},
		{"produce, transactional", false, produce(kmsg.StringPtr("txn"), 4712, -1)},
		{"delete records", false, func(ctx context.Context, cl *kgo.Client) (int16, string, error) {
			req := kmsg.NewPtrDeleteRecordsRequest()
			rt := kmsg.NewDeleteRecordsRequestTopic()
			rt.Topic = topic
			rp := kmsg.NewDeleteRecordsRequestTopicPartition()
			rp.Partition, rp.Offset = 0, 10
			rt.Partitions = append(rt.Partitions, rp)
			req.Topics = append(req.Topics, rt)
			resp, err := req.RequestWith(ctx, cl)
			if err != nil {
				return 0, "", err
			}
			return resp.Topics[0].Partitions[0].ErrorCode, "", nil
		}},
		{"create partitions", true, func(ctx context.Context, cl *kgo.Client) (int16, string, error) {
			req := kmsg.NewPtrCreatePartitionsRequest()
			rt := kmsg.NewCreatePartitionsRequestTopic()
			rt.Topic, rt.Count = topic, 9
			req.Topics = append(req.Topics, rt)
			resp, err := req.RequestWith(ctx, cl)
			if err != nil {
				return 0, "", err
			}
			return resp.Topics[0].ErrorCode, text(resp.Topics[0].ErrorMessage), nil
		}},
		{"delete topic", true, func(ctx context.Context, cl *kgo.Client) (int16, string, error) {
			req := kmsg.NewPtrDeleteTopicsRequest()
			req.TopicNames = []string{topic}
			rt := kmsg.NewDeleteTopicsRequestTopic()
			rt.Topic = kmsg.StringPtr(topic)
			req.Topics = append(req.Topics, rt)
			resp, err := req.RequestWith(ctx, cl)
			if err != nil {
				return 0, "", err
			}
			return resp.Topics[0].ErrorCode, text(resp.Topics[0].ErrorMessage), nil
		}},
		{"incremental alter configs", true, func(ctx context.Context, cl *kgo.Client) (int16, string, error) {
			req := kmsg.NewPtrIncrementalAlterConfigsRequest()
			rr := kmsg.NewIncrementalAlterConfigsRequestResource()
			rr.ResourceType, rr.ResourceName = kmsg.ConfigResourceTypeTopic, topic
			rc := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			rc.Name, rc.Value = "retention.ms", kmsg.StringPtr("1000")
			rr.Configs = append(rr.Configs, rc)
			req.Resources = append(req.Resources, rr)
			resp, err := req.RequestWith(ctx, cl)
			if err != nil {
				return 0, "", err
			}
			return resp.Resources[0].ErrorCode, text(resp.Resources[0].ErrorMessage), nil
		}},
		{"create a topic that the link's filter matches", true, func(ctx context.Context, cl *kgo.Client) (int16, string, error) {
			req := kmsg.NewPtrCreateTopicsRequest()
			rt := kmsg.NewCreateTopicsRequestTopic()
			rt.Topic, rt.NumPartitions, rt.ReplicationFactor = "ro-mine", 1, 1
			req.Topics = append(req.Topics, rt)
			resp, err := req.RequestWith(ctx, cl)
			if err != nil {
				return 0, "", err
			}
			message := text(resp.Topics[0].ErrorMessage)
			return resp.Topics[0].ErrorCode, message + " ACTIVE", nil // there is no topic to have a state
		}},
		{"auto-create a topic that the link's filter matches", false, func(ctx context.Context, cl *kgo.Client) (int16, string, error) {
			req := kmsg.NewPtrMetadataRequest()
			req.AllowAutoTopicCreation = true
			rt := kmsg.NewMetadataRequestTopic()
			rt.Topic = kmsg.StringPtr("ro-auto")
			req.Topics = append(req.Topics, rt)
			resp, err := req.RequestWith(ctx, cl)
			if err != nil {
				return 0, "", err
			}
			code := resp.Topics[0].ErrorCode
			if code == kerr.UnknownTopicOrPartition.Code { // as good a refusal
				code = kerr.PolicyViolation.Code
			}
			return code, "", nil
		}},
	}
}

// produceOne sends one small batch as a raw Produce request.
func produceOne(ctx context.Context, cl *kgo.Client, topic string, txn *string, pid int64, acks int16) (int16, string, error) {
	batch := hostile.Batch(0, -1, 1, 20, time.Now().UnixMilli())
	if pid >= 0 {
		hostile.SetProducer(batch, pid, 0, 0, txn != nil)
	}
	resp, err := produceRaw(ctx, cl, topic, 0, txn, acks, batch)
	if err != nil {
		return 0, "", err
	}
	p := resp.Topics[0].Partitions[0]
	message := ""
	if p.ErrorMessage != nil {
		message = *p.ErrorMessage
	}
	return p.ErrorCode, message, nil
}

// produceRaw sends a batch as it is. The client rewrites acks to its own setting,
// which is all; other values go out through a client of their own.
func produceRaw(ctx context.Context, cl *kgo.Client, topic string, partition int32, txn *string, acks int16, batch []byte) (*kmsg.ProduceResponse, error) {
	if acks == 1 {
		seeds := cl.OptValue(kgo.SeedBrokers).([]string)
		own, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
		if err != nil {
			return nil, err
		}
		defer own.Close()
		cl = own
	}
	req := kmsg.NewPtrProduceRequest()
	req.TransactionID, req.Acks, req.TimeoutMillis = txn, acks, 10_000
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Partition, rp.Records = partition, batch
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	r, err := cl.SeedBrokers()[0].Request(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("produce to %s/%d: %w", topic, partition, err)
	}
	return r.(*kmsg.ProduceResponse), nil
}

// acksZeroHangsUp: with acks=0 the only answer to a refused write is a closed connection.
func acksZeroHangsUp(t *testing.T, ctx context.Context, addr, topic string) {
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = 8, 0, 1000
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Records = hostile.Batch(0, -1, 1, 20, time.Now().UnixMilli())
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	n, err := rawfetch.HangUp(ctx, addr, kmsg.NewRequestFormatter().AppendRequest(nil, req, 1))
	if err != nil || n != 0 {
		t.Errorf("after the request came %d bytes and %v, want none and the end of the connection", n, err)
	}
}
