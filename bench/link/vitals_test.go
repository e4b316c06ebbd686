package link

import "testing"

// The buckets of all shards are summed; what else has the name's beginning, or no bound,
// does not count.
func TestHistogramOfAllShards(t *testing.T) {
	begin := map[string]float64{`x{shard="0",le="0.001"}`: 5, `x{shard="0",le="0.01"}`: 5, `x{shard="0",le="+Inf"}`: 5}
	end := map[string]float64{
		`x{shard="0",le="0.001"}`: 55, `x{shard="0",le="0.01"}`: 55, `x{shard="0",le="0.1"}`: 55, `x{shard="0",le="+Inf"}`: 55,
		`x{shard="1",le="0.001"}`: 45, `x{shard="1",le="0.01"}`: 49, `x{shard="1",le="0.1"}`: 50, `x{shard="1",le="+Inf"}`: 50,
		`x{shard="0"}`: 1e6, `x{able="1"}`: 1e6, `xy{shard="0",le="+Inf"}`: 1e6,
	}
	if got := histogram(begin, end, "x"); got != (Histogram{Count: 100, P50: 1, P99: 10, Max: 100}) {
		t.Errorf("got %+v", got)
	}
}

func TestVitalsWithoutTurns(t *testing.T) {
	v := &Vitals{Engine: "pwrite"}
	if got, want := v.String(), "umbra with pwrite: 0 stops of the world, half within 0.00 ms, 99 % within 0.00, the longest within 0.00"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if n := len(v.figures()); n != 3 {
		t.Errorf("%d figures", n)
	}
}
