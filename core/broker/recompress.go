package broker

import (
	"encoding/binary"
	"hash/crc32"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/compress"
)

// target is the codec that the topic's compression.type asks for; false when v
// may stay as it was sent.
func (u *rules) target(v batch.View) (compress.Codec, bool) {
	if u.Compression == "producer" {
		return 0, false
	}
	codec, err := compress.Parse(u.Compression)
	if err != nil {
		panic("BUG: compression.type was never validated: " + err.Error())
	}
	return codec, v.Codec() != codec
}

// repack gives v, which has passed all other rules, in the codec of its topic:
// v itself, borrowed, or a new batch. The records inside are the same bytes in
// every codec, so only what is around them changes: Kafka writes them anew, to
// the same effect. It takes too long for a loop.
func (u *rules) repack(v batch.View, s *batch.Scratch) (batch.View, error) {
	codec, other := u.target(v)
	if !other {
		return v, nil
	}
	records := v.Records()
	if v.Codec() != compress.None {
		var err error
		if records, err = s.Codecs.Decompress(v.Codec(), nil, records, s.UnpackMax); err != nil {
			return nil, err
		}
	}
	room := len(records)
	if codec != compress.None {
		room /= 2
	}
	out, err := s.Codecs.Compress(codec, append(make([]byte, 0, batch.HeadSize+room), v[:batch.HeadSize]...), records)
	if err != nil {
		return nil, err
	}
	if len(out) > u.MaxMessageBytes {
		return nil, refuse(kafkaproto.MessageTooLarge, "the batch has %d bytes with compression.type = %s, more than max.message.bytes = %d", len(out), u.Compression, u.MaxMessageBytes)
	}
	const posLength, posCRC, posAttributes, codecMask = 8, 17, 21, 7 // see package batch
	binary.BigEndian.PutUint32(out[posLength:], uint32(len(out)-batch.LogOverhead))
	attributes := binary.BigEndian.Uint16(out[posAttributes:])
	binary.BigEndian.PutUint16(out[posAttributes:], attributes&^codecMask|uint16(codec))
	binary.BigEndian.PutUint32(out[posCRC:], crc32.Checksum(out[posAttributes:], crc32.MakeTable(crc32.Castagnoli)))
	return out, nil
}
