package broker_test

import (
	"bytes"
	"strings"
	"testing"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/compress"
)

// compression.type: the topic's codec is the one that is stored, whatever was
// sent; the records, their producer and their sequence stay what they were.
func TestProduceCompressionType(t *testing.T) {
	n := start(t, rig{properties: map[string]string{"compression.type": "lz4"}})
	w := n.dial(t)
	body := strings.Repeat("the same again ", 400)
	for _, c := range []struct {
		topic   string
		configs map[string]string
		want    func(sent compress.Codec) compress.Codec
	}{
		{"as-sent", map[string]string{"compression.type": "producer"}, func(c compress.Codec) compress.Codec { return c }},
		{"plain", map[string]string{"compression.type": "uncompressed"}, func(compress.Codec) compress.Codec { return compress.None }},
		{"zstd", map[string]string{"compression.type": "zstd"}, func(compress.Codec) compress.Codec { return compress.Zstd }},
		{"by-default", nil, func(compress.Codec) compress.Codec { return compress.LZ4 }}, // the broker's property
	} {
		n.topic(t, c.topic, 2, c.configs)
		for index := range int32(2) {
			sequence := int32(0)
			for sent := compress.None; sent.Valid(); sent++ {
				b := batch.Builder{Codec: sent, Producer: &batch.Producer{ID: 42, Epoch: 1, Sequence: sequence}}
				one := raw(t, b, body, "x", body)
				for range 2 { // the second one is a duplicate
					p := w.produce(9, c.topic, index, one)
					wantCode(t, c.topic+" "+sent.String(), p.ErrorCode, kafkaproto.None)
					if p.BaseOffset != int64(sequence) {
						t.Errorf("%s %s: base offset %d, want %d", c.topic, sent, p.BaseOffset, sequence)
					}
				}
				stored, _, err := batch.Next(w.fetchAll(c.topic, index, int64(sequence)))
				check(t, err)
				if stored.Codec() != c.want(sent) || !stored.CheckCRC() || stored.Validate() != nil {
					t.Errorf("%s: sent %s, stored %s, CRC ok %v", c.topic, sent, stored.Codec(), stored.CheckCRC())
				}
				if stored.ProducerID() != 42 || stored.ProducerEpoch() != 1 || stored.BaseSequence() != sequence || stored.MaxTimestamp() != batch.View(one).MaxTimestamp() {
					t.Errorf("%s %s: the batch's head changed", c.topic, sent)
				}
				if got, want := recordsOf(t, stored), recordsOf(t, one); !bytes.Equal(got, want) {
					t.Errorf("%s %s: the records changed", c.topic, sent)
				}
				if sent == c.want(sent) && !bytes.Equal(stored.Records(), batch.View(one).Records()) {
					t.Errorf("%s %s: the batch was packed again for nothing", c.topic, sent)
				}
				sequence += 3
			}
		}
	}
}

// recordsOf is what a batch's records unpack to.
func recordsOf(t *testing.T, v batch.View) (out []byte) {
	t.Helper()
	check(t, batch.Each(v, nil, func(r batch.Record) error {
		out = append(append(append(out, byte(r.Timestamp)), r.Key...), r.Value...)
		return nil
	}))
	return out
}

// The size that max.message.bytes bounds is the one that is stored.
func TestProduceCompressionTypeAndSize(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "small", 1, map[string]string{"compression.type": "uncompressed", "max.message.bytes": "2000"})
	w := n.dial(t)
	p := w.produce(9, "small", 0, raw(t, batch.Builder{Codec: compress.Zstd}, strings.Repeat("x", 3000)))
	wantCode(t, "too large once unpacked", p.ErrorCode, kafkaproto.MessageTooLarge)
	if p = w.produce(9, "small", 0, raw(t, batch.Builder{Codec: compress.Zstd}, strings.Repeat("x", 1000))); p.ErrorCode != 0 || p.BaseOffset != 0 {
		t.Errorf("%+v", p)
	}
}
