package replicate

import (
	"fmt"

	"umbra/ioring/buf"
	"umbra/kafkaproto"
)

const (
	// fetchByID is the first Fetch version that names topics by id (KIP-516).
	fetchByID = 13
	// fetchVersionMin is what Kafka 2.1 offers and what record batch v2 needs.
	fetchVersionMin = 4
	// fetchVersionMax is the newest version a consumer uses.
	fetchVersionMax = 17
	// fetchBytesMin is the smallest answer a slow link is brought down to.
	fetchBytesMin = 64 << 10
	// progressMin is how many bytes must arrive per request timeout for a
	// source to count as alive.
	progressMin = 4 << 10
)

// greet asks the broker for its versions. v0 is understood by every broker and
// is all that is needed here: the range of one API.
func (f *Fetcher) greet() {
	f.state = greeting
	f.send(kafkaproto.KeyApiVersions, 0, func(w *kafkaproto.Writer) {})
	f.watch()
}

// greeted takes the broker's answer and settles the Fetch version.
func (f *Fetcher) greeted(body []byte) error {
	r := kafkaproto.NewReader(body, false)
	var resp kafkaproto.ApiVersionsResponse
	resp.Decode(&r, 0)
	if err := r.Err(); err != nil {
		return fmt.Errorf("decode ApiVersions of source broker %s: %w", f.broker.Addr, err)
	}
	for _, k := range resp.ApiKeys {
		if k.ApiKey == kafkaproto.KeyFetch {
			if k.MinVersion > fetchVersionMax || k.MaxVersion < fetchVersionMin {
				return fmt.Errorf("source broker %s serves Fetch %d to %d, umbra speaks %d to %d: sources from Kafka 2.1 on are supported",
					f.broker.Addr, k.MinVersion, k.MaxVersion, fetchVersionMin, fetchVersionMax)
			}
			f.version = min(k.MaxVersion, fetchVersionMax)
			f.up()
			return nil
		}
	}
	return fmt.Errorf("source broker %s does not serve Fetch: is %s a Kafka listener for clients?", f.broker.Addr, f.broker.Addr)
}

func (f *Fetcher) up() {
	f.backoff.reset()
	f.stopTimer()
	f.state = idle
	f.report(Event{Kind: BrokerUp, Broker: f.broker})
	f.next()
}

// requestVersion is lower than the agreed one while any topic has no id:
// from v13 on, Fetch names topics by id only.
func (f *Fetcher) requestVersion() int16 {
	if f.topics.withoutID > 0 {
		return min(f.version, fetchByID-1)
	}
	return f.version
}

// fetch sends the next request. The answer is bounded by fetchBytes and by one
// batch of each partition, and is taken in as it arrives.
func (f *Fetcher) fetch() {
	f.state = fetching
	f.askedAt, f.took, f.busy = f.cfg.Now(), 0, 0
	f.stats.Requests++
	version := f.requestVersion()
	f.fetchRequest(&f.request, version >= fetchByID)
	f.send(kafkaproto.KeyFetch, version, func(w *kafkaproto.Writer) {
		f.request.Encode(w, version)
	})
	f.watch()
}

// send frames one request. There is one in flight, so its buffer is free again
// when the answer comes.
func (f *Fetcher) send(key, version int16, body func(*kafkaproto.Writer)) {
	f.corr++
	h := kafkaproto.RequestHeader{Key: key, Version: version, CorrelationID: f.corr, ClientID: &f.cfg.ClientID}
	w := &f.writer // not on the stack: body would have it escape
	*w = kafkaproto.NewWriter(f.out[:0], false)
	start := w.BeginFrame()
	h.Encode(w)
	body(w)
	w.EndFrame(start, 0)
	f.out = w.Bytes()
	f.in.expect(key, version, f.corr, f.answerMax(key))
	f.conn.Write(buf.Span{Bytes: f.out})
}
