package link

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"umbra/admin/api"
	"umbra/admin/client"
	"umbra/bench/plain"
	"umbra/kafkaproto"
	"umbra/loadtest/umbra"
)

// stallLimit is how long a copy may stand still before it counts as broken.
const stallLimit = 60 * time.Second

// shadow is one umbra process on an empty folder.
type shadow struct {
	daemon *umbra.Daemon
	admin  *client.Client
	engine string // chosen
	reason string
}

// startShadow runs umbra with an engine.
func startShadow(ctx context.Context, binary, dir, engine string) (*shadow, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	d := &umbra.Daemon{Binary: binary, Dir: dir, Env: []string{"UMBRA_STORAGE_ENGINE=" + engine, "UMBRA_LOG_LEVEL=warn"}}
	if _, err := d.Start(ctx); err != nil {
		return nil, err
	}
	s := &shadow{daemon: d}
	var err error
	if s.admin, err = client.New(d.Admin); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	st, err := s.admin.Status(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.engine, s.reason = st.Broker.Engine, st.Broker.EngineReason
	return s, nil
}

// Close stops the daemon and removes what it wrote.
func (s *shadow) Close() error {
	if s.admin != nil {
		s.admin.Close()
	}
	return errors.Join(s.daemon.Stop(), os.RemoveAll(s.daemon.Dir))
}

// Link begins to copy a topic.
func (s *shadow) Link(ctx context.Context, name, bootstrap, topic string) error {
	_, err := s.admin.CreateLink(ctx, api.CreateLink{LinkDefinition: api.LinkDefinition{
		Name: name, Bootstrap: strings.Split(bootstrap, ","), Topics: []string{topic}, Start: "earliest"}})
	if err != nil {
		return fmt.Errorf("create link %q: %w", name, err)
	}
	return nil
}

// Await waits until everything below ends is readable on the shadow. It asks with
// ListOffsets, which costs umbra next to nothing.
func (s *shadow) Await(ctx context.Context, link, topic string, ends map[int32]int64) error {
	c, err := plain.Dial(ctx, s.daemon.Listen)
	if err != nil {
		return err
	}
	defer c.Close()
	var partitions []int32
	for p := range ends {
		partitions = append(partitions, p)
	}
	var last int64
	moved := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		have, err := c.Ends(topic, partitions)
		if err != nil && !passes(err) {
			return s.broken(ctx, link, err)
		}
		sum, all := reached(have, ends)
		if all {
			return nil
		}
		if sum > last {
			last, moved = sum, time.Now()
		}
		if time.Since(moved) > stallLimit {
			return s.broken(ctx, link, fmt.Errorf("topic %q stands still at %v of %v: %w", topic, have, ends, err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return s.broken(ctx, link, fmt.Errorf("topic %q is at %v of %v: %w", topic, have, ends, ctx.Err()))
		}
	}
}

// passes says whether an answer may be another one soon: the topic is not there
// yet, or its partitions are being opened.
func passes(err error) bool {
	var code kafkaproto.ErrorCode
	return errors.Is(err, plain.ErrNotThere) || errors.As(err, &code) && code.Retriable()
}

func reached(have, want map[int32]int64) (sum int64, all bool) {
	all = true
	for p, end := range want {
		sum += have[p]
		all = all && have[p] >= end
	}
	return sum, all
}

// broken adds to an error what umbra says of the link.
func (s *shadow) broken(ctx context.Context, link string, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	said := "its link does not answer"
	if st, e := s.admin.Link(ctx, link); e == nil {
		said = fmt.Sprintf("link %q is %s, source reachable %v %s", link, st.State, st.Source.Reachable, st.Source.Error)
		for _, r := range st.TopicRows {
			if r.Reason != nil {
				said += fmt.Sprintf(", topic %q %s %s %s", r.Topic, r.State, r.Reason.Code, r.Reason.Detail)
			}
		}
	}
	return fmt.Errorf("%w: %s; umbra's log ends:\n%s", err, said, s.daemon.LogTail(20))
}

// logBytes sums a topic's segment files. After a clean stop they are exactly as
// long as what they hold.
func logBytes(dataDir, topic string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dataDir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".log" || !strings.HasPrefix(filepath.Base(filepath.Dir(path)), topic+"-") {
			return err
		}
		info, err := e.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sum the segments of topic %q: %w", topic, err)
	}
	return sum, nil
}
