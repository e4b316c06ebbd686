package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Seal stamps the receipt and sets SHA256 to the digest of the receipt as
// compact JSON in which receipt_sha256 is the empty string.
func (r *Receipt) Seal() error {
	r.SHA256 = ""
	b, err := Marshal(r, false)
	if err != nil {
		return fmt.Errorf("seal receipt of link %q: %w", r.Link, err)
	}
	r.SHA256 = digest(bytes.TrimSpace(b))
	return nil
}

// CheckSeal reads a receipt as it lies in a file, in any layout, and compares
// the digest it carries with its content. It works on the text and not on the
// Go type, so it also holds for receipts of newer versions.
func CheckSeal(receipt []byte) error {
	var head struct {
		SHA256 string `json:"receipt_sha256"`
	}
	if err := json.Unmarshal(receipt, &head); err != nil {
		return fmt.Errorf("check receipt: not JSON: %w", err)
	}
	if head.SHA256 == "" {
		return fmt.Errorf("check receipt: it carries no receipt_sha256")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, receipt); err != nil {
		return fmt.Errorf("check receipt: not JSON: %w", err)
	}
	sealed := fmt.Appendf(nil, `"receipt_sha256":%q`, head.SHA256)
	if n := bytes.Count(compact.Bytes(), sealed); n != 1 {
		return fmt.Errorf("check receipt: receipt_sha256 stands in it %d times, want once", n)
	}
	bare := bytes.Replace(compact.Bytes(), sealed, []byte(`"receipt_sha256":""`), 1)
	if got := digest(bare); got != head.SHA256 {
		return fmt.Errorf("check receipt: content has sha256 %s, the receipt says %s: it was changed after it was written", got, head.SHA256)
	}
	return nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
