// Package config composes the daemon's configuration from defaults, a TOML
// file, UMBRA_* environment variables and flags, the later stronger, and
// remembers where each value came from.
//
// Everything wrong is reported in one pass, each with its place; nothing half
// valid is ever returned. Broker properties keep Kafka's own names and are
// checked against the catalogue in core/metadata. The package starts nothing:
// cmd/umbra turns a Config into each package's own settings.
//
// Read Config, then Load. The list of settings is in settings.go.
package config
