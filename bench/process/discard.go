package process

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"umbra/bench/plain"
)

// DiscardCommand is the hidden command ServeDiscard stands behind.
const DiscardCommand = "discard"

// DiscardConfig says what is fetched and thrown away.
type DiscardConfig struct {
	Bootstrap string
	Topic     string
	Chunk     int // bytes of one partition asked for
	Answer    int // bytes of one answer asked for
}

// Args is the configuration as arguments of DiscardCommand.
func (c DiscardConfig) Args() []string {
	return []string{DiscardCommand, "--bootstrap", c.Bootstrap, "--topic", c.Topic, "--chunk", strconv.Itoa(c.Chunk), "--answer", strconv.Itoa(c.Answer)}
}

// Discard is the client in a process of its own, connected and waiting.
type Discard struct {
	*child
	Ends map[int32]int64 // what it will read up to
}

// readyToDiscard is the first document of the child.
type readyToDiscard struct {
	Ends map[int32]int64 `json:"ends"`
}

// StartDiscard runs the client up to where it would fetch.
func StartDiscard(cfg DiscardConfig) (*Discard, error) {
	c, err := spawn("discarding client", cfg.Args()...)
	if err != nil {
		return nil, err
	}
	d := &Discard{child: c}
	var ready readyToDiscard
	if err := c.ask(&ready); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	d.Ends = ready.Ends
	return d, nil
}

// goal is the word that starts the child.
type goal struct {
	Ends map[int32]int64 `json:"ends"`
}

// Run fetches everything there was at the start, once, and says how much that was.
func (d *Discard) Run(ctx context.Context) (plain.Total, error) { return d.Follow(ctx, d.Ends) }

// Follow goes on from where the last call ended, up to ends that may lie ahead: it
// waits for what is not there yet.
func (d *Discard) Follow(ctx context.Context, ends map[int32]int64) (plain.Total, error) {
	stop := context.AfterFunc(ctx, d.kill)
	defer stop()
	var t plain.Total
	if err := d.tell(goal{ends}); err != nil {
		return t, err
	}
	return t, d.ask(&t)
}

// ServeDiscard is the child's side: it connects, says so, fetches up to each goal it is
// told, says how much that was, and stays until in ends, so that it can be measured.
func ServeDiscard(ctx context.Context, cfg DiscardConfig, in io.Reader, out io.Writer) error {
	leaders, err := plain.FindLeaders(ctx, cfg.Bootstrap, cfg.Topic)
	if err != nil {
		return err
	}
	ends, err := plain.Ends(ctx, leaders, cfg.Topic)
	if err != nil {
		return err
	}
	group, err := plain.Open(ctx, leaders, cfg.Topic, nil, plain.Limits{PartitionBytes: cfg.Chunk, AnswerBytes: cfg.Answer, Wait: time.Second})
	if err != nil {
		return err
	}
	defer group.Close()
	say, hear := json.NewEncoder(out), json.NewDecoder(in)
	if err := say.Encode(readyToDiscard{ends}); err != nil {
		return err
	}
	var before plain.Total
	for {
		var g goal
		if err := hear.Decode(&g); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := group.Run(g.Ends, func(int32, int64) {}); err != nil {
			return err
		}
		total := group.Total()
		if err := say.Encode(plain.Total{Bytes: total.Bytes - before.Bytes, Received: total.Received - before.Received, Answers: total.Answers - before.Answers, Chunks: total.Chunks - before.Chunks}); err != nil {
			return err
		}
		before = total
	}
}
