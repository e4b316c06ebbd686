package kafkaproto

// RequestHeader is the header of every request, v1 or v2:
//
//	v1: key int16, version int16, correlation id int32, client id (legacy nullable string)
//	v2: the same, then tagged fields; the client id stays legacy
//
// Which of the two it is follows from key and version. With the two response
// headers below these are the only four cases on the wire that we speak.
type RequestHeader struct {
	Key, Version  int16
	CorrelationID int32
	ClientID      *string // nil is null
}

// Decode reads the header from a fresh Reader and leaves r ready for the body
// of that version. For a key that is not in the table the header is read as
// v1; the caller closes such a connection. For a version that is not in the
// table the fields are still right, since a version newer than the first
// flexible one is flexible too: that is what lets ApiVersions be answered.
// A header struct that is used again keeps a ClientID whose text is the same.
func (h *RequestHeader) Decode(r *Reader) {
	r.SetFlexible(false)
	h.Key = r.Int16()
	h.Version = r.Int16()
	h.CorrelationID = r.Int32()
	r.nullableStringInto(&h.ClientID)
	api, _ := Lookup(h.Key)
	r.SetFlexible(api.Flexible(h.Version))
	r.Tags()
}

// Encode writes the header and leaves w ready for the body of that version.
func (h *RequestHeader) Encode(w *Writer) {
	w.SetFlexible(false)
	w.Int16(h.Key)
	w.Int16(h.Version)
	w.Int32(h.CorrelationID)
	w.NullableString(h.ClientID)
	api, _ := Lookup(h.Key)
	w.SetFlexible(api.Flexible(h.Version))
	w.Tags()
}

// ResponseHeader writes the header of the answer to (key, version) and leaves
// w ready for the body. v0 is the correlation id alone, v1 (flexible) adds
// tagged fields. ApiVersions always has v0, because a client reads that answer
// before it knows what the broker speaks.
func ResponseHeader(w *Writer, key, version int16, correlationID int32) {
	api, _ := Lookup(key)
	w.Int32(correlationID)
	w.SetFlexible(api.Flexible(version))
	if !api.responseHeaderV0 {
		w.Tags()
	}
}

// DecodeResponseHeader reads the header of the answer to (key, version) from
// a fresh Reader and leaves r ready for the body.
func DecodeResponseHeader(r *Reader, key, version int16) (correlationID int32) {
	api, _ := Lookup(key)
	correlationID = r.Int32()
	r.SetFlexible(api.Flexible(version))
	if !api.responseHeaderV0 {
		r.Tags()
	}
	return correlationID
}
