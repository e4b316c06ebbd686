package broker

import (
	"context"
	"sync"

	"umbra/kafkaproto"
)

// verdicts are what a request that changes topics or configs told its client
// about each of them: the loop's figures take them in with the answer.
type verdicts struct {
	broker *Broker
	act    string

	mu      sync.Mutex // the changes of one request are made by several goroutines
	codes   []kafkaproto.ErrorCode
	shadows []string // shadow topics that refused
}

// change is offLoop for such a request.
func (r *request) change(act string, work func(context.Context, *verdicts) kafkaproto.Message) {
	l := r.loop
	r.offLoop(func(ctx context.Context) kafkaproto.Message {
		v := &verdicts{broker: l.broker, act: act}
		m := work(ctx, v)
		if len(v.codes) > 0 {
			postFrom(l.shard, func() { l.count(v) })
		}
		return m
	})
}

// of gives the two fields in which most responses carry an error, for a topic
// or another resource. An error nobody chose a code for is logged here, because
// the client is not told.
func (v *verdicts) of(err error, noun string) (errorCode int16, text *string) {
	if err == nil {
		return 0, nil
	}
	c := code(err)
	if c == kafkaproto.UnknownServerError {
		v.broker.log.Error("request failed", "act", v.act, "on", noun, "error", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.codes = append(v.codes, c)
	if t := v.broker.store.Snapshot().Topics[noun]; c == kafkaproto.PolicyViolation && t != nil && !t.Writable() {
		v.shadows = append(v.shadows, noun)
	}
	return int16(c), message(err)
}

// count takes in what a request was told (loop). Somebody who tries to change a
// shadow topic works on the wrong side: the operator sees it, too.
func (l *loop) count(v *verdicts) {
	for _, c := range v.codes {
		l.stats.countError(c)
	}
	for _, topic := range v.shadows {
		l.stats.rejectShadow(topic)
		l.logs.say(l.broker.log, l.broker.now(), "refused to change a shadow topic", "topic", topic, "act", v.act)
	}
}
