// Package rawfetch reads a cluster's partitions as bytes and says whether two
// clusters hold the same ones. It is the independent witness of "equal byte for
// byte": requests go through franz-go, batches are parsed here, and nothing of
// umbra's own wire layer is used.
//
// Read Reader (one cluster), Batch (what it yields), Compare (two live clusters)
// and Recording (what a cluster held, to be compared after it is gone).
package rawfetch
