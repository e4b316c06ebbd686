package kafkaproto

// decodeArray reads a non-null array whose elements take at least sizeMin
// bytes; one decodes an element in place. Elements after the first malformed
// one stay zero: the caller's Reader carries the error.
func decodeArray[T any](r *Reader, sizeMin int, one func(e *T)) []T {
	return decodeN(r, r.ArrayLen(sizeMin), one)
}

// decodeNullableArray is decodeArray with nil for null and an empty, not nil
// slice for empty, because the two mean different things where null is legal.
func decodeNullableArray[T any](r *Reader, sizeMin int, one func(e *T)) []T {
	n := r.NullableArrayLen(sizeMin)
	if n < 0 || r.bad {
		return nil
	}
	if n == 0 {
		return []T{}
	}
	return decodeN(r, n, one)
}

func decodeN[T any](r *Reader, n int, one func(e *T)) []T {
	if n <= 0 {
		return nil
	}
	out := make([]T, n)
	for i := range out {
		if r.bad {
			break
		}
		one(&out[i])
	}
	return out
}

// encodeArray writes a non-null array.
func encodeArray[T any](w *Writer, v []T, one func(e *T)) {
	w.ArrayLen(len(v))
	for i := range v {
		one(&v[i])
	}
}

// encodeNullableArray writes nil as null.
func encodeNullableArray[T any](w *Writer, v []T, one func(e *T)) {
	if v == nil {
		w.NullArray()
		return
	}
	encodeArray(w, v, one)
}

// resize is for structs that are decoded into again and again: it returns n
// elements, with the memory of s and of the slices inside its elements where
// that is enough. The elements hold old values; the caller sets every field.
func resize[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	grown := make([]T, n)
	copy(grown, s[:cap(s)])
	return grown
}

// resizeNullable is resize with nil for n = -1 (null), and with an empty, not
// nil slice for 0.
func resizeNullable[T any](s []T, n int) []T {
	if n < 0 {
		return nil
	}
	if n == 0 && s == nil {
		return []T{}
	}
	return resize(s, n)
}
