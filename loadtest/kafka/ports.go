package kafka

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// freePorts finds n distinct ports of 127.0.0.1 that nothing listens on. They lie
// below the range the kernel hands out to outgoing connections, so that a
// broker that is down finds its port free when it comes back.
func freePorts(n int) ([]int, error) {
	const low, high, tries = 15000, 32000, 2000
	seen := map[int]bool{}
	ports := make([]int, 0, n)
	for range tries {
		if len(ports) == n {
			return ports, nil
		}
		p := low + rand.IntN(high-low)
		if seen[p] {
			continue
		}
		seen[p] = true
		l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			continue
		}
		l.Close()
		ports = append(ports, p)
	}
	return nil, errors.New("find free ports: none between 15000 and 32000")
}
