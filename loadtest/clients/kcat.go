package clients

import (
	"context"
	"fmt"
)

// Kcat is Debian's kcat on Debian's librdkafka. It decides about codecs and formats
// by overlaps of advertised version ranges, as librdkafka did for years.
func Kcat(extra ...string) Client {
	return Client{
		Name:   "kcat",
		Codecs: AllCodecs(),
		Produce: func(ctx context.Context, t Target, records []Record) error {
			args := append([]string{"-P", "-b", t.Bootstrap, "-t", t.Topic, "-p", fmt.Sprint(t.Partition), "-K", "\t",
				"-z", t.Codec, "-X", "acks=" + acks(t), "-X", "message.timeout.ms=30000"}, extra...)
			_, err := run(ctx, lines(records), "kcat", args...)
			return err
		},
		Consume: func(ctx context.Context, t Target, n int) ([]Record, error) {
			args := append([]string{"-C", "-b", t.Bootstrap, "-t", t.Topic, "-p", fmt.Sprint(t.Partition), "-o", fmt.Sprint(t.From),
				"-c", fmt.Sprint(n), "-q", "-f", "%k\t%s\n"}, extra...)
			out, err := run(ctx, "", "kcat", args...)
			if err != nil {
				return nil, err
			}
			return parse(out)
		},
	}
}
