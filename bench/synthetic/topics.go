package synthetic

import (
	"errors"
	"fmt"

	"umbra/kafkaproto"
)

// errNotThere ends the connection of a client that fetches what the source has not.
var errNotThere = errors.New("topic or partition is not there")

// Names are the source's topics in order: Topic alone, or, of several, Topic-00000 and on.
func (c Config) Names() []string {
	if c.Topics <= 1 {
		return []string{c.Topic}
	}
	out := make([]string, c.Topics)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%05d", c.Topic, i)
	}
	return out
}

// catalog is the topics, all of the same number of partitions. A slot is a partition's
// number when those of all topics are counted through. It does not change.
type catalog struct {
	names      []string
	ids        []kafkaproto.TopicID
	byName     map[string]int
	byID       map[kafkaproto.TopicID]int
	partitions int // of each topic
}

func newCatalog(cfg Config) catalog {
	c := catalog{names: cfg.Names(), byName: map[string]int{}, byID: map[kafkaproto.TopicID]int{}, partitions: cfg.Partitions}
	for i, name := range c.names {
		id := kafkaproto.NewTopicID()
		c.ids = append(c.ids, id)
		c.byName[name], c.byID[id] = i, i
	}
	return c
}

func (c *catalog) slots() int { return len(c.names) * c.partitions }

// slot finds a partition of a topic by its name or, where that is empty, by its id.
func (c *catalog) slot(name string, id kafkaproto.TopicID, partition int32) (int, bool) {
	topic, ok := c.byName[name]
	if name == "" {
		topic, ok = c.byID[id]
	}
	if !ok || partition < 0 || int(partition) >= c.partitions {
		return 0, false
	}
	return topic*c.partitions + int(partition), true
}

// at is the topic, by its index, and the partition of a slot.
func (c *catalog) at(slot int) (topic int, partition int32) {
	return slot / c.partitions, int32(slot % c.partitions)
}
