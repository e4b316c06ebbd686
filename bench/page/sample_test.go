package page

import (
	"math"
	"math/rand/v2"
	"time"

	"umbra/bench/measure"
	"umbra/bench/report"
)

func ptr(v float64) *float64 { return &v }

// head is what the reports of a run have in common.
func head(command string, after time.Duration) report.Head {
	return report.Head{
		Schema: "umbra-bench/" + command + "/1", Started: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).Add(after), Seconds: 252, Seed: 7,
		Env:   measure.Env{Kernel: "6.18.0", CPU: "Example 9000 @ 2.40GHz", Cores: 2, MemoryGiB: 24, Go: "go1.26.0", Commit: "0123456789ab", FileSystem: "ext4"},
		Umbra: "umbra 0.1.0 0123456789ab, 2 shards, pinned false", Rule: measure.DefaultRule(),
		Flags: map[string]string{"bytes": "4.0 GiB", "rounds": "5", "source": "[synthetic,kafka]", "umbra": ""},
	}
}

// peers is a report with bars of all kinds.
func peers() *report.Document {
	return &report.Document{
		Head: head("peers", 0),
		Figures: []report.Figure{
			{Name: "peers/1KiB/umbra/cost", Unit: "CPU-s/GiB", Better: report.Less, Value: 0.412, Low: 0.391, High: 0.447, Samples: 5},
			{Name: "peers/1KiB/mm2-tuned/ratio", Unit: "x", Better: report.More, Value: 27.4, Low: 25.1, High: 29.9, Samples: 5, Target: ptr(15)},
			{Name: "peers/100B/mm2-tuned/ratio", Unit: "x", Better: report.More, Value: 71, Low: 66, High: 78, Samples: 5, Target: ptr(80)},
			{Name: "peers/1KiB/follower/ratio", Unit: "x", Better: report.More, Value: 2.9, Low: 2.2, High: 3.8, Samples: 3, Target: ptr(2.5), Dirty: true},
		},
		Charts: []report.Chart{
			{ID: "cost", Title: "CPU per GiB: umbra needs a fraction of what MirrorMaker 2 and its target broker need", Kind: report.Bars, Y: "CPU-s/GiB", Limit: ptr(0.27),
				Series: []report.Series{{Name: "CPU per GiB", Labels: []string{"umbra, io_uring", "umbra, pwrite", "plain Go consume-and-produce + Kafka", "Kafka follower fetch", "MirrorMaker 2 tuned + Kafka", "MirrorMaker 2 default + Kafka", "net.Conn discard"},
					Y: []float64{0.41, 0.66, 5.2, 1.21, 11.3, 19.8, 0.27}, Low: []float64{0.39, 0.6, 4.8, 1.1, 10.2, 17, 0.26}, High: []float64{0.45, 0.71, 5.9, 1.4, 12.9, 23.1, 0.29}}}},
			{ID: "grid", Title: "Record size and codec: the cost of umbra does not depend on either", Kind: report.Bars, Y: "CPU-s/GiB", Series: []report.Series{
				{Name: "umbra", Labels: []string{"100 B, none", "1 KiB, none", "10 KiB, lz4"}, Y: []float64{0.44, 0.41, 0.4}, Low: []float64{0.43, 0.4, 0.38}, High: []float64{0.46, 0.43, 0.41}},
				{Name: "MirrorMaker 2 tuned", Labels: []string{"100 B, none", "1 KiB, none", "10 KiB, lz4"}, Y: []float64{1.9, 1.1, 0.9}, Low: []float64{1.8, 1, 0.8}, High: []float64{2.1, 1.3, 1}},
				{Name: "discard", Labels: []string{"100 B, none", "1 KiB, none"}, Y: []float64{0.28, 0.27}}}},
			{ID: "factor", Title: "How much more the others need, on a log axis", Kind: report.Bars, Y: "times umbra", LogY: true, Series: []report.Series{
				{Name: "1 KiB", Labels: []string{"follower", "plain Go", "MM2 tuned"}, Y: []float64{2.9, 12.6, 27.4}, Low: []float64{2.2, 11, 25}, High: []float64{3.8, 14, 30}},
				{Name: "100 B", Labels: []string{"follower", "plain Go", "MM2 tuned"}, Y: []float64{3.4, 38, 171}, Low: []float64{3, 30, 150}, High: []float64{4, 44, 190}}}},
		},
		Remarks: []string{"peers are interleaved with umbra, round by round", `a remark with <b>markup</b> & "quotes"`},
	}
}

