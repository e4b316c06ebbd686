package kafkaproto

import "math"

// API keys of the requests this package knows.
const (
	KeyProduce                 int16 = 0
	KeyFetch                   int16 = 1
	KeyListOffsets             int16 = 2
	KeyMetadata                int16 = 3
	KeyFindCoordinator         int16 = 10
	KeyApiVersions             int16 = 18
	KeyCreateTopics            int16 = 19
	KeyDeleteTopics            int16 = 20
	KeyDeleteRecords           int16 = 21
	KeyInitProducerID          int16 = 22
	KeyOffsetForLeaderEpoch    int16 = 23
	KeyDescribeConfigs         int16 = 32
	KeyAlterConfigs            int16 = 33
	KeyDescribeLogDirs         int16 = 35
	KeyCreatePartitions        int16 = 37
	KeyIncrementalAlterConfigs int16 = 44
	KeyDescribeCluster         int16 = 60
	KeyDescribeTopicPartitions int16 = 75

	keyLast = KeyDescribeTopicPartitions
)

// API is one row of the table that dispatch, ApiVersions and the tests read.
// Versions Min..Max have a codec. AdvertisedMin is the minimum to put into an
// ApiVersions response and differs from Min for Produce only: librdkafka
// before 2025 takes a minimum above 2 for a broker that cannot compress and
// silently sends uncompressed batches. A request between AdvertisedMin and
// Min closes the connection, as Kafka 4 does.
type API struct {
	Key              int16
	Name             string
	Min, Max         int16
	AdvertisedMin    int16
	FirstFlexible    int16 // math.MaxInt16: no version is
	responseHeaderV0 bool  // ApiVersions: response header v0 in every version
}

// Flexible reports whether version has compact lengths and tagged fields
// (KIP-482), in the body and in the header.
func (a API) Flexible(version int16) bool { return version >= a.FirstFlexible }

// Supports reports whether there is a codec for version.
func (a API) Supports(version int16) bool { return version >= a.Min && version <= a.Max }

// Lookup finds an API by key. It does not allocate.
func Lookup(key int16) (API, bool) {
	switch key {
	case KeyProduce:
		a := row(key, "Produce", 3, 11, 9)
		a.AdvertisedMin = 0
		return a, true
	case KeyFetch:
		return row(key, "Fetch", 4, 17, 12), true
	case KeyListOffsets:
		return row(key, "ListOffsets", 1, 8, 6), true
	case KeyMetadata:
		return row(key, "Metadata", 0, 12, 9), true
	case KeyFindCoordinator:
		return row(key, "FindCoordinator", 0, 5, 3), true
	case KeyApiVersions:
		a := row(key, "ApiVersions", 0, 4, 3)
		a.responseHeaderV0 = true
		return a, true
	case KeyCreateTopics:
		return row(key, "CreateTopics", 2, 7, 5), true
	case KeyDeleteTopics:
		return row(key, "DeleteTopics", 1, 6, 4), true
	case KeyDeleteRecords:
		return row(key, "DeleteRecords", 0, 2, 2), true
	case KeyInitProducerID:
		return row(key, "InitProducerId", 0, 5, 2), true
	case KeyOffsetForLeaderEpoch:
		return row(key, "OffsetForLeaderEpoch", 2, 4, 4), true
	case KeyDescribeConfigs:
		return row(key, "DescribeConfigs", 1, 4, 4), true
	case KeyAlterConfigs:
		return row(key, "AlterConfigs", 0, 2, 2), true
	case KeyDescribeLogDirs:
		return row(key, "DescribeLogDirs", 1, 4, 2), true
	case KeyCreatePartitions:
		return row(key, "CreatePartitions", 0, 3, 2), true
	case KeyIncrementalAlterConfigs:
		return row(key, "IncrementalAlterConfigs", 0, 1, 1), true
	case KeyDescribeCluster:
		return row(key, "DescribeCluster", 0, 1, 0), true
	case KeyDescribeTopicPartitions:
		return row(key, "DescribeTopicPartitions", 0, 0, 0), true
	}
	return API{Key: key, FirstFlexible: math.MaxInt16}, false
}

func row(key int16, name string, minVersion, maxVersion, flexible int16) API {
	return API{Key: key, Name: name, Min: minVersion, Max: maxVersion, AdvertisedMin: minVersion, FirstFlexible: flexible}
}

// APIs is the table in ascending order of key, freshly made.
func APIs() []API {
	var all []API
	for key := int16(0); key <= keyLast; key++ {
		if a, ok := Lookup(key); ok {
			all = append(all, a)
		}
	}
	return all
}
