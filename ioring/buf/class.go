package buf

const (
	pageBytes = 4096
	hugeBytes = 2 << 20

	// NumClasses is the number of slab sizes; anything larger than the last
	// class is a jumbo slab with a mapping of its own.
	NumClasses = 6

	// firstBigClass and above are cut from extents that are whole huge pages
	// and are handed back to the system by Trim.
	firstBigClass = 3

	jumboClass = -1
)

// class is one slab size and how its extents grow: the first holds `first`
// slabs, each later one as many as the class already has, up to `most`. Small
// first extents keep an idle process small: a registered extent is resident
// from its first moment.
type class struct {
	bytes       int
	first, most int
}

// The odd 16 KiB of the big classes is room for what surrounds a power of two
// of payload: a carried tail block in front, the rest of a block behind.
func classes() [NumClasses]class {
	return [NumClasses]class{
		{4 << 10, 32, 512},
		{16 << 10, 16, 128},
		{64 << 10, 8, 64},
		{272 << 10, 7, 60},
		{1<<20 + 16<<10, 7, 31},
		{4<<20 + 16<<10, 1, 7},
	}
}

// classFor gives the smallest class that holds n bytes, or jumboClass.
func (a *Arena) classFor(n int) int {
	for i := range a.classes {
		if n <= a.classes[i].bytes {
			return i
		}
	}
	return jumboClass
}

// extentBytes is the mapping needed for count slabs of class c: whole pages
// for small classes, whole huge pages for big ones.
func (a *Arena) extentBytes(c, count int) int {
	unit := pageBytes
	if c >= firstBigClass {
		unit = hugeBytes
	}
	return roundUp(count*a.classes[c].bytes, unit)
}

func roundUp(n, unit int) int { return (n + unit - 1) / unit * unit }
