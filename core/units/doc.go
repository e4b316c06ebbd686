// Package units reads and writes what a person types where a setting is asked
// for: sizes, rates and durations, always with a unit, and names that may be
// misspelled. It knows no setting: core/config and core/link/spec have theirs.
//
// Every Format is read back by its Parse to the same value.
package units
