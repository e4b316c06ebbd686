// Package observe lets an operator see the daemon: metrics, health and logs.
//
// It is the only package that knows the metrics library. Owners of figures
// register a function that is called at each scrape and emits them under a
// name of the catalogue (Families); a name or label that is not in the
// catalogue is refused, so dashboards and documents can rely on it. Hot paths
// keep plain counters and never come here.
//
// Readiness says whether this process serves. It never depends on a source: a
// load balancer must not drop the copy at the moment the original is lost.
//
// Read Registry, Server and NewLogger first.
package observe
