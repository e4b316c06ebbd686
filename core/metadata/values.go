package metadata

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// formatVersion stands first in every stored value. A reader refuses a higher
// one: the fields it does not know would be lost when it writes the value back.
const formatVersion = 1

// encode returns the stored form of a struct: its JSON object with the format
// version put in front.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("BUG: metadata value %T does not encode: %v", v, err))
	}
	if len(b) < 2 || b[0] != '{' {
		panic(fmt.Sprintf("BUG: metadata value %T is not a JSON object", v))
	}
	head := fmt.Sprintf(`{"v":%d`, formatVersion)
	if len(b) == 2 {
		return head + "}"
	}
	return head + "," + string(b[1:])
}

// decode reads what encode made. The error wraps ErrFormat and names the key.
func decode[T any](key string, b []byte) (T, error) {
	var head struct {
		V int `json:"v"`
	}
	var v T
	if err := json.Unmarshal(b, &head); err != nil {
		return v, fmt.Errorf("read metadata key %s: %w: %v", key, ErrFormat, err)
	}
	if head.V < 1 || head.V > formatVersion {
		return v, fmt.Errorf("read metadata key %s: %w: format %d, this version reads up to %d; use a newer umbra", key, ErrFormat, head.V, formatVersion)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&v); err != nil {
		return v, fmt.Errorf("read metadata key %s: %w: %v", key, ErrFormat, err)
	}
	return v, nil
}

// validate refuses a decoded topic that code elsewhere could not index safely.
func (t *Topic) validate() error {
	if err := ValidateTopicName(t.Name); err != nil {
		return err
	}
	if t.ID.IsZero() || len(t.Partitions) == 0 {
		return fmt.Errorf("topic %q has no id or no partitions", t.Name)
	}
	for i, p := range t.Partitions {
		if p.Shard < 0 || p.LeaderEpoch < 0 {
			return fmt.Errorf("topic %q partition %d: shard %d, leader epoch %d", t.Name, i, p.Shard, p.LeaderEpoch)
		}
	}
	if sh := t.Shadow; sh != nil && (sh.State == 0 || sh.Link == "" || sh.Term < 1 || sh.Failover != nil && sh.Failover.Step == 0) {
		return fmt.Errorf("topic %q has an incomplete shadow part", t.Name)
	}
	if t.Shadow != nil {
		if err := t.Shadow.Faults.Validate(len(t.Partitions)); err != nil {
			return fmt.Errorf("topic %q: %w", t.Name, err)
		}
	}
	return nil
}
