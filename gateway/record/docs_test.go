package record_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// documented is a row of the table of fields in docs/records.md.
type documented struct{ name, kind, example, written string }

func readPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/records.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func readRecordsPage(t *testing.T) []documented {
	t.Helper()
	_, table, _ := strings.Cut(readPage(t), "| field | type |")
	table, _, _ = strings.Cut(table, "\n\n")
	row := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]+) \\| `(.+?)` \\| ([^|]+) \\|")
	var all []documented
	for _, m := range row.FindAllStringSubmatch(table, -1) {
		all = append(all, documented{m[1], m[2], m[3], m[4]})
	}
	return all
}

// TestDocumentedFieldsAreThoseOfRecords compares docs/records.md with what is
// written, for a record that has everything and for one that has nothing. Whoever
// adds a field to Record has nothing to do here.
func TestDocumentedFieldsAreThoseOfRecords(t *testing.T) {
	var most record.Record
	fill(t, reflect.ValueOf(&most).Elem())
	full, fullNames := fieldsOf(t, record.AppendJSON(nil, &most))
	bare, _ := fieldsOf(t, record.AppendJSON(nil, &record.Record{Start: at, End: at}))
	page := readRecordsPage(t)
	var names []string
	for _, d := range page {
		names = append(names, d.name)
		kinds := strings.Split(strings.Replace(d.kind, "true, false", "true", 1), " or ")
		if got := kindOf(full[d.name]); got != kinds[0] {
			t.Errorf("%s is %s in a record, and %s on the page", d.name, got, d.kind)
		}
		var example any
		if err := json.Unmarshal([]byte(d.example), &example); err != nil || kindOf(example) != kinds[0] {
			t.Errorf("the example of %s is %s, which is not %s", d.name, d.example, d.kind)
		}
		value, always := bare[d.name]
		if always != (d.written == "always") {
			t.Errorf("%s is written without a value: %t; on the page it is written %s", d.name, always, d.written)
		}
		if null := value == nil; always && null != (len(kinds) > 1) {
			t.Errorf("%s may be null: %t; on the page it is %s", d.name, null, d.kind)
		}
	}
	if diff := cmp.Diff(fullNames, names); diff != "" {
		t.Errorf("fields in their order (-records +docs/records.md):\n%s", diff)
	}
}

// fieldsOf is a line's fields, and their names in order.
func fieldsOf(t *testing.T, line []byte) (map[string]any, []string) {
	t.Helper()
	values := map[string]any{}
	if err := json.Unmarshal(line, &values); err != nil {
		t.Fatal(err)
	}
	var names []string
	d := json.NewDecoder(strings.NewReader(string(line)))
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return values, names
		}
		switch token := token.(type) {
		case json.Delim:
			if token == '{' || token == '[' {
				depth++
			} else {
				depth--
			}
		case string:
			if _, ok := values[token]; ok && depth == 1 && !slices.Contains(names, token) {
				names = append(names, token)
			}
		}
	}
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case float64:
		return "number"
	case bool:
		return "true"
	case map[string]any:
		return "object"
	case []any:
		return "list"
	}
	return fmt.Sprint(v)
}

// fill gives every field of a record a value.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(at))
		return
	case time.Duration:
		v.Set(reflect.ValueOf(time.Second))
		return
	case []byte:
		v.SetBytes([]byte(`{"contentType":null}`))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("text")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint8:
		v.SetUint(2)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(t, v.Field(i))
			}
		}
	default:
		t.Fatalf("no value is known for a %s", v.Type())
	}
}
