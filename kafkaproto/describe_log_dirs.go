package kafkaproto

// DescribeLogDirsRequest (key 35, versions 1-4) asks how much room partitions
// take on disk.
//
//	v2: flexible
//	v3: the response has an error code of its own
//	v4: total and usable bytes of the volume
type DescribeLogDirsRequest struct {
	Topics []DescribeLogDirsRequestTopic // nil is null: all
}

// DescribeLogDirsRequestTopic is one topic's partitions.
type DescribeLogDirsRequestTopic struct {
	Topic      string
	Partitions []int32
}

// Encode writes the body.
func (m *DescribeLogDirsRequest) Encode(w *Writer, version int16) {
	encodeNullableArray(w, m.Topics, func(t *DescribeLogDirsRequestTopic) {
		w.String(t.Topic)
		w.Int32s(t.Partitions)
		w.Tags()
	})
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *DescribeLogDirsRequest) Decode(r *Reader, version int16) {
	*m = DescribeLogDirsRequest{}
	m.Topics = decodeNullableArray(r, 2, func(t *DescribeLogDirsRequestTopic) {
		t.Topic = r.String()
		t.Partitions = r.Int32s()
		r.Tags()
	})
	r.Tags()
}

// DescribeLogDirsResponse answers per log directory.
type DescribeLogDirsResponse struct {
	ThrottleMillis int32
	ErrorCode      int16 // v3+
	Dirs           []DescribeLogDirsResponseDir
}

// DescribeLogDirsResponseDir is one log directory.
type DescribeLogDirsResponseDir struct {
	ErrorCode   int16
	Dir         string // absolute path
	Topics      []DescribeLogDirsResponseDirTopic
	TotalBytes  int64 // v4+, default -1: unknown
	UsableBytes int64 // v4+, default -1: unknown
}

// DescribeLogDirsResponseDirTopic is one topic's partitions.
type DescribeLogDirsResponseDirTopic struct {
	Topic      string
	Partitions []DescribeLogDirsResponseDirTopicPartition
}

// DescribeLogDirsResponseDirTopicPartition is one partition's room.
type DescribeLogDirsResponseDirTopicPartition struct {
	Partition int32
	Size      int64 // bytes of all segments
	OffsetLag int64 // records behind the high watermark (future replicas)
	IsFuture  bool  // being moved here from another directory
}

// Encode writes the body.
func (m *DescribeLogDirsResponse) Encode(w *Writer, version int16) {
	w.Int32(m.ThrottleMillis)
	if version >= 3 {
		w.Int16(m.ErrorCode)
	}
	encodeArray(w, m.Dirs, func(d *DescribeLogDirsResponseDir) {
		w.Int16(d.ErrorCode)
		w.String(d.Dir)
		encodeArray(w, d.Topics, func(t *DescribeLogDirsResponseDirTopic) { t.encode(w) })
		if version >= 4 {
			w.Int64(d.TotalBytes)
			w.Int64(d.UsableBytes)
		}
		w.Tags()
	})
	w.Tags()
}

func (t *DescribeLogDirsResponseDirTopic) encode(w *Writer) {
	w.String(t.Topic)
	encodeArray(w, t.Partitions, func(p *DescribeLogDirsResponseDirTopicPartition) {
		w.Int32(p.Partition)
		w.Int64(p.Size)
		w.Int64(p.OffsetLag)
		w.Bool(p.IsFuture)
		w.Tags()
	})
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *DescribeLogDirsResponse) Decode(r *Reader, version int16) {
	*m = DescribeLogDirsResponse{}
	m.ThrottleMillis = r.Int32()
	if version >= 3 {
		m.ErrorCode = r.Int16()
	}
	m.Dirs = decodeArray(r, 4, func(d *DescribeLogDirsResponseDir) {
		d.TotalBytes, d.UsableBytes = -1, -1
		d.ErrorCode = r.Int16()
		d.Dir = r.String()
		d.Topics = decodeArray(r, 2, func(t *DescribeLogDirsResponseDirTopic) { t.decode(r) })
		if version >= 4 {
			d.TotalBytes = r.Int64()
			d.UsableBytes = r.Int64()
		}
		r.Tags()
	})
	r.Tags()
}

func (t *DescribeLogDirsResponseDirTopic) decode(r *Reader) {
	t.Topic = r.String()
	t.Partitions = decodeArray(r, 21, func(p *DescribeLogDirsResponseDirTopicPartition) {
		p.Partition = r.Int32()
		p.Size = r.Int64()
		p.OffsetLag = r.Int64()
		p.IsFuture = r.Bool()
		r.Tags()
	})
	r.Tags()
}
