//go:build !amd64

package crc32c

import "hash/crc32"

// Update is the checksum of what crc was the checksum of, followed by p (borrowed).
func Update(crc uint32, p []byte) uint32 { return crc32.Update(crc, table, p) }
