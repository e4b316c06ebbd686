//go:build !race

package ioring_test

const raceEnabled = false
