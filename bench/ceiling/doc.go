// Package ceiling is what this machine can do at best, measured in the same run as
// what is compared with it: copying memory, CRC-32C, and writing the data
// directory's disk past the page cache. The fourth ceiling, a client that receives
// and throws away, is bench/plain.
//
// It does each thing alone and on one core, with nothing of umbra's or Kafka's in the
// way. Read Measure first, then Ceiling.Figures. Wakes is the same for delays: how long
// a sleeping thread takes to wake up.
package ceiling
