package metadata

import (
	"fmt"
	"strings"

	"umbra/kafkaproto"
)

// keys builds the etcd keys under one prefix; DESIGN.md draws the layout.
// Everything under state is watched and in the Snapshot; ledger is not.
type keys struct{ prefix string }

func (k keys) state() string { return k.prefix + "/state/" }

func (k keys) cluster() string                    { return k.state() + "cluster" }
func (k keys) shards() string                     { return k.state() + "shards" }
func (k keys) producerIDs() string                { return k.state() + "producer-ids" }
func (k keys) broker(id int32) string             { return fmt.Sprintf("%sbroker/%d", k.state(), id) }
func (k keys) topic(id kafkaproto.TopicID) string { return k.state() + "topic/" + id.String() }
func (k keys) name(topic string) string           { return k.state() + "name/" + fold(topic) }
func (k keys) link(name string) string            { return k.state() + "link/" + name }
func (k keys) guardLinks() string                 { return k.state() + "guard/links" }
func (k keys) guardLink(name string) string       { return k.state() + "guard/link/" + name }
func (k keys) gaps(id kafkaproto.TopicID) string  { return k.ledger("gap", id) }
func (k keys) cuts(id kafkaproto.TopicID) string  { return k.ledger("cut", id) }
func (k keys) receipts() string                   { return k.prefix + "/ledger/receipt/" }
func (k keys) receipt(nanos int64, id string) string {
	return fmt.Sprintf("%s%020d-%s", k.receipts(), nanos, id)
}

// ledger is the prefix of one topic's records of a kind, or of all topics'
// when id is zero.
func (k keys) ledger(kind string, id kafkaproto.TopicID) string {
	p := k.prefix + "/ledger/" + kind + "/"
	if !id.IsZero() {
		p += id.String() + "/"
	}
	return p
}

// entry is the key of one ledger record; records sort by partition and offset.
func entry(prefix string, partition int32, from int64) string {
	return fmt.Sprintf("%s%08d/%020d", prefix, partition, from)
}

// split cuts the state prefix off and divides the rest at the first '/'.
func (k keys) split(key string) (kind, rest string, ok bool) {
	tail, ok := strings.CutPrefix(key, k.state())
	if !ok {
		return "", "", false
	}
	kind, rest, _ = strings.Cut(tail, "/")
	return kind, rest, true
}
