package metadata

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"umbra/core/link/spec"
	"umbra/kafkaproto"
)

// Receipt is what an operation leaves for the record. Body is its full text;
// the Store does not look into it.
type Receipt struct {
	ID   string          `json:"id"`
	Link string          `json:"link"`
	Kind string          `json:"kind"` // "failover", ...
	At   time.Time       `json:"at"`
	Body json.RawMessage `json:"body"`
}

// RecordGap writes a gap into the ledger, durably. The key is the gap's first
// offset, so a repetition after a crash replaces the record. Record it before
// the log moves past the gap (S2).
func (s *Store) RecordGap(ctx context.Context, g spec.GapRecord) error {
	act := fmt.Sprintf("record gap in topic %q partition %d at offset %d", g.Topic, g.Partition, g.From)
	if g.TopicID.IsZero() || g.Partition < 0 || g.From < 0 || g.To <= g.From {
		return fmt.Errorf("%s: offsets [%d, %d) of topic id %s are not a range", act, g.From, g.To, g.TopicID)
	}
	return s.record(ctx, act, entry(s.keys.gaps(g.TopicID), g.Partition, g.From), g)
}

// RecordCut writes a cut into the ledger, durably.
func (s *Store) RecordCut(ctx context.Context, c spec.CutRecord) error {
	act := fmt.Sprintf("record cut in topic %q partition %d at offset %d", c.Topic, c.Partition, c.From)
	if c.TopicID.IsZero() || c.Partition < 0 || c.From < 0 || c.To <= c.From {
		return fmt.Errorf("%s: offsets [%d, %d) of topic id %s are not a range", act, c.From, c.To, c.TopicID)
	}
	// One offset can be cut more than once; the time keeps the records apart.
	key := entry(s.keys.cuts(c.TopicID), c.Partition, c.From)
	return s.record(ctx, act, fmt.Sprintf("%s/%020d", key, c.At.UnixNano()), c)
}

func (s *Store) record(ctx context.Context, act, key string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.OpTimeout)
	defer cancel()
	if _, err := s.client.Put(ctx, key, encode(v)); err != nil {
		return s.opError(act, err)
	}
	return nil
}

// Gaps lists a topic's gaps by partition and offset; a zero id lists all.
func (s *Store) Gaps(ctx context.Context, id kafkaproto.TopicID) ([]spec.GapRecord, error) {
	return list[spec.GapRecord](ctx, s, s.keys.gaps(id))
}

// Cuts lists a topic's cuts by partition and offset; a zero id lists all.
func (s *Store) Cuts(ctx context.Context, id kafkaproto.TopicID) ([]spec.CutRecord, error) {
	return list[spec.CutRecord](ctx, s, s.keys.cuts(id))
}

// Receipts are the kept receipts, latest first. They are read one at a time: each
// may be of some MiB. An error is the last one yielded.
func (s *Store) Receipts(ctx context.Context) iter.Seq2[Receipt, error] {
	return func(yield func(Receipt, error) bool) {
		keys, err := s.receiptKeys(ctx)
		if err != nil {
			yield(Receipt{}, err)
			return
		}
		for _, key := range slices.Backward(keys) {
			found, err := read[Receipt](ctx, s, key)
			if err != nil {
				yield(Receipt{}, err)
				return
			}
			for _, r := range found { // none: it was dropped meanwhile
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// receiptKeys are the keys of the kept receipts, oldest first.
func (s *Store) receiptKeys(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.OpTimeout)
	defer cancel()
	resp, err := s.client.Get(ctx, s.keys.receipts(), clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return nil, s.opError("list receipts", err)
	}
	keys := make([]string, len(resp.Kvs))
	for i, kv := range resp.Kvs {
		keys[i] = string(kv.Key)
	}
	return keys, nil
}

// SaveReceipt stores a receipt under its id and time, durably, and drops the
// oldest beyond Options.ReceiptsMax. Repeating it changes nothing.
func (s *Store) SaveReceipt(ctx context.Context, r Receipt) error {
	act := fmt.Sprintf("save receipt %s", r.ID)
	if r.ID == "" || !json.Valid(r.Body) {
		return fmt.Errorf("%s: it needs an id and a JSON body", act)
	}
	if err := s.record(ctx, act, s.keys.receipt(r.At.UnixNano(), r.ID), r); err != nil {
		return err
	}
	keys, err := s.receiptKeys(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.OpTimeout)
	defer cancel()
	for _, key := range keys[:max(0, len(keys)-s.opts.ReceiptsMax)] {
		if _, err := s.client.Delete(ctx, key); err != nil {
			return s.opError(act, err)
		}
	}
	return nil
}

// list reads every record under a prefix.
func list[T any](ctx context.Context, s *Store, prefix string) ([]T, error) {
	return read[T](ctx, s, prefix, clientv3.WithPrefix())
}

// read reads the records of one question.
func read[T any](ctx context.Context, s *Store, key string, opts ...clientv3.OpOption) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.OpTimeout)
	defer cancel()
	resp, err := s.client.Get(ctx, key, opts...)
	if err != nil {
		return nil, s.opError("read ledger", err)
	}
	out := make([]T, 0, len(resp.Kvs))
	for _, kv := range resp.Kvs {
		v, err := decode[T](string(kv.Key), kv.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
