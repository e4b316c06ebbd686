package broker

// fetch is one Fetch request under way.
type fetch struct{}

func (f *fetch) cancel() {}
