package admin

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"umbra/admin/api"
)

// partitionsShown is how many partitions an answer holds unless a limit is
// given; limit=0 is all of them.
const partitionsShown = 1000

// getPartitions answers GET /v1/links/{link}/partitions?sort=-lag_seconds&limit=.
func (s *Server) getPartitions(r *request) (any, error) {
	limit, err := r.int("limit", partitionsShown)
	if err != nil {
		return nil, err
	}
	order, err := partitionOrder(cmp.Or(r.query("sort"), "topic"))
	if err != nil {
		return nil, err
	}
	list, err := s.backend.Partitions(r.ctx, r.PathValue("link"))
	if err != nil {
		return nil, err
	}
	list.Total = len(list.Partitions)
	slices.SortFunc(list.Partitions, order)
	if limit > 0 && limit < int64(list.Total) {
		list.Partitions = list.Partitions[:limit]
	}
	return list, nil
}

// partitionOrder parses a sort key; a minus sign in front means largest first.
// Equal partitions stay in order of topic and number. A lag that is not known
// counts as larger than any that is.
func partitionOrder(key string) (func(a, b api.PartitionRow) int, error) {
	name, descending := strings.CutPrefix(key, "-")
	var by func(a, b api.PartitionRow) int
	switch name {
	case "topic":
		by = func(a, b api.PartitionRow) int { return strings.Compare(a.Topic, b.Topic) }
	case "lag_seconds":
		by = byLag(func(l api.Lag) float64 { return l.Seconds })
	case "lag_records":
		by = byLag(func(l api.Lag) float64 { return float64(l.Records) })
	case "lag_bytes":
		by = byLag(func(l api.Lag) float64 { return float64(l.Bytes) })
	default:
		return nil, badParameter("sort", key, "topic, lag_seconds, lag_records or lag_bytes, with a minus sign in front for largest first")
	}
	return func(a, b api.PartitionRow) int {
		c := by(a, b)
		if descending {
			c = -c
		}
		return cmp.Or(c, strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	}, nil
}

func byLag(of func(api.Lag) float64) func(a, b api.PartitionRow) int {
	value := func(l api.Lag) float64 {
		if !l.Known() {
			return math.Inf(1)
		}
		return of(l)
	}
	return func(a, b api.PartitionRow) int { return cmp.Compare(value(a.Lag), value(b.Lag)) }
}
