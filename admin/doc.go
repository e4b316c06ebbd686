// Package admin is the daemon's side of the admin API: HTTP and JSON on a Unix
// socket, open to whom the kernel says may use it.
//
// It knows who asks, how long an answer may take and what an operation is; it
// knows nothing of links, logs or metadata. Everything that has a meaning
// comes from a Backend, which cmd/umbra joins from the parts of the daemon.
// Read Server, Backend and operations (operations.go) first; each family of
// routes has a file of its own. The documents are in package api, the client
// in package client.
//
//	curl --unix-socket /run/umbra/admin.sock http://umbra/v1/status
package admin
