package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"umbra/core/link/replicate"
	"umbra/core/metadata"
	"umbra/kafkaproto"
	"umbra/shard"
)

// marks is what one link keeps in files of its own, beside the metadata, in
// DataDir/link/LINK-ID:
//
//	begun.json  durable before it counts: whether the link has been in contact
//	            with its source, and the partitions whose beginning is settled.
//	            Where the link's start option put an empty log at offset 0, only
//	            this file knows that it was asked.
//	seen.json   a hint, written now and then: how far each partition of the
//	            source had come. With it, a link that starts while its source is
//	            gone can still say "at least, as of".
//
// A position is in neither: a log's own end is where it goes on (D2).
type marks struct {
	dir string

	mu    sync.Mutex // status reads seen; a link's goroutines write
	begun begunFile
	seen  map[shard.PartitionID]seenMark
	wrote time.Time // seen.json
}

type begunFile struct {
	// Contacted: the topics the source had at the link's first look exist here.
	// What is found later was made after the link, and is copied from its start.
	Contacted bool `json:"contacted"`
	// Topics are the settled partitions by topic, in rising order; see topicMark.
	Topics map[string][]int32 `json:"topics,omitempty"`
}

// seenMark is the last word of the source about one partition.
type seenMark struct {
	High     int64     `json:"high"`
	At       time.Time `json:"at"`
	CaughtUp time.Time `json:"caught_up,omitzero"`
}

type seenRow struct {
	Topic     kafkaproto.TopicID `json:"topic"`
	Partition int32              `json:"partition"`
	seenMark
}

func marksDir(dataDir, linkID string) string { return filepath.Join(dataDir, "link", linkID) }

// openMarks reads what an earlier process left. A damaged seen.json is a hint
// lost; a damaged begun.json is an error, for without it a start option could
// be applied a second time and skip records.
func openMarks(dataDir, linkID string) (*marks, error) {
	m := &marks{dir: marksDir(dataDir, linkID), seen: map[shard.PartitionID]seenMark{}}
	err := readJSON(m.path("begun.json"), &m.begun)
	if m.begun.Topics == nil {
		m.begun.Topics = map[string][]int32{}
	}
	var rows []seenRow
	if readJSON(m.path("seen.json"), &rows) == nil {
		for _, r := range rows {
			m.seen[shard.PartitionID{Topic: r.Topic, Index: r.Partition}] = r.seenMark
		}
	}
	return m, err
}

func (m *marks) path(name string) string { return filepath.Join(m.dir, name) }

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// topicMark names one life of a topic here: one that was dropped and made again
// begins again, also under the same id.
func topicMark(t *metadata.Topic) string {
	return fmt.Sprintf("%s@%d", t.ID, t.Created.UnixNano())
}

func (m *marks) contacted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.begun.Contacted
}

func (m *marks) setContacted() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.begun.Contacted {
		return nil
	}
	m.begun.Contacted = true
	return m.writeBegun()
}

// settled reports whether the beginning of a partition is settled.
func (m *marks) settled(t *metadata.Topic, index int32) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := slices.BinarySearch(m.begun.Topics[topicMark(t)], index)
	return ok
}

// settle makes the beginning of partitions settled, durably.
func (m *marks) settle(parts map[*metadata.Topic][]int32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := false
	for t, list := range parts {
		key := topicMark(t)
		have := m.begun.Topics[key]
		for _, i := range list {
			if at, ok := slices.BinarySearch(have, i); !ok {
				have, changed = slices.Insert(have, at, i), true
			}
		}
		m.begun.Topics[key] = have
	}
	if !changed {
		return nil
	}
	return m.writeBegun()
}

// prune forgets topics that are gone.
func (m *marks) prune(topics []*metadata.Topic) {
	alive, ids := map[string]bool{}, map[kafkaproto.TopicID]bool{}
	for _, t := range topics {
		alive[topicMark(t)], ids[t.ID] = true, true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.begun.Topics {
		if !alive[key] {
			delete(m.begun.Topics, key)
		}
	}
	for id := range m.seen {
		if !ids[id.Topic] {
			delete(m.seen, id)
		}
	}
}

func (m *marks) writeBegun() error { return writeJSON(m.dir, "begun.json", m.begun, true) }

const (
	// seenEvery is how often seen.json is written while the source moves on,
	// plus seenPer for each seenPartitions partitions: it is one file.
	seenEvery      = time.Second
	seenPartitions = 2000
	// seenIdle is how often it is written while only the time moves on.
	seenIdle = 10 * time.Second
)

// note takes in what the shards saw, and writes it down when it is time.
func (m *marks) note(parts map[shard.PartitionID]replicate.PartitionStatus, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	moved := false
	for id, p := range parts {
		if p.SeenAt.IsZero() || p.SourceHighWatermark < 0 {
			continue
		}
		moved = moved || m.seen[id].High != p.SourceHighWatermark
		m.seen[id] = seenMark{High: p.SourceHighWatermark, At: p.SeenAt, CaughtUp: p.CaughtUpAt}
	}
	wait := seenIdle
	if moved {
		wait = seenEvery * time.Duration(1+len(parts)/seenPartitions)
	}
	if len(m.seen) == 0 || now.Sub(m.wrote) < wait {
		return nil
	}
	m.wrote = now
	rows := make([]seenRow, 0, len(m.seen))
	for id, s := range m.seen {
		rows = append(rows, seenRow{Topic: id.Topic, Partition: id.Index, seenMark: s})
	}
	return writeJSON(m.dir, "seen.json", rows, false)
}

// recall fills in what this process has not seen yet.
func (m *marks) recall(p *replicate.PartitionStatus) {
	if !p.SeenAt.IsZero() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.seen[p.Partition]; ok {
		p.SourceHighWatermark, p.SeenAt, p.CaughtUpAt = s.High, s.At, s.CaughtUp
	}
}

// writeJSON replaces a file whole. Without durable, a loss of power may leave
// the old one.
func writeJSON(dir, name string, v any, durable bool) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(dir, name), err)
	}
	if err := replaceFile(dir, name, b, durable); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(dir, name), err)
	}
	return nil
}

func replaceFile(dir, name string, b []byte, durable bool) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	tmp := filepath.Join(dir, name+".tmp")
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil || !durable {
		return err
	}
	for range 3 { // DIR/link/ID: the directories may be as new as the file
		if err := syncDir(dir); err != nil {
			return err
		}
		dir = filepath.Dir(dir)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// removeMarks deletes a link's files.
func removeMarks(dataDir, linkID string) error { return os.RemoveAll(marksDir(dataDir, linkID)) }
