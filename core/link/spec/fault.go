package spec

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// FaultsMax bounds the partitions of one topic that are stopped one by one.
	// With more, the topic stops as a whole: it is the topic that is ill then,
	// and its metadata must stay small.
	FaultsMax = 256
	// faultsShown is how many a topic's reason spells out.
	faultsShown = 3
	// faultDetailMax bounds one detail, bytes.
	faultDetailMax = 512
)

// PartitionFault says that one partition of a shadow topic is stopped until an
// operator resumes it, and why. Detail does not name the partition.
type PartitionFault struct {
	Partition int32 `json:"partition"`
	Reason
}

// Faults are the stopped partitions of a topic whose other partitions go on, in
// rising order, each once. A value is never changed in place.
type Faults []PartitionFault

// With returns the faults and one more. A partition that is stopped already
// keeps the cause that stopped it.
func (fs Faults) With(f PartitionFault) Faults {
	at, found := fs.at(f.Partition)
	if found {
		return fs
	}
	if len(f.Detail) > faultDetailMax {
		f.Detail = strings.ToValidUTF8(f.Detail[:faultDetailMax], "") + ".."
	}
	return slices.Insert(slices.Clone(fs), at, f)
}

// Of is why a partition is stopped; the zero Reason when it is not among them.
func (fs Faults) Of(partition int32) Reason {
	if at, found := fs.at(partition); found {
		return fs[at].Reason
	}
	return Reason{}
}

func (fs Faults) at(partition int32) (at int, found bool) {
	return slices.BinarySearchFunc(fs, partition, func(f PartitionFault, p int32) int { return int(f.Partition) - int(p) })
}

// Reason is what is said of the topic, which has so many partitions: the code
// of the fault that came first, so that it stays what it was while others
// follow, and the first few partitions in their order.
func (fs Faults) Reason(partitions int) Reason {
	if len(fs) == 0 {
		return Reason{}
	}
	first := slices.MinFunc(fs, func(a, b PartitionFault) int { return a.Since.Compare(b.Since) })
	parts := make([]string, 0, faultsShown+1)
	for _, f := range fs[:min(len(fs), faultsShown)] {
		text := f.Detail
		if f.Code != first.Code {
			text = strings.TrimSuffix(string(f.Code)+": "+f.Detail, ": ")
		}
		parts = append(parts, fmt.Sprintf("partition %d: %s", f.Partition, text))
	}
	if more := len(fs) - faultsShown; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return Reason{Code: first.Code, Since: first.Since,
		Detail: fmt.Sprintf("%d of %d partitions stopped: %s", len(fs), partitions, strings.Join(parts, "; "))}
}

// Validate refuses faults that no correct writer makes of a topic with so many
// partitions.
func (fs Faults) Validate(partitions int) error {
	last := int32(-1)
	for _, f := range fs {
		if f.Partition <= last || int(f.Partition) >= partitions || f.Code == "" {
			return fmt.Errorf("stopped partition %d (%q) behind %d: want rising numbers below %d, each with a code", f.Partition, f.Code, last, partitions)
		}
		last = f.Partition
	}
	return nil
}
