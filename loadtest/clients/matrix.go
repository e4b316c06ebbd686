package clients

import (
	"context"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kversion"

	"umbra/loadtest/kafka"
)

// Matrix is every client at every protocol level, quick ones first.
func Matrix(ctx context.Context) ([]Client, error) {
	all := []Client{
		Franz("franz-go", nil),
		Franz("franz-go-2.1", kversion.V2_1_0()),
		Franz("franz-go-2.8", kversion.V2_8_0()),
		Franz("franz-go-3.9", kversion.V3_9_0()),
		Sarama(sarama.V2_1_0_0),
		Sarama(sarama.MaxVersion),
		KafkaGo(),
		KafkaGoConn(),
		Kcat(),
		Confluent(),
		KafkaJS(),
	}
	for _, version := range []string{kafka.Newest, kafka.ZK28, kafka.ZK21} {
		d, err := kafka.Fetch(ctx, version)
		if err != nil {
			return nil, err
		}
		all = append(all, Java(d))
	}
	return all, nil
}