// rpo is a report with curves of all kinds.
func rpo() *report.Document {
	r := rand.New(rand.NewPCG(1, 2))
	var x, lag, low, high, own []float64
	for i := range 600 {
		v := 0.5 + 0.2*math.Sin(float64(i)/40) + 0.3*r.ExpFloat64()
		if i > 300 && i < 320 {
			v += 6
		}
		x, lag = append(x, float64(i)/10), append(lag, v)
		low, high = append(low, v*0.6), append(high, v*1.5)
		own = append(own, 0.2+0.1*r.ExpFloat64())
	}
	quantiles := func(scale float64) (x, y []float64) {
		for i := range 60 {
			at := math.Pow(10, 5*float64(i)/59)
			x, y = append(x, at), append(y, scale*(0.2+0.35*math.Pow(math.Log10(at)+0.2, 1.8)))
		}
		return x, y
	}
	ax, ay := quantiles(1)
	bx, by := quantiles(1.9)
	return &report.Document{
		Head: head("rpo", 10*time.Minute),
		Figures: []report.Figure{
			{Name: "rpo/kafka/20MB/delay-p50-above-source", Unit: "ms", Better: report.Less, Value: 0.31, Low: 0.28, High: 0.36, Samples: 3, Target: ptr(0.5)},
			{Name: "rpo/kafka/20MB/delay-p99-above-source", Unit: "ms", Better: report.Less, Value: 2.21, Low: 1.8, High: 2.9, Samples: 3, Target: ptr(2)},
			{Name: "rpo/kafka/lost", Unit: "records", Better: report.Less, Value: 1234567, Low: 0, High: 2234567, Samples: 20},
		},
		Charts: []report.Chart{
			{ID: "lag", Title: "Lag over time: under 2 ms but for the pause at 30 s", Kind: report.Lines, X: "time, s", Y: "ms", Limit: ptr(2), Series: []report.Series{
				{Name: "umbra", X: x, Y: lag, Low: low, High: high}, {Name: "the source's own", X: x, Y: own}}},
			{ID: "delay", Title: "Delay from acknowledgement to readable: close to the source's own up to the last nine", Kind: report.Quantiles, Y: "ms", Series: []report.Series{
				{Name: "the source", X: ax, Y: ay}, {Name: "the shadow", X: bx, Y: by}}},
			{ID: "delay-log", Title: "The same on a log axis", Kind: report.Quantiles, X: "quantile", Y: "ms", LogY: true, Series: []report.Series{
				{Name: "the source", X: ax, Y: ay}, {Name: "the shadow", X: bx, Y: by}}},
			{ID: "scale", Title: "Failover: time grows with the partitions", Kind: report.Lines, X: "partitions", Y: "s", Series: []report.Series{
				{Name: "umbra", X: []float64{100, 1000, 5000, 10000}, Y: []float64{0.04, 0.31, 1.4, 2.9}, Low: []float64{0.03, 0.28, 1.2, 2.5}, High: []float64{0.06, 0.4, 1.7, 3.3}}}},
			{ID: "none", Title: "nothing was measured", Kind: report.Lines},
		},
	}
}

func sample() []Source {
	return []Source{{File: "peers.json", Document: peers()}, {File: "rpo.json", Document: rpo()}}
}
