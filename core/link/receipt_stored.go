package link

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"umbra/core/metadata"
)

const (
	// receiptFormat is the version of the stored form.
	receiptFormat = 1
	receiptKind   = "failover"
	// storedBytesMax bounds the stored form, well inside what the metadata takes.
	storedBytesMax = 4 << 20
)

// Receipt reads the stored receipt of an operation, or with "" the link's latest.
// The link itself may be gone. ErrNotFound says that there is none (any more).
func (m *Manager) Receipt(ctx context.Context, link, operation string) (*Receipt, error) {
	for r, err := range m.cfg.Store.Receipts(ctx) {
		if err != nil {
			return nil, err
		}
		if r.Kind == receiptKind && r.Link == link && r.ID == cmp.Or(operation, r.ID) {
			return decodeReceipt(r)
		}
	}
	return nil, fmt.Errorf("receipt %s of link %q: %w", operation, link, ErrNotFound)
}

// encode is the stored form: a JSON string of compressed JSON, for a row of a
// partition is much like the next. Where even that is above limit bytes the rows are
// left out: each topic keeps its own in its failover progress.
func (r *Receipt) encode(limit int) ([]byte, error) {
	body, err := pack(r)
	if err == nil && len(body) > limit {
		short := *r
		short.RowsLeftOut, short.Topics = true, nil
		for _, t := range r.Topics {
			t.Partitions = nil
			short.Topics = append(short.Topics, t)
		}
		body, err = pack(&short)
	}
	if err != nil {
		return nil, fmt.Errorf("encode the receipt: %w", err)
	}
	return body, nil
}

func pack(r *Receipt) ([]byte, error) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if err := json.NewEncoder(z).Encode(r); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return json.Marshal(packed.Bytes())
}

func decodeReceipt(stored metadata.Receipt) (*Receipt, error) {
	r, err := unpack(stored.Body)
	if err != nil {
		return nil, fmt.Errorf("read the stored receipt %s of link %q: %w", stored.ID, stored.Link, err)
	}
	return r, nil
}

func unpack(body []byte) (*Receipt, error) {
	var packed []byte
	if err := json.Unmarshal(body, &packed); err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	r := &Receipt{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, err
	}
	if r.Format != receiptFormat {
		return nil, fmt.Errorf("it has format %d, this version of umbra reads %d", r.Format, receiptFormat)
	}
	return r, nil
}
