package broker_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"umbra/core/broker"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
)

func TestApiVersionsAdvertisesWhatIsServed(t *testing.T) {
	n := start(t, rig{})
	w := n.dial(t)
	for version := int16(0); version <= 4; version++ {
		resp := ask[kafkaproto.ApiVersionsResponse](w, kafkaproto.KeyApiVersions, version, &kafkaproto.ApiVersionsRequest{ClientSoftwareName: "umbra-test", ClientSoftwareVersion: "1.0"})
		wantCode(t, "ApiVersions", resp.ErrorCode, kafkaproto.None)
		if got, want := len(resp.ApiKeys), len(kafkaproto.APIs()); got != want {
			t.Errorf("v%d: %d APIs are advertised, %d have a codec", version, got, want)
		}
		for _, k := range resp.ApiKeys {
			api, ok := kafkaproto.Lookup(k.ApiKey)
			if !ok || k.MinVersion != api.AdvertisedMin || k.MaxVersion != api.Max {
				t.Errorf("v%d: %+v, table has %+v", version, k, api)
			}
		}
		if resp.ApiKeys[0].MinVersion != 0 {
			t.Error("Produce must be advertised from 0 on, or old librdkafka does not compress")
		}
	}
}

func TestApiVersionsUnknownVersion(t *testing.T) {
	n := start(t, rig{})
	w := n.dial(t)
	w.conn.Write(frameOf(kafkaproto.KeyApiVersions, 99, 7, &kafkaproto.ApiVersionsRequest{ClientSoftwareName: "x", ClientSoftwareVersion: "y"}))
	var resp kafkaproto.ApiVersionsResponse
	w.next(kafkaproto.KeyApiVersions, 0, 7, &resp)
	wantCode(t, "version 99", resp.ErrorCode, kafkaproto.UnsupportedVersion)
	if len(resp.ApiKeys) != 1 || resp.ApiKeys[0] != (kafkaproto.ApiVersionsResponseApiKey{ApiKey: 18, MinVersion: 0, MaxVersion: 4}) {
		t.Errorf("the answer holds %+v", resp.ApiKeys)
	}
	w.corr = 7
	ask[kafkaproto.ApiVersionsResponse](w, kafkaproto.KeyApiVersions, 0, &kafkaproto.ApiVersionsRequest{}) // and the connection goes on
}

func TestApiVersionsSoftwareName(t *testing.T) {
	n := start(t, rig{})
	f := func(name, version string, want kafkaproto.ErrorCode) {
		t.Helper()
		resp := ask[kafkaproto.ApiVersionsResponse](n.dial(t), kafkaproto.KeyApiVersions, 3, &kafkaproto.ApiVersionsRequest{ClientSoftwareName: name, ClientSoftwareVersion: version})
		wantCode(t, fmt.Sprintf("%q %q", name, version), resp.ErrorCode, want)
	}
	f("apache-kafka-java", "4.3.1", kafkaproto.None)
	f("a", "1", kafkaproto.None)
	f("", "1", kafkaproto.InvalidRequest)
	f("-a", "1", kafkaproto.InvalidRequest)
	f("a", "1.", kafkaproto.InvalidRequest)
	f("a b", "1", kafkaproto.InvalidRequest)
}

