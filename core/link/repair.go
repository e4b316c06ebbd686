package link

import (
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"umbra/core/link/spec"
	"umbra/shard"
	"umbra/shard/segment"
)

// skip moves logs to the source's start, after the gaps are in the ledger (S2).
// A partition that begins now has no gap: nothing of it was promised. Neither has
// one whose topic a failover has taken meanwhile, however long the source took to
// answer: its log stays where it is, and the ledger must not say otherwise.
func (f *flight) skip(ctx context.Context, list []repair) {
	for some := range slices.Chunk(list, changersMax) { // a failover gets its turn in between
		f.skipSome(ctx, some)
	}
}

func (f *flight) skipSome(ctx context.Context, list []repair) {
	f.l.repairs.RLock() // a failover is decided before the gaps are recorded, or after the logs have moved
	gaps := map[*candidate]bool{}
	var rulings []ruling
	for _, r := range list {
		if r.c.err = f.outlived(r.c); r.c.err == nil && !r.c.beginsNow() {
			gaps[r.c] = true
			rulings = append(rulings, ruling{topic: r.c.topic, reason: spec.Reason{Code: spec.SourceRetentionGap,
				Detail: fmt.Sprintf("partition %d: offsets %d to %d", r.c.index, r.d.From, r.d.To-1)}})
		}
	}
	f.recordGaps(ctx, list, gaps)
	if err := f.l.rule(ctx, rulings); err != nil && ctx.Err() == nil {
		f.l.log.Warn("gap is in the ledger and not in the topic's reason", "err", err)
	}
	f.onLogsUnlock(ctx, list, func(r repair, p *shard.Partition, done func(error)) { p.Log.ResetTo(r.d.To, done) })
	for _, r := range list {
		if r.c.err == nil && gaps[r.c] {
			f.l.tally(func(t *Totals) { t.GapRecords += r.d.To - r.d.From })
		}
	}
}

// recordGaps puts gaps into the ledger side by side; a partition whose gap is not
// recorded does not move past it.
func (f *flight) recordGaps(ctx context.Context, list []repair, gaps map[*candidate]bool) {
	var wg sync.WaitGroup
	for _, r := range list {
		if !gaps[r.c] {
			continue
		}
		wg.Go(func() {
			g := spec.GapRecord{Topic: r.c.topic.Name, TopicID: r.c.topic.ID, Partition: r.c.index, From: r.d.From, To: r.d.To,
				Why: spec.SourceRetentionGap, Detail: r.d.Why, At: f.l.cfg.Now()}
			if r.c.err = f.l.cfg.Store.RecordGap(ctx, g); r.c.err == nil {
				f.l.log.Error("gap: the source dropped records before they were copied", "event", "gap", "topic", g.Topic, "partition", g.Partition, "from", g.From, "to", g.To)
			}
		})
	}
	wg.Wait()
}

// cut takes batches that the source replaced off shadows' tails and keeps them
// aside (S3). The record is written after the cut, because it carries the kept
// file's digest; a crash between the two cuts nothing twice and leaves the kept
// file to be found.
func (f *flight) cut(ctx context.Context, list []repair) {
	got := make(map[*candidate]*segment.Cut, len(list))
	for _, r := range list {
		got[r.c] = new(segment.Cut)
	}
	f.l.repairs.RLock()
	f.onLogsUnlock(ctx, list, func(r repair, p *shard.Partition, done func(error)) {
		out := got[r.c]
		p.Log.TruncateTo(r.d.To, f.keepDir(r.c), func(cut segment.Cut, err error) {
			*out = cut
			done(err)
		})
	})
	for _, r := range list {
		if cut := got[r.c]; r.c.err == nil && cut.From < cut.To {
			r.c.err = f.recordCut(ctx, r.c, cut)
		}
	}
}

// keepDir names topic and partition, and the topic's id: a later topic of the
// name is another one.
func (f *flight) keepDir(c *candidate) string {
	return filepath.Join(f.l.cfg.DataDir, "cut", fmt.Sprintf("%s-%d", c.topic.Name, c.index))
}

func (f *flight) recordCut(ctx context.Context, c *candidate, cut *segment.Cut) error {
	l := f.l
	l.tally(func(t *Totals) { t.CutRecords += cut.To - cut.From })
	l.log.Error("cut: the source replaced records that were copied", "event", "cut", "topic", c.topic.Name, "partition", c.index,
		"from", cut.From, "to", cut.To, "kept_in", cut.File, "sha256", hex.EncodeToString(cut.SHA256[:]))
	file, err := filepath.Rel(l.cfg.DataDir, cut.File)
	if err != nil {
		file = cut.File
	}
	return l.cfg.Store.RecordCut(ctx, spec.CutRecord{Topic: c.topic.Name, TopicID: c.topic.ID, Partition: c.index,
		From: cut.From, To: cut.To, Bytes: cut.Bytes, SHA256: hex.EncodeToString(cut.SHA256[:]), File: file,
		Epochs: spec.CutEpochs{Local: c.local.Epoch, Source: c.source.LeaderEpoch}, At: l.cfg.Now()})
}
