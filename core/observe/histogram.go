package observe

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// firstBucket is the lowest bucket with a bound of its own, 64 us: what is
// faster is told apart by nobody.
const firstBucket = 6

// Histogram emits a family of kind Histogram. Bucket i counts the durations
// below 2^i microseconds that no lower bucket does, the last one the rest; that
// is how the owners of hot paths keep them. sum is that of all durations.
func (e *Emit) Histogram(name string, buckets []uint64, sum time.Duration, labelValues ...string) {
	fam, ok := e.r.families[name]
	if !ok || fam.Kind != Histogram || len(labelValues) != len(fam.Labels) {
		e.r.complain(name, fmt.Sprintf("not in the catalogue as a histogram with %d labels", len(labelValues)))
		return
	}
	b := e.begin(fam, labelValues)
	if b == nil {
		return
	}
	bucket := fam
	bucket.Name, bucket.Labels = fam.Name+"_bucket", append(fam.Labels[:len(fam.Labels):len(fam.Labels)], "le")
	values := append(labelValues[:len(labelValues):len(labelValues)], "")
	var count uint64
	for i, n := range buckets {
		count += n
		bound := "+Inf"
		if i < len(buckets)-1 {
			if i < firstBucket {
				continue
			}
			bound = strconv.FormatFloat(float64(uint64(1)<<i)/1e6, 'g', -1, 64)
		}
		values[len(values)-1] = bound
		sample(b, series(bucket, values), float64(count))
	}
	fam.Name = name + "_sum"
	sample(b, series(fam, labelValues), sum.Seconds())
	fam.Name = name + "_count"
	sample(b, series(fam, labelValues), float64(count))
}

// begin returns where the samples of a new series go; nil, with a complaint,
// when it was emitted already.
func (e *Emit) begin(fam Family, labelValues []string) *bytes.Buffer {
	id := series(fam, labelValues)
	if e.seen[id] {
		e.r.complain(id, "emitted twice")
		return nil
	}
	e.seen[id] = true
	b := e.samples[fam.Name]
	if b == nil {
		b = &bytes.Buffer{}
		e.samples[fam.Name] = b
	}
	return b
}

// sample writes one line.
func sample(b *bytes.Buffer, series string, v float64) {
	b.WriteString(series)
	b.WriteByte(' ')
	b.Write(strconv.AppendFloat(b.AvailableBuffer(), v, 'g', -1, 64))
	b.WriteByte('\n')
}
