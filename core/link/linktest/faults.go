package linktest

import (
	"umbra/kafkaproto"
)

// faults are a partition's lies and refusals.
type faults struct {
	code    kafkaproto.ErrorCode // answered to Fetch
	spoil   func([]byte) []byte  // applied to the records of an answer
	spoiled int                  // answers with spoiled records so far
	noEpoch bool                 // OffsetForLeaderEpoch answers -1, -1
}

// Refuse answers every Fetch of a partition with the code; None ends it.
func (c *Cluster) Refuse(topic string, index int, code kafkaproto.ErrorCode) {
	c.change(func() { c.part(topic, index).faults.code = code })
}

// Spoil passes the records of each answer through f; nil ends it.
func (c *Cluster) Spoil(topic string, index int, f func([]byte) []byte) {
	c.change(func() { c.part(topic, index).faults.spoil = f })
}

// Spoiled counts the answers that Spoil has touched.
func (c *Cluster) Spoiled(topic string, index int) (n int) {
	c.look(func() { n = c.part(topic, index).faults.spoiled })
	return n
}

// ForgetEpochs has OffsetForLeaderEpoch know nothing of a partition, as for
// logs in an old message format.
func (c *Cluster) ForgetEpochs(topic string, index int) {
	c.change(func() { c.part(topic, index).faults.noEpoch = true })
}

// Deny hides a topic from the link's principal: it is left out of the list of
// all topics, and TOPIC_AUTHORIZATION_FAILED when it is named.
func (c *Cluster) Deny(topic string, on bool) {
	c.change(func() { c.topics[topic].denied = on })
}

// DenyRead lets the topic be described but not fetched.
func (c *Cluster) DenyRead(topic string, on bool) {
	c.change(func() { c.topics[topic].unreadable = on })
}

// Throttle is the throttle_time_ms of every Fetch answer.
func (c *Cluster) Throttle(ms int32) { c.change(func() { c.throttle = ms }) }

// Hang has a broker take requests and answer none, until off.
func (c *Cluster) Hang(broker int32, on bool) { c.change(func() { c.brokers[broker].hang = on }) }

// Frame passes every Fetch answer of a broker, its length prefix included,
// through f. With hangup the connection is reset after what f returns. nil
// ends it.
func (c *Cluster) Frame(broker int32, f func(frame []byte) (out []byte, hangup bool)) {
	c.change(func() { c.brokers[broker].frame = f })
}

// Reset resets every connection of a broker.
func (c *Cluster) Reset(broker int32) {
	c.change(func() { c.brokers[broker].disconnect() })
}

// EvictSessions forgets every fetch session of a broker.
func (c *Cluster) EvictSessions(broker int32) {
	c.change(func() { clear(c.brokers[broker].sessions) })
}
