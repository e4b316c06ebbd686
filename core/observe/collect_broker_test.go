package observe

import (
	"reflect"
	"testing"

	"umbra/core/broker"
	"umbra/kafkaproto"
)

// A figure that is added to broker.Stats must not be forgotten here.
func TestSumBrokerAddsEveryFigure(t *testing.T) {
	one := broker.Stats{Errors: map[kafkaproto.ErrorCode]uint64{kafkaproto.PolicyViolation: 1}, ShadowRejected: map[string]uint64{"t": 1}}
	v := reflect.ValueOf(&one).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.CanInt():
			f.SetInt(1)
		case f.CanUint():
			f.SetUint(1)
		case f.Kind() == reflect.Array:
			f.Index(5).SetUint(1)
		}
	}
	sum := sumBroker([]broker.Stats{one, one})
	got := reflect.ValueOf(sum)
	for i := range got.NumField() {
		name := got.Type().Field(i).Name
		if name == "ConnsOpen" {
			continue // the group's own figure is taken, which is never late
		}
		var n uint64
		switch f := got.Field(i); {
		case f.CanInt():
			n = uint64(f.Int())
		case f.CanUint():
			n = f.Uint()
		case f.Kind() == reflect.Array:
			n = f.Index(5).Uint()
		case f.Kind() == reflect.Map:
			n = f.MapIndex(f.MapKeys()[0]).Uint()
		}
		if n != 2 {
			t.Errorf("%s: 1 + 1 = %d", name, n)
		}
	}
	text := exposition(t, func(e *Emit) {
		emitRequests(e, &sum)
		emitClients(e, &sum)
	})
	has(t, text, `umbra_kafka_request_errors_total{error="POLICY_VIOLATION"} 2`, `umbra_kafka_requests_total{request="Produce"} 0`,
		`umbra_kafka_request_seconds_count 2`, `umbra_kafka_request_seconds_sum 2e-06`, "umbra_kafka_fetches_parked 2", "umbra_kafka_frame_bytes 2")
}
