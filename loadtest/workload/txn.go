package workload

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// writeTransactions leaves a log of committed and aborted transactions of two
// producers, plain idempotent records between them, and no transaction open.
func (m *Mix) writeTransactions(ctx context.Context) error {
	topic, err := m.topic(ctx, "txn", 2, nil)
	if err != nil {
		return err
	}
	plain, err := m.producer()
	if err != nil {
		return err
	}
	defer plain.Close()
	between := NewMaker(m.cfg.Seed, 30)
	for i, id := range []string{"a", "b"} {
		cl, err := m.transactional(topic + "-" + id)
		if err != nil {
			return err
		}
		defer cl.Close()
		maker := NewMaker(m.cfg.Seed, uint64(31+i))
		for round := range 4 {
			end := kgo.TryCommit
			if round%2 == 1 {
				end = kgo.TryAbort
			}
			err := m.transaction(ctx, cl, end, 30, func(i int) *kgo.Record { return maker.Record(topic, int32(i%2)) })
			if err != nil {
				return err
			}
			if err := m.send(ctx, plain, 5, func(i int) *kgo.Record { return between.Record(topic, int32(i%2)) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeOpen leaves a transaction that has not ended, with records of another,
// committed one and of a plain producer behind it.
func (m *Mix) writeOpen(ctx context.Context) error {
	topic, err := m.topic(ctx, "open", 1, nil)
	if err != nil {
		return err
	}
	m.Open = topic
	maker := NewMaker(m.cfg.Seed, 40)
	draw := func(int) *kgo.Record { return maker.Record(topic, 0) }
	open, err := m.transactional(topic + "-left-open")
	if err != nil {
		return err
	}
	m.open = append(m.open, open)
	if err := m.transaction(ctx, open, kgo.TryCommit, 10, draw); err != nil {
		return err
	}
	if err := open.BeginTransaction(); err != nil {
		return err
	}
	if err := m.send(ctx, open, 20, draw); err != nil {
		return err
	}
	done, err := m.transactional(topic + "-done")
	if err != nil {
		return err
	}
	defer done.Close()
	return m.transaction(ctx, done, kgo.TryCommit, 20, draw)
}

// transactional makes a producer with a transactional id. Its transactions may stay
// open for ten minutes before the source aborts them.
func (m *Mix) transactional(id string) (*kgo.Client, error) {
	return m.producer(kgo.TransactionalID(id), kgo.TransactionTimeout(10*time.Minute))
}

func (m *Mix) transaction(ctx context.Context, cl *kgo.Client, end kgo.TransactionEndTry, n int, draw func(int) *kgo.Record) error {
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	if err := m.send(ctx, cl, n, draw); err != nil {
		return err
	}
	return cl.EndTransaction(ctx, end)
}
