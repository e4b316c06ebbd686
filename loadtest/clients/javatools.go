package clients

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"umbra/loadtest/kafka"
)

// A Step is one command of Kafka's tools and what its output must contain.
type Step struct {
	Name  string
	Class string
	Args  []string
	Want  []string
}

// JavaTools is a session with the newest tools against a broker: it makes the
// topic, writes, looks from every side, trims and deletes it. The topic must not exist.
// No tool that needs a group is in it (EndToEndLatency commits offsets). Files are written to dir.
func JavaTools(d *kafka.Dist, bootstrap, topic, dir string) ([]Step, error) {
	trim := filepath.Join(dir, "delete-records.json")
	if err := os.WriteFile(trim, fmt.Appendf(nil, `{"version":1,"partitions":[{"topic":%q,"partition":0,"offset":2}]}`, topic), 0o644); err != nil {
		return nil, err
	}
	const tools = "org.apache.kafka.tools."
	server := []string{"--bootstrap-server", bootstrap}
	with := func(args ...string) []string { return append(append([]string{}, server...), args...) }
	return []Step{
		{"api versions", tools + "BrokerApiVersionsCommand", server, []string{"Produce(0)", "ApiVersions(18)", "Fetch(1)"}},
		{"create topic", tools + "TopicCommand", with("--create", "--topic", topic, "--partitions", "2", "--replication-factor", "1",
			"--config", "retention.ms=86400000", "--config", "max.message.bytes=2000000"), []string{"Created topic " + topic}},
		{"list topics", tools + "TopicCommand", with("--list"), []string{topic}},
		{"describe topic", tools + "TopicCommand", with("--describe", "--topic", topic),
			[]string{"PartitionCount: 2", "ReplicationFactor: 1", "retention.ms=86400000", "Partition: 1"}},
		{"add partitions", tools + "TopicCommand", with("--alter", "--topic", topic, "--partitions", "3"), nil},
		{"describe grown topic", tools + "TopicCommand", with("--describe", "--topic", topic), []string{"PartitionCount: 3"}},
		{"alter config", "kafka.admin.ConfigCommand", with("--alter", "--entity-type", "topics", "--entity-name", topic,
			"--add-config", "segment.bytes=10485760"), []string{"Completed updating config"}},
		{"describe config", "kafka.admin.ConfigCommand", with("--describe", "--entity-type", "topics", "--entity-name", topic),
			[]string{"segment.bytes=10485760", "max.message.bytes=2000000"}},
		{"producer perf", tools + "ProducerPerformance", []string{"--topic", topic, "--num-records", "5000", "--record-size", "200",
			"--throughput", "-1", "--bootstrap-server", bootstrap, "--command-property", "compression.type=lz4"},
			[]string{"5000 records sent"}},
		{"verifiable producer", tools + "VerifiableProducer", with("--topic", topic, "--max-messages", "200", "--acks", "-1"),
			[]string{`"name":"producer_send_success"`, `"sent":200`, `"acked":200`}},
		{"offsets", tools + "GetOffsetShell", with("--topic", topic), []string{topic + ":0:", topic + ":2:"}},
		{"delete records", tools + "DeleteRecordsCommand", with("--offset-json-file", trim), []string{"low_watermark: 2"}},
		{"earliest offset", tools + "GetOffsetShell", with("--topic-partitions", topic+":0", "--time", "-2"), []string{topic + ":0:2"}},
		{"log dirs", tools + "LogDirsCommand", with("--describe", "--topic-list", topic), []string{`"partition":"` + topic + `-0"`}},
		{"cluster id", tools + "ClusterTool", append([]string{"cluster-id"}, server...), []string{"Cluster ID: "}},
		{"delete topic", tools + "TopicCommand", with("--delete", "--topic", topic), nil},
	}, nil
}

// Do runs the step and checks its output.
func (s Step) Do(ctx context.Context, d *kafka.Dist) error {
	out, err := d.Tool(ctx, s.Class, s.Args...)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	for _, want := range s.Want {
		if !strings.Contains(out, want) {
			return fmt.Errorf("%s: output lacks %q:\n%s", s.Name, want, out)
		}
	}
	return nil
}
