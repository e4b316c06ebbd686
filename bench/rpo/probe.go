package rpo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"umbra/bench/measure"
	"umbra/bench/plain"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
)

const (
	produceVersion = 7
	probeEvery     = time.Millisecond
	probeValue     = "umbra-bench-rpo probe"
)

// probe is a client that wants to write and tries every partition again and again
// until each has accepted one record.
type probe struct {
	conn  *plain.Conn
	topic string
	batch []byte
	left  []int32 // partitions that have accepted nothing yet
	ended chan struct{}
	stop  func() bool // forgets the context
	once  sync.Once

	first, last int64 // measure.Now of the answers that accepted the first and the last; valid after ended
	refusal     error // the latest
	err         error
}

// newProbe connects; begin has it try.
func newProbe(ctx context.Context, addr, topic string, partitions int) (*probe, error) {
	b := batch.Builder{}
	b.Add(batch.Record{Value: []byte(probeValue), Timestamp: time.Now().UnixMilli()})
	canned, err := b.Build(nil)
	if err != nil {
		return nil, err
	}
	conn, err := plain.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	p := &probe{conn: conn, topic: topic, batch: canned, ended: make(chan struct{})}
	for i := range partitions {
		p.left = append(p.left, int32(i))
	}
	p.stop = context.AfterFunc(ctx, p.close)
	return p, nil
}

func (p *probe) begin() {
	go func() {
		defer close(p.ended)
		for len(p.left) > 0 && p.err == nil {
			if p.err = p.try(); len(p.left) > 0 {
				time.Sleep(probeEvery)
			}
		}
	}()
}

func (p *probe) try() error {
	t := kafkaproto.ProduceRequestTopic{Topic: p.topic}
	for _, i := range p.left {
		t.Partitions = append(t.Partitions, kafkaproto.ProduceRequestTopicPartition{Partition: i, Records: p.batch})
	}
	req := &kafkaproto.ProduceRequest{Acks: -1, TimeoutMillis: 10_000, Topics: []kafkaproto.ProduceRequestTopic{t}}
	var resp kafkaproto.ProduceResponse
	if err := p.conn.Call(kafkaproto.KeyProduce, produceVersion, req, &resp); err != nil {
		return err
	}
	p.heard(&resp, measure.Now())
	return nil
}

// heard takes an answer in.
func (p *probe) heard(resp *kafkaproto.ProduceResponse, at int64) {
	accepted := map[int32]bool{}
	for _, t := range resp.Topics {
		for _, part := range t.Partitions {
			if err := kafkaproto.ErrorCode(part.ErrorCode).Err(); err != nil {
				p.refusal = fmt.Errorf("partition %d: %w", part.Partition, err)
				continue
			}
			accepted[part.Partition] = true
		}
	}
	var left []int32
	for _, i := range p.left {
		if !accepted[i] {
			left = append(left, i)
			continue
		}
		p.last = at
		if p.first == 0 {
			p.first = at
		}
	}
	p.left = left
}

// await waits until every partition has accepted a record.
func (p *probe) await(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-p.ended:
	case <-ctx.Done():
		p.close()
		<-p.ended
	}
	if len(p.left) > 0 {
		return fmt.Errorf("write to topic %q after the failover: partitions %v accept nothing: %w (last refusal: %v)", p.topic, p.left, p.err, p.refusal)
	}
	return nil
}

// close has a call that waits fail, which ends the tries. Any goroutine may call it.
func (p *probe) close() { p.once.Do(func() { p.conn.Close() }) }

// end is the last call.
func (p *probe) end() {
	p.stop()
	p.close()
}