// TestConnectionClosesOn has what no response can answer.
func TestConnectionClosesOn(t *testing.T) {
	n := start(t, rig{properties: map[string]string{"socket.request.max.bytes": "1000000"}})
	n.topic(t, "t", 1, nil)
	good := frameOf(kafkaproto.KeyApiVersions, 0, 1, &kafkaproto.ApiVersionsRequest{})
	header := func(key, version int16) []byte {
		return []byte{0, 0, 0, 10, byte(key >> 8), byte(key), byte(version >> 8), byte(version), 0, 0, 0, 1, 0xff, 0xff}
	}
	f := func(name string, bytes []byte) {
		t.Helper()
		w := n.dial(t)
		_, err := w.conn.Write(bytes)
		check(t, err)
		w.mustClose(name)
		// Behind a good request the answer to that one may come, and then the end.
		w = n.dial(t)
		_, err = w.conn.Write(append(append([]byte{}, good...), bytes...))
		check(t, err)
		check(t, w.conn.SetReadDeadline(time.Now().Add(time.Minute)))
		for b := make([]byte, 4096); ; {
			if _, err := w.conn.Read(b); err != nil {
				if strings.Contains(err.Error(), "timeout") {
					t.Errorf("%s behind a request: the connection stays open", name)
				}
				break
			}
		}
	}
	f("HTTP", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	f("TLS", []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03})
	f("negative size", []byte{0xff, 0xff, 0xff, 0xff})
	f("above the limit", []byte{0x00, 0x0f, 0x42, 0x41})
	f("empty frame", []byte{0, 0, 0, 0})
	f("cut header", []byte{0, 0, 0, 3, 0, 18, 0})
	f("unknown key", header(999, 0))
	f("negative key", header(-1, 0))
	f("Produce v2", header(0, 2))
	f("Metadata v13", header(3, 13))
	f("Fetch v18", header(1, 18))
	f("cut body", []byte{0, 0, 0, 11, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0})
	f("lying array", []byte{0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff})
}

// TestRequestsInPieces cuts a stream of requests at every place.
func TestRequestsInPieces(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 2, nil)
	var stream []byte
	const requests = 8
	for i := range int32(requests) {
		if i%2 == 0 {
			stream = append(stream, frameOf(kafkaproto.KeyApiVersions, 3, i, &kafkaproto.ApiVersionsRequest{ClientSoftwareName: "x", ClientSoftwareVersion: "y"})...)
		} else {
			stream = append(stream, frameOf(kafkaproto.KeyProduce, 9, i, produceReq(-1, "t", i/2%2, raw(t, batch.Builder{}, "a")))...)
		}
	}
	for _, piece := range []int{1, 3, 7, 64, len(stream)} {
		w := n.dial(t)
		go func() {
			for at := 0; at < len(stream); at += piece {
				if _, err := w.conn.Write(stream[at:min(at+piece, len(stream))]); err != nil {
					return
				}
				runtime.Gosched()
			}
		}()
		for i := range int32(requests) {
			if i%2 == 0 {
				w.next(kafkaproto.KeyApiVersions, 3, i, new(kafkaproto.ApiVersionsResponse))
				continue
			}
			var resp kafkaproto.ProduceResponse
			w.next(kafkaproto.KeyProduce, 9, i, &resp)
			wantCode(t, "produce", resp.Topics[0].Partitions[0].ErrorCode, kafkaproto.None)
		}
	}
}

// TestLargeRequests: frames of every size class, and memory that comes back.
func TestLargeRequests(t *testing.T) {
	n := start(t, rig{properties: map[string]string{"message.max.bytes": "20000000"}})
	n.topic(t, "t", 2, nil)
	w := n.dial(t)
	for i, size := range []int{3 << 10, 5 << 10, 60 << 10, 70 << 10, 300 << 10, 1 << 20, 3 << 20, 9 << 20} {
		value := strings.Repeat("x", size)
		p := w.produce(9, "t", int32(i%2), raw(t, batch.Builder{}, value))
		wantCode(t, fmt.Sprint(size), p.ErrorCode, kafkaproto.None)
		got := batch.View(w.fetchAll("t", int32(i%2), p.BaseOffset))
		if len(got) < size || !got.CheckCRC() {
			t.Errorf("%d bytes came back as %d, CRC ok %v", size, len(got), got.CheckCRC())
		}
	}
	n.noFrames(t)
}

