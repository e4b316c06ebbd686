// Package report is the output side of every bench: the Document that all of them
// write as JSON, the table helpers, and what is made from documents afterwards. It
// measures nothing and knows no command.
//
// A command's own report embeds Document, fills Figures (what is compared and held
// against targets) and Charts (what is drawn), and is written with Write. Read reads
// what all have in common back from any of them.
package report
