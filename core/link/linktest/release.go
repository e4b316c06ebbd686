package linktest

import "umbra/kafkaproto"

// Release is the Kafka release a Cluster behaves like: which versions its APIs
// have and whether topics have ids.
type Release struct {
	Name     string
	TopicIDs bool // Metadata v10 shows ids (2.8); Fetch uses them from v13 on (3.1)
	max      map[int16]int16
	min      map[int16]int16
}

// Kafka21 is the oldest release a link reads: no topic ids, Fetch 10.
func Kafka21() Release {
	return Release{Name: "2.1", max: map[int16]int16{kafkaproto.KeyFetch: 10, kafkaproto.KeyListOffsets: 4, kafkaproto.KeyMetadata: 7,
		kafkaproto.KeyApiVersions: 2, kafkaproto.KeyOffsetForLeaderEpoch: 2, kafkaproto.KeyDescribeConfigs: 2}}
}

// Kafka28 has topic ids in Metadata and fetches by name.
func Kafka28() Release {
	return Release{Name: "2.8", TopicIDs: true, max: map[int16]int16{kafkaproto.KeyFetch: 12, kafkaproto.KeyListOffsets: 6, kafkaproto.KeyMetadata: 11,
		kafkaproto.KeyApiVersions: 3, kafkaproto.KeyOffsetForLeaderEpoch: 4, kafkaproto.KeyDescribeConfigs: 4}}
}

// Kafka39 fetches by id.
func Kafka39() Release {
	return Release{Name: "3.9", TopicIDs: true, max: map[int16]int16{kafkaproto.KeyFetch: 17, kafkaproto.KeyListOffsets: 9, kafkaproto.KeyMetadata: 12,
		kafkaproto.KeyApiVersions: 4, kafkaproto.KeyOffsetForLeaderEpoch: 4, kafkaproto.KeyDescribeConfigs: 4}}
}

// Kafka4x has dropped the oldest versions.
func Kafka4x() Release {
	return Release{Name: "4.x", TopicIDs: true,
		max: map[int16]int16{kafkaproto.KeyFetch: 18, kafkaproto.KeyListOffsets: 11, kafkaproto.KeyMetadata: 13,
			kafkaproto.KeyApiVersions: 4, kafkaproto.KeyOffsetForLeaderEpoch: 4, kafkaproto.KeyDescribeConfigs: 4},
		min: map[int16]int16{kafkaproto.KeyFetch: 4, kafkaproto.KeyListOffsets: 1, kafkaproto.KeyOffsetForLeaderEpoch: 2, kafkaproto.KeyDescribeConfigs: 1}}
}

// Releases are all of them, oldest first.
func Releases() []Release { return []Release{Kafka21(), Kafka28(), Kafka39(), Kafka4x()} }

func (r Release) versions() *kafkaproto.ApiVersionsResponse {
	resp := &kafkaproto.ApiVersionsResponse{FinalizedFeaturesEpoch: -1}
	for key, top := range r.max {
		resp.ApiKeys = append(resp.ApiKeys, kafkaproto.ApiVersionsResponseApiKey{ApiKey: key, MinVersion: r.min[key], MaxVersion: top})
	}
	return resp
}

// serves reports whether a request of that version is answered. Versions that
// have no codec here are offered and never asked for.
func (r Release) serves(key, version int16) bool {
	top, ok := r.max[key]
	return ok && version >= r.min[key] && version <= top
}
