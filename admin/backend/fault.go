package backend

import (
	"umbra/admin/api"
	"umbra/core/link"
	"umbra/core/link/spec"
)

// partialDoc is which partitions of a topic are stopped while others go on.
func partialDoc(t *link.TopicStatus) (p api.Partial) {
	if t.State != spec.Faulted {
		return p
	}
	p.Stopped = stoppedDocs(t.Topic.Shadow.Faults)
	if t.Partial() {
		lag := lagDoc(t.Copied)
		p.OthersLag = &lag
	}
	return p
}

func stoppedDocs(faults spec.Faults) (out []api.StoppedPartition) {
	for _, f := range faults {
		out = append(out, api.StoppedPartition{Partition: f.Partition, Reason: *reasonDoc(f.Reason)})
	}
	return out
}
