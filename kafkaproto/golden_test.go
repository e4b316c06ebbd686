package kafkaproto

import (
	"bytes"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// golden is a whole frame as it goes over the wire, written by hand from the
// protocol's definition, and what it says.
type golden struct {
	file string
	// A request has a header; a response has key, version and correlation id.
	request       *RequestHeader
	key, version  int16
	correlationID int32
	body          Message
}

func goldenFrames() []golden {
	id := TopicID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	request := func(file string, h RequestHeader, body Message) golden {
		return golden{file: file + "-request", request: &h, key: h.Key, version: h.Version, body: body}
	}
	response := func(file string, key, version int16, correlationID int32, body Message) golden {
		return golden{file: file + "-response", key: key, version: version, correlationID: correlationID, body: body}
	}
	return []golden{
		request("api-versions-v0", RequestHeader{KeyApiVersions, 0, 1, ptr("kcat")}, &ApiVersionsRequest{}),
		request("api-versions-v3", RequestHeader{KeyApiVersions, 3, 2, ptr("umbra-link")},
			&ApiVersionsRequest{ClientSoftwareName: "umbra", ClientSoftwareVersion: "0.1.0"}),
		response("api-versions-v0", KeyApiVersions, 0, 3, &ApiVersionsResponse{
			ErrorCode: int16(UnsupportedVersion), FinalizedFeaturesEpoch: -1,
			ApiKeys: []ApiVersionsResponseApiKey{{KeyApiVersions, 0, 4}},
		}),
		response("api-versions-v4", KeyApiVersions, 4, 4, &ApiVersionsResponse{
			FinalizedFeaturesEpoch: 7,
			ApiKeys:                []ApiVersionsResponseApiKey{{KeyProduce, 0, 11}, {KeyApiVersions, 0, 4}},
		}),
		request("produce-v9", RequestHeader{KeyProduce, 9, 5, nil}, &ProduceRequest{
			Acks: -1, TimeoutMillis: 30000,
			Topics: []ProduceRequestTopic{{"t1", []ProduceRequestTopicPartition{{3, []byte("\xca\xfe\xba\xbe")}}}},
		}),
		response("produce-v8", KeyProduce, 8, 6, &ProduceResponse{
			Topics: []ProduceResponseTopic{{"t1", []ProduceResponseTopicPartition{{
				Partition: 3, ErrorCode: int16(InvalidRecord), BaseOffset: -1, LogAppendTime: -1,
				ErrorRecords:  []ProduceResponseTopicPartitionErrorRecord{{0, ptr("null key")}},
				CurrentLeader: ProduceResponseTopicPartitionCurrentLeader{-1, -1},
			}}}},
		}),
		response("produce-v10", KeyProduce, 10, 7, &ProduceResponse{
			Topics: []ProduceResponseTopic{{"t1", []ProduceResponseTopicPartition{{
				Partition: 3, ErrorCode: int16(NotLeaderOrFollower), BaseOffset: -1, LogAppendTime: -1, LogStartOffset: -1,
				CurrentLeader: ProduceResponseTopicPartitionCurrentLeader{2, 5},
			}}}},
			Brokers: []ProduceResponseBroker{{2, "b2", 9092, nil}},
		}),
		goldenFetchRequest(request, 4, id),
		goldenFetchRequest(request, 12, id),
		goldenFetchRequest(request, 17, id),
		goldenFetchResponse(response, 4, id),
		goldenFetchResponse(response, 12, id),
		goldenFetchResponse(response, 17, id),
		request("metadata-v0", RequestHeader{KeyMetadata, 0, 14, ptr("c")}, &MetadataRequest{AllowAutoTopicCreation: true}),
		request("metadata-v1", RequestHeader{KeyMetadata, 1, 14, ptr("c")}, &MetadataRequest{AllowAutoTopicCreation: true}),
		request("metadata-v12", RequestHeader{KeyMetadata, 12, 15, nil},
			&MetadataRequest{Topics: []MetadataRequestTopic{{TopicID: id}}, IncludeTopicAuthorizedOperations: true}),
	}
}

func goldenFetchRequest(request func(string, RequestHeader, Message) golden, version int16, id TopicID) golden {
	m := NewFetchRequest()
	m.MaxWaitMillis, m.MinBytes, m.MaxBytes = 500, 1, 50<<20
	p := NewFetchRequestTopicPartition()
	p.PartitionMaxBytes = 1 << 20
	switch version {
	case 4:
		p.FetchOffset = 42
		m.Topics = []FetchRequestTopic{{Topic: "t1", Partitions: []FetchRequestTopicPartition{p}}}
		return request("fetch-v4", RequestHeader{KeyFetch, 4, 8, ptr("c")}, &m)
	case 12:
		m.IsolationLevel, m.SessionID, m.SessionEpoch, m.Rack = 1, 17, 2, "r1"
		p.FetchOffset, p.CurrentLeaderEpoch, p.LastFetchedEpoch, p.HighWatermark = 42, 4, 3, math.MaxInt64
		m.Topics = []FetchRequestTopic{{Topic: "t1", Partitions: []FetchRequestTopicPartition{p}}}
		m.ForgottenTopics = []FetchRequestForgottenTopic{{Topic: "old", Partitions: []int32{7}}}
		return request("fetch-v12", RequestHeader{KeyFetch, 12, 9, nil}, &m)
	default:
		m.SessionEpoch = 0
		p.Partition = 1
		m.Topics = []FetchRequestTopic{{TopicID: id, Partitions: []FetchRequestTopicPartition{p}}}
		m.ForgottenTopics = nil
		return request("fetch-v17", RequestHeader{KeyFetch, 17, 10, nil}, &m)
	}
}

func goldenFetchResponse(response func(string, int16, int16, int32, Message) golden, version int16, id TopicID) golden {
	p := NewFetchResponseTopicPartition()
	p.RecordBatches = []byte{}
	topic := FetchResponseTopic{Topic: "t1"}
	m := &FetchResponse{}
	switch version {
	case 4:
		p.HighWatermark, p.LastStableOffset, p.RecordBatches = 100, 99, []byte("\xca\xfe\xba\xbe")
		p.AbortedTransactions = []FetchResponseTopicPartitionAbortedTransaction{{4000, 50}}
	case 12:
		m.SessionID = 17
		p.HighWatermark, p.LastStableOffset, p.LogStartOffset = 100, 100, 0
		p.DivergingEpoch = FetchResponseTopicPartitionDivergingEpoch{3, 50}
	default:
		topic = FetchResponseTopic{TopicID: id}
		p.ErrorCode, p.HighWatermark = int16(NotLeaderOrFollower), -1
		p.CurrentLeader = FetchResponseTopicPartitionCurrentLeader{2, 5}
		m.Brokers = []FetchResponseBroker{{2, "b2", 9092, nil}}
	}
	topic.Partitions = []FetchResponseTopicPartition{p}
	m.Topics = []FetchResponseTopic{topic}
	names := map[int16]string{4: "fetch-v4", 12: "fetch-v12", 17: "fetch-v17"}
	return response(names[version], KeyFetch, version, map[int16]int32{4: 11, 12: 12, 17: 13}[version], m)
}

// readHex reads a frame from testdata: hex digits, spaces, comments from '#'.
func readHex(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

func TestGoldenFrames(t *testing.T) {
	for _, g := range goldenFrames() {
		t.Run(g.file, func(t *testing.T) {
			frame := readHex(t, g.file)
			n, ok, err := FrameSize(frame, 1<<20)
			if !ok || err != nil || n != len(frame) {
				t.Fatalf("frame of %d bytes says %d, %v, %v", len(frame), n, ok, err)
			}
			r := NewReader(frame[FramePrefix:], false)
			var body Message
			if g.request != nil {
				var h RequestHeader
				h.Decode(&r)
				if diff := cmp.Diff(*g.request, h); diff != "" {
					t.Fatalf("header (-want +got)\n%s", diff)
				}
				body = NewRequest(g.key)
			} else {
				if got := DecodeResponseHeader(&r, g.key, g.version); got != g.correlationID {
					t.Fatalf("correlation id %d, want %d", got, g.correlationID)
				}
				body = NewResponse(g.key)
			}
			body.Decode(&r, g.version)
			if r.Err() != nil || r.Left() != 0 {
				t.Fatalf("err %v, %d bytes left", r.Err(), r.Left())
			}
			if diff := cmp.Diff(g.body, body); diff != "" {
				t.Fatalf("body (-want +got)\n%s", diff)
			}
			if got := g.encode(); !bytes.Equal(got, frame) {
				t.Fatalf("encoded\n got %x\nwant %x", got, frame)
			}
		})
	}
}

func (g golden) encode() []byte {
	w := NewWriter(nil, false)
	start := w.BeginFrame()
	if g.request != nil {
		g.request.Encode(&w)
	} else {
		ResponseHeader(&w, g.key, g.version, g.correlationID)
	}
	g.body.Encode(&w, g.version)
	w.EndFrame(start, 0)
	return w.Bytes()
}

// Every file in testdata is somebody's golden frame.
func TestGoldenFilesAreUsed(t *testing.T) {
	files, err := filepath.Glob("testdata/*.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	used := map[string]bool{}
	for _, g := range goldenFrames() {
		used[filepath.Join("testdata", g.file+".hex")] = true
	}
	for _, f := range files {
		if !used[f] {
			t.Errorf("%s is in no test", f)
		}
	}
}
