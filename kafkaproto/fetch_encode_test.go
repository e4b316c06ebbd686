package kafkaproto

import (
	"bytes"
	"testing"
)

// EncodeAround, with the records put in at its cuts, is Encode.
func TestEncodeAroundEqualsEncode(t *testing.T) {
	for _, s := range fetchSubjects() {
		for seed := range uint64(40) {
			m := s.mustDecode(t, randomFetchBody(s, seed)).(*FetchResponse)
			var records [][]byte
			for i := range m.Topics {
				for j := range m.Topics[i].Partitions {
					p := &m.Topics[i].Partitions[j]
					if p.RecordBatches == nil {
						p.RecordBatches = []byte{} // a broker never sends null
					}
					if len(p.RecordBatches) > 0 {
						records = append(records, p.RecordBatches)
					}
				}
			}
			w := NewWriter([]byte("in front"), s.api.Flexible(s.version))
			cuts := m.EncodeAround(&w, s.version, nil, func(p *FetchResponseTopicPartition) int { return len(p.RecordBatches) })
			if len(cuts) != len(records) {
				t.Fatalf("%s: %d cuts for %d record sets", s, len(cuts), len(records))
			}
			var joined []byte
			at := 0
			for i, cut := range cuts {
				joined = append(append(joined, w.Bytes()[at:cut]...), records[i]...)
				at = cut
			}
			joined = append(joined, w.Bytes()[at:]...)
			if want := append([]byte("in front"), s.encode(m)...); !bytes.Equal(joined, want) {
				t.Fatalf("%s seed %d:\n got %x\nwant %x", s, seed, joined, want)
			}
		}
	}
}
