package clients

import (
	"context"
	"fmt"
	"strings"

	"umbra/loadtest/kafka"
)

// Java is the console producer and consumer of a release, on its own kafka-clients.
func Java(d *kafka.Dist) Client {
	producer, consumer := "org.apache.kafka.tools.ConsoleProducer", "org.apache.kafka.tools.consumer.ConsoleConsumer"
	bootstrap := "--bootstrap-server"
	if d.ZooKeeper() {
		producer, consumer = "kafka.tools.ConsoleProducer", "kafka.tools.ConsoleConsumer"
		bootstrap = "--broker-list" // of the producer; the only name in 2.1
	}
	property := func(kind string) string {
		if d.ZooKeeper() {
			return "--property"
		}
		return "--" + kind + "-property" // 4.3 deprecates --property
	}
	return Client{
		Name:   "java-" + d.Version,
		Codecs: AllCodecs(),
		Produce: func(ctx context.Context, t Target, records []Record) error {
			if t.Partition != 0 {
				return fmt.Errorf("console producer: cannot be told partition %d; use a topic with one", t.Partition)
			}
			command := "--producer-property"
			if !d.ZooKeeper() {
				command = "--command-property"
			}
			_, err := d.ToolInput(ctx, strings.NewReader(lines(records)), producer, bootstrap, t.Bootstrap, "--topic", t.Topic,
				"--compression-codec", t.Codec, "--request-required-acks", acks(t),
				property("reader"), "parse.key=true", property("reader"), "key.separator=\t",
				command, "max.block.ms=30000")
			return err
		},
		Consume: func(ctx context.Context, t Target, n int) ([]Record, error) {
			out, err := d.Tool(ctx, consumer, "--bootstrap-server", t.Bootstrap, "--topic", t.Topic,
				"--partition", fmt.Sprint(t.Partition), "--offset", fmt.Sprint(t.From), "--max-messages", fmt.Sprint(n),
				"--timeout-ms", "30000", property("formatter"), "print.key=true", property("formatter"), "key.separator=\t")
			if err != nil {
				return nil, err
			}
			return parse(out)
		},
	}
}
