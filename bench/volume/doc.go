// Package volume makes file systems for benches: what a disk costs is for a part what lies
// between it and umbra, and the folder for data may lie on an unusual one.
package volume
