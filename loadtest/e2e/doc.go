// Package e2e holds the end-to-end tests: the real umbra binary beside real Apache
// Kafka, stock clients and a hostile source, judged from outside. It has tests only;
// `make e2e` runs them.
//
// Read env_test.go first: what a test starts and how it waits.
package e2e
