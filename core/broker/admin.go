package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	"umbra/core/metadata"
	"umbra/kafkaproto"
)

// This file is what the APIs that change topics and configs share.

// tally gives the index of each key's first item, in order, and how often each
// key occurs.
func tally[T any, K comparable](list []T, key func(*T) K) (first []int, times map[K]int) {
	times = make(map[K]int, len(list))
	for i := range list {
		k := key(&list[i])
		if times[k]++; times[k] == 1 {
			first = append(first, i)
		}
	}
	return first, times
}

// changesMax is how many changes of one request are made at a time. Each waits
// for a flush of etcd, and changes that wait together share one.
const changesMax = 16

// each runs f for 0 to n-1, several at a time, and returns when all have ended.
func each(n int, f func(i int)) {
	if n == 1 {
		f(0)
		return
	}
	slots := make(chan struct{}, changesMax)
	var all sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	all.Wait()
}

// patience is how long a request waits for what it started to be seen. The
// change itself is made under ctx: as in Kafka, a request that ran out of time
// says REQUEST_TIMED_OUT and its work goes on. A timeout of 0 or less starts
// the work and does not wait.
func patience(ctx context.Context, timeoutMillis int32) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Duration(max(timeoutMillis, 0))*time.Millisecond)
}

// opened waits until the first n partitions of a topic are open.
func (b *Broker) opened(wait context.Context, t *metadata.Topic, n int) error {
	if err := b.keeper().Wait(wait, t.ID, n); err != nil {
		return waitError(err, "topic %q is stored, and its partitions are still being opened", t.Name)
	}
	for i := range n {
		if b.keeper().Err(partitionID(t, int32(i))) != nil {
			return refuse(kafkaproto.KafkaStorageError, "topic %q is stored, but partition %d does not open; the broker's log says why", t.Name, i)
		}
	}
	return nil
}

// waitError words the end of a wait that was too short.
func waitError(err error, format string, args ...any) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return refuse(kafkaproto.RequestTimedOut, format, args...)
	}
	return err
}

// explain gives an error of the Store about a topic the words that a client
// needs: a topic that became read-only meanwhile is refused like any other.
func (b *Broker) explain(err error, topic string) error {
	if !errors.Is(err, metadata.ErrReadOnly) {
		return err
	}
	if t := b.store.Snapshot().Topics[topic]; t != nil && !t.Writable() {
		return readOnly(t)
	}
	return err
}

// checkReplicas checks where a client wants one partition to be: on one broker
// that exists.
func checkReplicas(snap *metadata.Snapshot, partition int, replicas []int32) error {
	if len(replicas) == 0 {
		return refuse(kafkaproto.InvalidReplicaAssignment, "partition %d: no broker is named", partition)
	}
	for i, id := range replicas {
		if _, ok := snap.Brokers[id]; !ok {
			return refuse(kafkaproto.InvalidReplicaAssignment, "partition %d: broker %d does not exist", partition, id)
		}
		for _, other := range replicas[:i] {
			if other == id {
				return refuse(kafkaproto.InvalidReplicaAssignment, "partition %d: broker %d is named twice", partition, id)
			}
		}
	}
	if len(replicas) > 1 {
		return refuse(kafkaproto.InvalidReplicaAssignment, "partition %d: %d replicas are asked for, and umbra keeps one", partition, len(replicas))
	}
	return nil
}
