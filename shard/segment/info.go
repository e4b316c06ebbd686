package segment

import "slices"

// LatestEpoch is the leader epoch of the newest batch; ok is false for a log
// that has none.
func (l *Log) LatestEpoch() (epoch int32, ok bool) { return l.state.Epochs.Latest() }

// EpochEnd answers OffsetForLeaderEpoch: the largest epoch of the log that is
// at most epoch, and the offset where it ends. -1, -1 when the log knows no
// such epoch.
func (l *Log) EpochEnd(epoch int32) (int32, int64) { return l.state.Epochs.EndOffset(epoch, l.end) }

// EpochHistory is EpochEnd as of now, for use away from the loop.
func (l *Log) EpochHistory() func(epoch int32) (int32, int64) {
	c, end := EpochCache{starts: slices.Clone(l.state.Epochs.starts)}, l.end
	return func(epoch int32) (int32, int64) { return c.EndOffset(epoch, end) }
}

// EpochAt is the leader epoch of the batch that holds offset.
func (l *Log) EpochAt(offset int64) (epoch int32, ok bool) { return l.state.Epochs.EpochAt(offset) }

// OpenTxns lists the open transactions by first offset.
func (l *Log) OpenTxns() []Txn { return l.state.Txns.Open() }

// Aborted appends to dst the aborted transactions that have batches or the
// marker in [from, to).
func (l *Log) Aborted(dst []AbortedTxn, from, to int64) []AbortedTxn {
	return l.state.Txns.Aborted(dst, from, to)
}

// MaxProducerID is the highest producer id the log has ever seen, -1 if none.
func (l *Log) MaxProducerID() int64 { return l.state.Producers.MaxProducerID() }

// ProducerCount is the number of producers with state.
func (l *Log) ProducerCount() int { return l.state.Producers.Len() }

// MaxTimestamp is the largest batch max timestamp in the log, in milliseconds,
// and the base offset of the first batch that has it; -1, -1 when empty.
func (l *Log) MaxTimestamp() (ts, batchOffset int64) {
	ts, batchOffset = -1, -1
	for _, s := range l.segs {
		if s.maxTime > ts && s.last >= l.start {
			ts, batchOffset = s.maxTime, s.maxTimeBatch
		}
	}
	return ts, batchOffset
}
