package broker_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"testing"
	"time"

	"umbra/core/broker"
	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
)

// breaking are requests that no response can answer, by what is wrong.
func breaking() map[string][]byte {
	header := func(key, version int16) []byte {
		return []byte{0, 0, 0, 10, byte(key >> 8), byte(key), byte(version >> 8), byte(version), 0, 0, 0, 1, 0xff, 0xff}
	}
	return map[string][]byte{
		"a frame that is too large":  {0x7f, 0xff, 0xff, 0xff},
		"an unknown key":             header(999, 0),
		"a version not served":       header(3, 13),
		"a body that ends too early": {0, 0, 0, 11, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0},
	}
}

// TestWhatCameBeforeIsAnswered: a client that breaks the protocol gets the
// responses to everything before that, in order, and nothing of what is behind:
// requests answered at once, held ones, ones that wait for the disk or for
// records, and those that wait for their turn behind these.
func TestWhatCameBeforeIsAnswered(t *testing.T) {
	n := start(t, rig{})
	n.topic(t, "t", 2, nil)
	for what, bad := range breaking() {
		for _, piece := range []int{1 << 20, 40} {
			t.Run(fmt.Sprintf("%s in pieces of %d", what, piece), func(t *testing.T) {
				w := n.dial(t)
				parked := fetchReq("t", 1, n.end(t, "t", 1))
				parked.MinBytes, parked.MaxWaitMillis = 1, 100
				good := []struct {
					key, version int16
					req, resp    kafkaproto.Message
				}{
					{kafkaproto.KeyApiVersions, 0, &kafkaproto.ApiVersionsRequest{}, new(kafkaproto.ApiVersionsResponse)},
					{kafkaproto.KeyProduce, 9, produceReq(-1, "t", 0, raw(t, batch.Builder{}, "a")), new(kafkaproto.ProduceResponse)},
					{kafkaproto.KeyInitProducerID, 2, &kafkaproto.InitProducerIDRequest{TransactionTimeoutMillis: 1000, ProducerID: -1, ProducerEpoch: -1}, new(kafkaproto.InitProducerIDResponse)},
					{kafkaproto.KeyFetch, 12, parked, new(kafkaproto.FetchResponse)},
					{kafkaproto.KeyFetch, 12, fetchReq("t", 0, 0), new(kafkaproto.FetchResponse)},
					{kafkaproto.KeyApiVersions, 0, &kafkaproto.ApiVersionsRequest{}, new(kafkaproto.ApiVersionsResponse)},
				}
				var stream []byte
				for i, g := range good {
					stream = append(stream, frameOf(g.key, g.version, int32(i), g.req)...)
				}
				stream = append(append(stream, bad...), frameOf(kafkaproto.KeyApiVersions, 0, 99, &kafkaproto.ApiVersionsRequest{})...)
				go func() { // the end may come before all is written
					for len(stream) > 0 {
						k, err := w.conn.Write(stream[:min(piece, len(stream))])
						if err != nil {
							return
						}
						stream = stream[k:]
					}
				}()
				for i, g := range good {
					w.next(g.key, g.version, int32(i), g.resp)
				}
				w.mustClose(what)
			})
		}
	}
	n.noFrames(t)
}

// TestLargeResponseBeforeTheEnd: the connection stays until the client has
// taken a response that the socket does not take at once.
func TestLargeResponseBeforeTheEnd(t *testing.T) {
	n := start(t, rig{shards: 1, properties: map[string]string{"message.max.bytes": "20000000"}})
	n.topic(t, "t", 1, nil)
	w := n.dial(t)
	const size = 16 << 20
	p := w.produce(9, "t", 0, raw(t, batch.Builder{}, string(make([]byte, size))))
	wantCode(t, "produce", p.ErrorCode, kafkaproto.None)
	closed := n.closedProtocol(t)
	_, err := w.conn.Write(append(frameOf(kafkaproto.KeyFetch, 12, 1, fetchReq("t", 0, 0)), breaking()["an unknown key"]...))
	check(t, err)
	eventually(t, "the broker has seen the break", func() bool { return n.closedProtocol(t) > closed })
	var resp kafkaproto.FetchResponse
	w.next(kafkaproto.KeyFetch, 12, 1, &resp)
	if got := len(resp.Topics[0].Partitions[0].RecordBatches); got < size {
		t.Errorf("%d bytes of records", got)
	}
	w.mustClose("after the response")
}

// TestBrokenConnectionsEnd: one that does not take its responses is closed all
// the same, and what it held is given back.
func TestBrokenConnectionsEnd(t *testing.T) {
	n := start(t, rig{shards: 1, broker: broker.Config{Linger: 50 * time.Millisecond}, properties: map[string]string{"message.max.bytes": "20000000"}})
	n.topic(t, "t", 1, nil)
	w := n.dial(t)
	p := w.produce(9, "t", 0, raw(t, batch.Builder{}, string(make([]byte, 16<<20))))
	wantCode(t, "produce", p.ErrorCode, kafkaproto.None)
	_, err := w.conn.Write(append(frameOf(kafkaproto.KeyFetch, 12, 1, fetchReq("t", 0, 0)), breaking()["an unknown key"]...))
	check(t, err)
	eventually(t, "the connection is gone", func() bool { return n.group.Connections() == 0 })
	check(t, w.conn.SetReadDeadline(time.Now().Add(time.Minute)))
	var size [4]byte
	if _, err := io.ReadFull(w.conn, size[:]); err != nil {
		return // nothing had left the broker
	}
	if got, err := io.Copy(io.Discard, w.conn); err == nil && got >= int64(binary.BigEndian.Uint32(size[:])) {
		t.Errorf("the whole response of %d bytes was sent to a client that did not read", got)
	}
}

func (n *node) closedProtocol(t testing.TB) (sum uint64) {
	t.Helper()
	stats, err := n.broker.Stats(t.Context())
	check(t, err)
	for _, s := range stats {
		sum += s.ClosedProtocol
	}
	return sum
}
