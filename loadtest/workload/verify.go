package workload

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Verify says how a ledger is held against a cluster.
type Verify struct {
	Seeds []string
	// Compacted topics need not hold a record whose key was written again later.
	Compacted map[string]bool
	// Below limits the check of a log to offsets below it, for a copy that had
	// not everything when its source died. Nil: no limit.
	Below func(TopicPartition) int64
}

// A Verdict is what Verify found.
type Verdict struct {
	Present   int // at their offset, with their content
	Trimmed   int // below the log start
	Compacted int // superseded by a later record of the same key
	Beyond    int // at or above the limit, not looked at
}

// Check reads every log of the ledger as a read_uncommitted consumer with
// assigned partitions and fails at the first acknowledged record that is not at its
// offset with its content.
func (l *Ledger) Check(ctx context.Context, v Verify) (Verdict, error) {
	var sum Verdict
	cl, err := kgo.NewClient(kgo.SeedBrokers(v.Seeds...))
	if err != nil {
		return sum, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	for _, tp := range l.Partitions() {
		starts, err := adm.ListStartOffsets(ctx, tp.Topic)
		if err != nil {
			return sum, fmt.Errorf("check %s/%d: log start: %w", tp.Topic, tp.Partition, err)
		}
		start, ok := starts.Lookup(tp.Topic, tp.Partition)
		if !ok || start.Err != nil {
			return sum, fmt.Errorf("check %s/%d: log start: %w", tp.Topic, tp.Partition, errors.Join(start.Err, errors.New("not in the answer")))
		}
		todo := l.expected(tp, start.Offset, v, &sum)
		if err := readBack(ctx, v.Seeds, tp, todo, &sum); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// An expectation is an ack that the log must show, or may lack (compacted away).
type expectation struct {
	Ack
	optional bool
}

// expected is what the log must show, from its start to the limit.
func (l *Ledger) expected(tp TopicPartition, start int64, v Verify, sum *Verdict) []expectation {
	below := int64(1<<63 - 1)
	if v.Below != nil {
		below = v.Below(tp)
	}
	acks := l.Of(tp)
	newest := map[Digest]int64{}
	for _, a := range acks {
		newest[a.Key] = a.Offset
	}
	var todo []expectation
	for _, a := range acks {
		switch {
		case a.Offset < start:
			sum.Trimmed++
		case a.Offset >= below:
			sum.Beyond++
		default:
			todo = append(todo, expectation{Ack: a, optional: v.Compacted[tp.Topic] && newest[a.Key] != a.Offset})
		}
	}
	return todo
}

// readBack consumes from the first expected offset to the last that must be there.
func readBack(ctx context.Context, seeds []string, tp TopicPartition, todo []expectation, sum *Verdict) error {
	last := -1
	for i, e := range todo {
		if !e.optional {
			last = i
		}
	}
	sum.Compacted += len(todo) - last - 1 // nothing after the last that must be there is waited for
	if last < 0 {
		return nil
	}
	todo = todo[:last+1]
	cl, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		tp.Topic: {tp.Partition: kgo.NewOffset().At(todo[0].Offset)},
	}), kgo.FetchMaxPartitionBytes(8<<20), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	if err != nil {
		return err
	}
	defer cl.Close()
	for len(todo) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("check %s/%d: wait for offset %d: %w", tp.Topic, tp.Partition, todo[0].Offset, err)
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("check %s/%d: wait for offset %d: %w", tp.Topic, tp.Partition, todo[0].Offset, e.Err)
		}
		for _, r := range fetches.Records() {
			for len(todo) > 0 && todo[0].Offset < r.Offset {
				if !todo[0].optional {
					return fmt.Errorf("check %s/%d: acknowledged record at offset %d is missing, the next there is %d",
						tp.Topic, tp.Partition, todo[0].Offset, r.Offset)
				}
				sum.Compacted++
				todo = todo[1:]
			}
			if len(todo) == 0 || todo[0].Offset != r.Offset {
				continue
			}
			if got := DigestOf(r); got != todo[0].Sum {
				return fmt.Errorf("check %s/%d: record at offset %d is not the acknowledged one: digest %x, want %x",
					tp.Topic, tp.Partition, r.Offset, got, todo[0].Sum)
			}
			sum.Present++
			todo = todo[1:]
		}
	}
	return nil
}