// noFrames waits until no connection holds request memory.
func (n *node) noFrames(t testing.TB) {
	t.Helper()
	eventually(t, "no request memory is held", func() bool {
		stats, err := n.broker.Stats(t.Context())
		check(t, err)
		for _, s := range stats {
			if s.FrameBytes != 0 {
				return false
			}
		}
		return true
	})
}

// TestPartialRequestsAreBounded: many clients that announce much and send part
// of it hold no more than the bound, and one that goes on is served.
func TestPartialRequestsAreBounded(t *testing.T) {
	const bound = 2 << 20
	n := start(t, rig{shards: 1, broker: broker.Config{FrameBytesMax: bound}, properties: map[string]string{"message.max.bytes": "20000000"}})
	n.topic(t, "t", 1, nil)
	request := frameOf(kafkaproto.KeyProduce, 9, 1, produceReq(-1, "t", 0, raw(t, batch.Builder{}, strings.Repeat("x", 3<<20))))
	var all []*wire
	for range 20 {
		w := n.dial(t)
		all = append(all, w)
		_, err := w.conn.Write(request[:100<<10])
		check(t, err)
	}
	eventually(t, "some wait for memory", func() bool {
		stats, err := n.broker.Stats(t.Context())
		check(t, err)
		return stats[0].Starved > 0
	})
	stats, err := n.broker.Stats(t.Context())
	check(t, err)
	if held := stats[0].FrameBytes; held > bound+3<<20+64<<10 { // and one frame beyond the bound
		t.Errorf("%d bytes are held, the bound is %d", held, bound)
	}
	done := make(chan error, len(all))
	for _, w := range all {
		go func() {
			_, err := w.conn.Write(request[100<<10:])
			done <- err
		}()
	}
	for _, w := range all {
		var resp kafkaproto.ProduceResponse
		w.next(kafkaproto.KeyProduce, 9, 1, &resp)
		wantCode(t, "produce", resp.Topics[0].Partitions[0].ErrorCode, kafkaproto.None)
		check(t, <-done)
	}
	n.noFrames(t)
}

// TestSlowReaderHoldsOneResponse: a client that asks and does not read does not
// make the broker collect responses.
func TestSlowReaderHoldsOneResponse(t *testing.T) {
	n := start(t, rig{shards: 1, properties: map[string]string{"message.max.bytes": "20000000"}})
	n.topic(t, "t", 1, nil)
	w := n.dial(t)
	p := w.produce(9, "t", 0, raw(t, batch.Builder{}, strings.Repeat("x", 8<<20)))
	wantCode(t, "produce", p.ErrorCode, kafkaproto.None)
	before := n.served(t, kafkaproto.KeyFetch)
	const requests = 30
	for i := range int32(requests) {
		_, err := w.conn.Write(frameOf(kafkaproto.KeyFetch, 12, i, fetchReq("t", 0, 0)))
		check(t, err)
	}
	eventually(t, "the first is begun", func() bool { return n.served(t, kafkaproto.KeyFetch) > before })
	for range 10 { // the loop goes round, with all requests at its door
		ask[kafkaproto.ApiVersionsResponse](n.dial(t), kafkaproto.KeyApiVersions, 0, &kafkaproto.ApiVersionsRequest{})
	}
	if began := n.served(t, kafkaproto.KeyFetch) - before; began > 3 {
		t.Errorf("%d fetches of 8 MiB were begun for a client that reads nothing", began)
	}
	for i := range int32(requests) {
		var resp kafkaproto.FetchResponse
		w.next(kafkaproto.KeyFetch, 12, i, &resp)
		if got := len(resp.Topics[0].Partitions[0].RecordBatches); got < 8<<20 {
			t.Fatalf("fetch %d brought %d bytes", i, got)
		}
	}
}

// served is how many requests of a key were begun.
func (n *node) served(t testing.TB, key int16) (sum uint64) {
	t.Helper()
	stats, err := n.broker.Stats(t.Context())
	check(t, err)
	for _, s := range stats {
		sum += s.Requests[key]
	}
	return sum
}
