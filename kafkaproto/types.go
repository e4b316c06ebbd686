// Package kafkaproto is the Kafka wire protocol: bytes to structs and back,
// and nothing else. It does no I/O, knows no rule of a broker or of a link,
// and never looks into record data (package batch does).
//
// Read Reader and Writer first, then the API table in table.go; each API has a
// file of its own. The same codecs serve requests (decode a request, encode a
// response) and make them (the link's client side).
package kafkaproto

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

// TopicID is a topic's UUID (KIP-516). The zero value means "none": the peer
// does not speak topic ids, or the field is unset.
type TopicID [16]byte

// NewTopicID draws a random version-4 UUID whose text form does not begin
// with '-', as Kafka's Uuid.randomUuid does, so that tools can take it as an
// argument.
func NewTopicID() TopicID {
	for {
		var id TopicID
		rand.Read(id[:])
		id[6] = id[6]&0x0f | 0x40
		id[8] = id[8]&0x3f | 0x80
		if id.String()[0] != '-' {
			return id
		}
	}
}

// String is Kafka's own text form: URL-safe base64 without padding.
func (id TopicID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// IsZero reports whether the id is unset.
func (id TopicID) IsZero() bool { return id == TopicID{} }

// MarshalText and UnmarshalText use the form of String.
func (id TopicID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

func (id *TopicID) UnmarshalText(b []byte) error {
	raw, err := base64.RawURLEncoding.DecodeString(string(b))
	if err != nil || len(raw) != len(id) || len(b) != 22 { // 22: the decoder skips line ends
		return fmt.Errorf("topic id %q: want 22 characters of URL-safe base64", b)
	}
	copy(id[:], raw)
	return nil
}
