package kafkaproto

// Encode writes the body, record bytes included.
func (m *FetchResponse) Encode(w *Writer, version int16) {
	m.encode(w, version, func(p *FetchResponseTopicPartition) { w.NullableBytes(p.RecordBatches) })
}

// EncodeAround writes the body without its record bytes. size says how many
// record bytes partition p will have (RecordBatches is not looked at); cuts
// gets, in order, one entry for each partition with more than 0: the length
// of w.Bytes() at the point where they belong. It returns cuts, extended. The
// frame is then sent as: w.Bytes()[:cut 0], records 0, w.Bytes()[cut 0:cut 1],
// records 1, ... and the rest. EndFrame wants the sum of all sizes as extra.
func (m *FetchResponse) EncodeAround(w *Writer, version int16, cuts []int, size func(p *FetchResponseTopicPartition) int) []int {
	m.encode(w, version, func(p *FetchResponseTopicPartition) {
		n := size(p)
		w.RecordsLen(n)
		if n > 0 {
			cuts = append(cuts, w.Len())
		}
	})
	return cuts
}

func (m *FetchResponse) encode(w *Writer, version int16, records func(*FetchResponseTopicPartition)) {
	w.Int32(m.ThrottleMillis)
	if version >= 7 {
		w.Int16(m.ErrorCode)
		w.Int32(m.SessionID)
	}
	w.ArrayLen(len(m.Topics))
	for i := range m.Topics {
		t := &m.Topics[i]
		if version <= 12 {
			w.String(t.Topic)
		} else {
			w.TopicID(t.TopicID)
		}
		w.ArrayLen(len(t.Partitions))
		for j := range t.Partitions {
			p := &t.Partitions[j]
			p.encodeHead(w, version)
			records(p)
			p.encodeTags(w)
		}
		w.Tags()
	}
	if len(m.Brokers) == 0 {
		w.Tags()
		return
	}
	w.TagsWith(Tag{0, func(w *Writer) {
		encodeArray(w, m.Brokers, func(b *FetchResponseBroker) {
			w.Int32(b.NodeID)
			w.String(b.Host)
			w.Int32(b.Port)
			w.NullableString(b.Rack)
			w.Tags()
		})
	}})
}

// encodeHead writes everything in front of the records.
func (p *FetchResponseTopicPartition) encodeHead(w *Writer, version int16) {
	w.Int32(p.Partition)
	w.Int16(p.ErrorCode)
	w.Int64(p.HighWatermark)
	w.Int64(p.LastStableOffset)
	if version >= 5 {
		w.Int64(p.LogStartOffset)
	}
	if p.AbortedTransactions == nil {
		w.NullArray()
	} else {
		w.ArrayLen(len(p.AbortedTransactions))
	}
	for i := range p.AbortedTransactions {
		w.Int64(p.AbortedTransactions[i].ProducerID)
		w.Int64(p.AbortedTransactions[i].FirstOffset)
		w.Tags()
	}
	if version >= 11 {
		w.Int32(p.PreferredReadReplica)
	}
}

// encodeTags writes the tagged fields that come behind the records.
func (p *FetchResponseTopicPartition) encodeTags(w *Writer) {
	diverged := p.DivergingEpoch != FetchResponseTopicPartitionDivergingEpoch{-1, -1}
	leader := p.CurrentLeader != FetchResponseTopicPartitionCurrentLeader{-1, -1}
	snapshot := p.SnapshotID != FetchResponseTopicPartitionSnapshotID{-1, -1}
	if !w.Flexible() || !diverged && !leader && !snapshot {
		w.Tags()
		return
	}
	var tags []Tag
	if diverged {
		tags = append(tags, Tag{0, func(w *Writer) {
			w.Int32(p.DivergingEpoch.Epoch)
			w.Int64(p.DivergingEpoch.EndOffset)
			w.Tags()
		}})
	}
	if leader {
		tags = append(tags, Tag{1, func(w *Writer) {
			w.Int32(p.CurrentLeader.LeaderID)
			w.Int32(p.CurrentLeader.LeaderEpoch)
			w.Tags()
		}})
	}
	if snapshot {
		tags = append(tags, Tag{2, func(w *Writer) {
			w.Int64(p.SnapshotID.EndOffset)
			w.Int32(p.SnapshotID.Epoch)
			w.Tags()
		}})
	}
	w.TagsWith(tags...)
}
