package broker_test

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"umbra/kafkaproto"
	"umbra/kafkaproto/batch"
	"umbra/kafkaproto/compress"
)

// FuzzConnection sends bytes to a broker. Whatever they are, it must go on
// serving others, and hold nothing of the connection when that has ended.
func FuzzConnection(f *testing.F) {
	n := start(f, rig{shards: 1, properties: map[string]string{"socket.request.max.bytes": "1000000", "num.partitions": "2"}})
	n.topic(f, "t", 2, nil)
	var all []byte
	for _, api := range kafkaproto.APIs() {
		for version := api.Min; version <= api.Max; version++ {
			b := frameOf(api.Key, version, 1, kafkaproto.NewRequest(api.Key))
			f.Add(b)
			all = append(all, b...)
		}
	}
	f.Add(all)
	for codec := compress.None; codec <= compress.Zstd; codec++ {
		f.Add(frameOf(kafkaproto.KeyProduce, 9, 1, produceReq(-1, "t", 0, raw(f, batch.Builder{Codec: codec}, "value", "value"))))
		f.Add(frameOf(kafkaproto.KeyProduce, 9, 1, produceReq(0, "t", 1, raw(f, batch.Builder{Codec: codec}, "value"))))
	}
	f.Add(frameOf(kafkaproto.KeyFetch, 12, 1, fetchReq("t", 0, 0)))
	f.Add(frameOf(kafkaproto.KeyFetch, 12, 1, patient("t", 0, 1<<40)))
	f.Add(frameOf(kafkaproto.KeyListOffsets, 5, 1, listReq("t", 0, 5)))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := net.Dial("tcp", n.addr)
		check(t, err)
		defer c.Close()
		check(t, c.SetDeadline(time.Now().Add(time.Minute)))
		_, _ = c.Write(b) // it may be closed before it has all
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
		ask[kafkaproto.ApiVersionsResponse](n.dial(t), kafkaproto.KeyApiVersions, 0, &kafkaproto.ApiVersionsRequest{})
		n.noFrames(t)
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		if mem.HeapAlloc > 1<<30 {
			t.Errorf("the heap has grown to %d bytes", mem.HeapAlloc)
		}
	})
}
