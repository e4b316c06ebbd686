package metadata

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// check validates one value against its key.
func (k ConfigKey) check(value string) error {
	bad := func(format string, args ...any) error {
		return &ConfigError{k.Name, value, fmt.Sprintf(format, args...)}
	}
	switch k.Type {
	case TypeBoolean:
		if value != "true" && value != "false" {
			return bad("want true or false")
		}
	case TypeInt, TypeShort, TypeLong:
		n, err := strconv.ParseInt(value, 10, map[ConfigType]int{TypeInt: 32, TypeShort: 16, TypeLong: 64}[k.Type])
		if err != nil {
			return bad("want a whole number in range")
		}
		if k.max != 0 && (n < k.min || n > k.max) {
			return bad("want a number from %d to %d", k.min, k.max)
		}
	case TypeDouble:
		f, err := strconv.ParseFloat(value, 64)
		if err != nil || !(f >= float64(k.min) && f <= float64(k.max)) { // also refuses NaN
			return bad("want a number from %d to %d", k.min, k.max)
		}
	case TypeList:
		return k.checkList(value, bad)
	default:
		if k.choices != nil && !slices.Contains(k.choices, value) {
			return bad("want one of %s", strings.Join(k.choices, ", "))
		}
	}
	return nil
}

func (k ConfigKey) checkList(value string, bad func(string, ...any) error) error {
	if value == "" || k.choices == nil {
		return nil
	}
	items := SplitList(value)
	for i, item := range items {
		if !slices.Contains(k.choices, item) {
			return bad("%q is not one of %s", item, strings.Join(k.choices, ", "))
		}
		if slices.Contains(items[:i], item) {
			return bad("%q is listed twice", item)
		}
	}
	return nil
}

// SplitList reads a config of type list: items between commas, without the
// spaces round them; "" is the empty list.
func SplitList(value string) []string {
	if strings.TrimSpace(value) == "" {
		return nil
	}
	items := strings.Split(value, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}

// joinConfigErrors keeps a single fault's own type for callers that show one.
func joinConfigErrors(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// toTopicUnit converts a broker property to the unit of the topic config it
// stands behind: log.retention.hours and .minutes, log.roll.hours become ms.
func toTopicUnit(property, value string) string {
	factor := int64(1)
	switch {
	case strings.HasSuffix(property, ".hours"):
		factor = 3600_000
	case strings.HasSuffix(property, ".minutes"):
		factor = 60_000
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if factor == 1 || err != nil || n < 0 {
		return value
	}
	return strconv.FormatInt(n*factor, 10)
}
