// Package process runs the parts of a bench that must be processes of their own,
// so that what each costs can be told apart: a synthetic source, and the client
// that fetches and throws away. Each is a hidden command of umbra-bench (ServeSource,
// ServeDiscard) and a handle in the process that measures (Source, Discard).
//
// The two talk in JSON documents over the child's standard input and output; the
// child ends when its input does.
package process
