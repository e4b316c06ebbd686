// Package hdr writes histograms in HdrHistogram's own file forms, which its plotters
// and log processors read: the interval log (.hlog), a histogram for each stretch of
// time; and the percentile distribution (.hgrm), one curve. It also gives that curve
// as points, for a chart.
//
// A histogram counts whole numbers of some unit, often microseconds; the files show
// milliseconds by convention, so each function is told the unit.
package hdr
