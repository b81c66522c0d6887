package schema_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/schema"
)

const smallest = "schemaVersion: 1\nbackends: {a: {static: 1}}\n"

// TestBytes has the cases that cannot stand in a text file.
func TestBytes(t *testing.T) {
	tests := map[string]struct {
		data string
		want string // empty: accepted
	}{
		"empty":                        {"", "1:1: the file is empty; it must hold a mapping that starts with schemaVersion: 1 [syntax]"},
		"no line end":                  {strings.TrimSuffix(smallest, "\n"), ""},
		"CR LF":                        {strings.ReplaceAll(smallest, "\n", "\r\n"), ""},
		"CR":                           {strings.ReplaceAll(smallest, "\n", "\r"), ""},
		"CR LF with a problem":         {"schemaVersion: 1\r\n\r\nbackend: 1\r\n", `3:1: unknown key "backend"; did you mean "backends"? [unknown-key]`},
		"CR with a problem":            {"schemaVersion: 1\r\rbackend: 1\r", `3:1: unknown key "backend"; did you mean "backends"? [unknown-key]`},
		"byte order mark":              {"\uFEFF" + smallest, ""},
		"byte order mark and problem":  {"\uFEFFbackends: {a: {static: 1}}\n", "1:1: schemaVersion is missing; this build supports schemaVersion: 1 [schema-version]"},
		"only a byte order mark":       {"\uFEFF", "1:1: the file is empty; it must hold a mapping that starts with schemaVersion: 1 [syntax]"},
		"byte order mark further on":   {smallest + "# \uFEFF\n", "3:3: a byte order mark is only allowed at the start of the file [syntax]"},
		"UTF-16":                       {"\xff\xfes\x00", "1:1: the byte 0xff is not UTF-8; save the file in UTF-8 [syntax]"},
		"Latin-1":                      {"schemaVersion: 1\n# k\xe4se é\n", "2:4: the byte 0xe4 is not UTF-8; save the file in UTF-8 [syntax]"},
		"Latin-1 after wide":           {"# é模👍\xe4\n", "1:6: the byte 0xe4 is not UTF-8; save the file in UTF-8 [syntax]"},
		"cut in a character":           {smallest + "# \xe6\xa8", "3:3: the byte 0xe6 is not UTF-8; save the file in UTF-8 [syntax]"},
		"surrogate":                    {"# \xed\xa0\x80", "1:3: the byte 0xed is not UTF-8; save the file in UTF-8 [syntax]"},
		"overlong":                     {"# \xc0\xaf", "1:3: the byte 0xc0 is not UTF-8; save the file in UTF-8 [syntax]"},
		"NUL":                          {"schemaVersion: 1\nbackends:\x00 {}\n", "2:10: the file holds a NUL byte; it is no text [syntax]"},
		"NUL at the end":               {smallest + "\x00", "3:1: the file holds a NUL byte; it is no text [syntax]"},
		"bell":                         {"a: \x07\n", "1:4: the control character U+0007 is not allowed; write it as an escape in double quotes [syntax]"},
		"escape":                       {"a: \x1b[31m\n", "1:4: the control character U+001B is not allowed; write it as an escape in double quotes [syntax]"},
		"delete":                       {"a: \x7f\n", "1:4: the control character U+007F is not allowed; write it as an escape in double quotes [syntax]"},
		"C1":                           {"a: \u0090\n", "1:4: the control character U+0090 is not allowed; write it as an escape in double quotes [syntax]"},
		"next line":                    {"a: \u0085\n", "1:4: the line separator U+0085 is not allowed; write it as an escape in double quotes [syntax]"},
		"line separator":               {"a: \"\u2028\"\n", "1:5: the line separator U+2028 is not allowed; write it as an escape in double quotes [syntax]"},
		"no character":                 {"a: \uFFFE\n", "1:4: the control character U+FFFE is not allowed; write it as an escape in double quotes [syntax]"},
		"escapes may say them":         {`{schemaVersion: 1, backends: {a: {static: "\0\u2028\x85\e"}}}`, ""},
		"at the size limit":            {smallest + "#" + strings.Repeat("x", schema.MaxFileSize-len(smallest)-1), ""},
		"above the size limit":         {smallest + "#" + strings.Repeat("x", schema.MaxFileSize-len(smallest)), " the file is larger than 64 KiB [size]"},
		"JSON":                         {`{"schemaVersion": 1, "backends": {"a": {"static": {"b": [1, "\u00e9"]}}}}`, ""},
		"deep enough for a stack":      {strings.Repeat("[", 30_000), "1:10001: nested deeper than 64 levels [size]"},
		"mappings deep enough as well": {strings.Repeat("{a: ", 16_000), "1:40001: nested deeper than 64 levels [size]"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, ds := parse(t, schema.File{Path: "endpoints/a.yaml", Data: []byte(tt.data)}, schema.ParseEndpoint)
			got := strings.TrimPrefix(ds.Error(), "endpoints/a.yaml:")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestThousandsOfProblems shows that one file cannot flood whoever reads the
// diagnostics.
func TestThousandsOfProblems(t *testing.T) {
	data := smallest + strings.Repeat("? []\n: 1\n", 5000)
	_, ds := parse(t, schema.File{Path: "endpoints/a.yaml", Data: []byte(data)}, schema.ParseEndpoint)
	if len(ds) != 100 {
		t.Fatalf("got %d diagnostics", len(ds))
	}
	if got, want := ds[99].String(), "endpoints/a.yaml:201:3: 4901 more problems from here on [size]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
