package clients

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed confluent.py
var confluentScript string

//go:embed kafkajs.js
var kafkajsScript string

// Confluent is confluent-kafka for Python, on the newest librdkafka.
func Confluent() Client {
	return scripted("confluent-python", func() (string, []string, error) {
		python, err := cached("venv", "bin", "python")
		return python, []string{"-c", confluentScript}, err
	})
}

// KafkaJS is kafkajs on Node.js.
func KafkaJS() Client {
	return scripted("kafkajs", func() (string, []string, error) {
		modules, err := cached("node", "node_modules")
		if err != nil {
			return "", nil, err
		}
		// Node resolves modules from the script's place.
		script := filepath.Join(filepath.Dir(modules), "kafkajs-client.js")
		if err := os.WriteFile(script, []byte(kafkajsScript), 0o644); err != nil {
			return "", nil, err
		}
		return "node", []string{"--no-warnings", script}, nil
	})
}

// scripted is a client behind a script with the two verbs of confluent.py.
func scripted(name string, command func() (program string, args []string, err error)) Client {
	call := func(ctx context.Context, input, verb string, t Target, rest ...string) (string, error) {
		program, args, err := command()
		if err != nil {
			return "", err
		}
		args = append(args, verb, t.Bootstrap, t.Topic, fmt.Sprint(t.Partition))
		return run(ctx, input, program, append(args, rest...)...)
	}
	return Client{
		Name:   name,
		Codecs: AllCodecs(),
		Produce: func(ctx context.Context, t Target, records []Record) error {
			_, err := call(ctx, lines(records), "produce", t, t.Codec, acks(t))
			return err
		},
		Consume: func(ctx context.Context, t Target, n int) ([]Record, error) {
			out, err := call(ctx, "", "consume", t, fmt.Sprint(t.From), fmt.Sprint(n))
			if err != nil {
				return nil, err
			}
			return parse(out)
		},
	}
}
