// Package page draws reports: one HTML file for any number of them that needs no
// network and no script, light and dark, on a telephone and on paper, and a PNG of
// it where a browser is installed.
//
// It knows nothing of a bench. What is written in a report's Document is what is
// shown, and every text of it is escaped by html/template. Charts are laid out here
// and drawn by the template as inline SVG: read Scene (what is drawn), bars.go and
// curves.go (where), palette.go (in which colour), then Write.
package page
