// Package process runs the parts of a bench that must be processes of their own,
// so that what each costs can be told apart: a synthetic source, the client that
// fetches and throws away, and a long way between two others. Each is a hidden
// command of umbra-bench (ServeSource, ServeDiscard, ServeWay) and a handle in the
// process that measures (Source, Discard, Way).
//
// The two talk in JSON documents over the child's standard input and output; the
// child ends when its input does.
package process
