package main

import (
	"github.com/spf13/cobra"

	"umbra/bench/traffic"
)

func newConsume() *cobra.Command {
	f := &trafficFlags{options: traffic.Options{Bench: traffic.Consume, Inflight: 5}}
	cmd := &cobra.Command{
		Use: "consume", Short: "the broker itself beside Apache Kafka: consuming from the start and at the end", Args: cobra.NoArgs,
		Long: `Measure consuming beside Apache Kafka, in the same run, one right after the other in
an order drawn by lot.

From the start: a topic is read once as fast as it goes; processor time of the
broker's whole process. At the end: producers send at a fixed total rate in an open
loop, readers wait for the data, each with a partition to itself; from when a batch
was due at the producer until it was read. What is produced there has acks=all, and
umbra writes it to the disk before it shows it (umbra-interval: to the page cache, as
Kafka does).`,
		Example: `  umbra-bench consume
  umbra-bench consume --connections 16 --bytes 4GiB --json consume.json
  umbra-bench consume --short                # what CI runs`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.flagSet(cmd.Flags(), []string{traffic.Umbra, traffic.UmbraInterval, traffic.Kafka}, []int{16})
	cmd.Flags().Var(&f.bytes, "bytes", "record data that is read from the start")
	return cmd
}
