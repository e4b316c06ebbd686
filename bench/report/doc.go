// Package report is what a bench found: the types that are written as JSON, the
// medians, and the table a person reads. It measures nothing.
package report
