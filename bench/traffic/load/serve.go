package load

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"umbra/bench/measure"
	"umbra/bench/plain"
)

// Command is the hidden command Serve stands behind.
const Command = "load"

// word is a message without content: ready, go, stop.
type word struct{}

// Serve is the child's side. It reads a Job, connects, warms up and says so, runs when told to,
// ends early when told again, says the Result, and waits for the end of in, so that
// it can be measured.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	say, hear := json.NewEncoder(out), json.NewDecoder(in)
	var j Job
	if err := hear.Decode(&j); err != nil {
		return errors.Join(errGone, err)
	}
	if err := j.Validate(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	heard := make(chan struct{})
	begun := func() error {
		if err := say.Encode(word{}); err != nil {
			return err
		}
		var w word
		if err := hear.Decode(&w); err != nil {
			return errors.Join(errGone, err)
		}
		go func() { // another word, or the end of in, ends the load
			defer close(heard)
			hear.Decode(&w)
			stop()
		}()
		return nil
	}
	r, err := run(ctx, j, begun)
	if err == nil {
		err = say.Encode(r)
	}
	if err != nil {
		return err
	}
	<-heard
	_, err = io.Copy(io.Discard, in)
	return err
}

func run(ctx context.Context, j Job, begun func() error) (Result, error) {
	into := &ledger{keep: j.Samples}
	var start int64
	timed := func() error {
		err := begun()
		start = measure.Now()
		return err
	}
	var err error
	switch j.Kind {
	case Steady, Flat:
		err = runProduce(ctx, j, into, timed)
	case Read:
		err = runRead(ctx, j, into, timed)
	case Tail:
		err = runTail(ctx, j, into, timed)
	}
	r, failed := into.result()
	r.Wall = time.Duration(measure.Now() - start)
	return r, errors.Join(err, failed)
}

func runProduce(ctx context.Context, j Job, into *ledger, begun func() error) error {
	lines, err := openLines(ctx, j)
	if err != nil {
		return err
	}
	defer closeAll(lines)
	produce := func(d time.Duration, into *ledger) {
		if j.Kind == Flat {
			flat(ctx, j, lines, d, into)
			return
		}
		steady(ctx, j, lines, d, into, func(c, _ int, _, due int64) {
			into.batch(due, time.Duration(measure.Now()-due), lines[c].bytes)
		})
	}
	if j.Warm > 0 {
		before := &ledger{}
		produce(j.Warm, before)
		if _, err := before.result(); err != nil {
			return err
		}
	}
	if err := begun(); err != nil {
		return err
	}
	produce(j.For, into)
	return nil
}

func runRead(ctx context.Context, j Job, into *ledger, begun func() error) error {
	ends, err := endsOf(ctx, j)
	if err != nil {
		return err
	}
	var shares [][]share
	for i := range j.Conns {
		shares = append(shares, j.sharesOf(i, ends))
	}
	limit := plain.Limits{PartitionBytes: j.Chunk, AnswerBytes: answerBytes, Wait: pollWait}
	readers, err := openReaders(ctx, j, limit, func(i int) map[int32]int64 { return startsOf(shares[i]) })
	if err != nil {
		return err
	}
	defer closeReaders(readers)
	if err := begun(); err != nil {
		return err
	}
	readAll(readers, shares, into)
	return nil
}

func runTail(ctx context.Context, j Job, into *ledger, begun func() error) error {
	t, err := openTail(ctx, j)
	if t != nil {
		defer t.close()
	}
	if err != nil {
		return err
	}
	t.run(ctx, j.Warm, j.For, into, begun)
	return nil
}
