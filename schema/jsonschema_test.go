package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/switchyard-gateway/switchyard/schema"
)

// beyond lists what JSON Schema cannot say, or an editor does not pass on to
// it, by rule and a part of the message, with the reason.
var beyond = []struct {
	rule    schema.Rule
	message string
	reason  string
}{
	{schema.RuleSyntax, "", "it is about the text, not the value"},
	{schema.RuleSize, "", "it is about the text, not the value"},
	{schema.RuleFile, "", "it is about the file's name"},
	{schema.RuleDuplicateKey, "", "an object has each key once; header fields would have to be compared without letter case"},
	{schema.RuleReference, "", "it compares two places"},
	{schema.RuleConflict, "bears the name of the backend", "it compares two places"},
	{schema.RuleValue, "sum of the weights", "it adds up"},
	{schema.RuleType, "the tag", "tags are gone when the value is read"},
	{schema.RuleType, "the name of a backend must be a text", "an object has no keys but texts"},
	{schema.RuleType, "the name of a header field must be a text", "an object has no keys but texts"},
	{schema.RuleType, "an alias must be a text", "an object has no keys but texts"},
	{schema.RuleType, "a key of static must be a text", "an object has no keys but texts"},
	{schema.RuleType, "has no form in JSON", "an editor reads a plain date as a text"},
	{schema.RuleValue, "the key header:X-A is listed twice", "patterns cannot leave letter case aside"},
	{schema.RuleValue, "a number of static", "any JSON is allowed, and how a number is written is gone when it is read"},
	{schema.RuleValue, "plain decimal digits", "how a number is written is gone when it is read"},
	{schema.RuleValue, "quote it if it is a text", "a number that is too large is read as a text"},
	{schema.RuleVersion, "plain decimal digits", "how a number is written is gone when it is read"},
	{schema.RuleVersion, "the number 1.0", "1.0 is an integer to JSON Schema"},
	{schema.RuleVersion, "the number 1e3", "1e3 is an integer to JSON Schema"},
	{schema.RuleVersion, "at most 2147483647, not 2147483648", "a key can only be compared as a text"},
	{schema.RuleType, "must be an integer, not the number 1.0", "1.0 is an integer to JSON Schema"},
	{schema.RuleSchemaVersion, "not the number 1.0", "1.0 is 1 to JSON Schema"},
	{schema.RuleSchemaVersion, "not the number 01", "how a number is written is gone when it is read"},
	{schema.RuleConflict, "the sink", "it compares two places"},
	{schema.RuleSecret, "a ${ is not closed", "the settings are described by kind only"},
	{schema.RuleValue, "must be 1MiB", "sizes with units cannot be compared"},
	{schema.RuleSecret, "holds credentials and is never captured", "patterns cannot leave letter case aside"},
	{schema.RuleValue, "maxBytes must be from 1 to 256KiB", "sizes with units cannot be compared"},
	{schema.RuleValue, `"X-A" is listed twice`, "patterns cannot leave letter case aside"},
	{schema.RuleValue, "belongs to one connection", "patterns cannot leave letter case aside, and spelled out they would hide the rest"},
	{schema.RuleName, "cannot be set;", "patterns cannot leave letter case aside, and spelled out they would hide the rest"},
	{schema.RuleValue, "above 0s, up to 24h", "durations cannot be compared"},
	{schema.RuleValue, "9999999999999h", "durations cannot be compared"},
	{schema.RuleValue, "must be from 100ms to 1h", "durations cannot be compared"},
	{schema.RuleValue, "must be from 1ms to 1h", "durations cannot be compared"},
	{schema.RuleValue, "must be from 1s to 1h", "durations cannot be compared"},
	{schema.RuleValue, "upside down", "patterns cannot compare numbers"},
	{schema.RuleValue, `"0x10" is no size`, "how a number is written is gone when it is read"},
	{schema.RuleConflict, "is longer than total", "it compares two places"},
	{schema.RuleConflict, "needs maxConcurrent", "it compares two places"},
	{schema.RuleConflict, "fallback must be another backend", "it compares two places"},
	{schema.RuleValue, "must be above 0%, up to 100%", "texts cannot be compared as numbers"},
	{schema.RuleValue, "from 1ms to 1m, not", "durations cannot be compared"},
	{schema.RuleType, "static has no value", "a value that is left out reads as null"},
	{schema.RuleValue, "24h", "durations cannot be compared"},
	{schema.RuleValue, "from 1m to", "durations cannot be compared"},
	{schema.RuleValue, "10ms", "durations cannot be compared"},
	{schema.RuleValue, "GiB", "sizes with units cannot be compared"},
	{schema.RuleValue, "whole number of bytes", "sizes with units cannot be compared"},
	{schema.RuleURL, "is spoken over http", "it takes a look at two places"},
	{schema.RuleConflict, "noise is measured by comparing", "it compares two places"},
	{schema.RuleConflict, "and has gates", "it compares two places"},
	{schema.RuleURL, "tls is for https", "it takes a look at two places"},
	{schema.RuleConflict, "is already set or removed by", "it compares two places"},
	{schema.RuleConflict, "is removed and set", "it compares two places"},
	{schema.RuleType, "a key of what is set must be a text", "an object has no keys but texts"},
	{schema.RuleName, "cannot be removed;", "patterns cannot leave letter case aside, and spelled out they would hide the rest"},
	{schema.RuleValue, "0 to 65535", "the settings are described by kind only"},
	{schema.RuleValue, "holds credentials", "the settings are described by kind only"},
}

// TestJSONSchemasAgreeWithParser holds the published JSON Schemas to the golden
// cases: what the parser accepts they accept, and what the parser refuses they
// refuse if they can.
func TestJSONSchemasAgreeWithParser(t *testing.T) {
	used := make([]bool, len(beyond))
	for kind, document := range map[string]string{
		"endpoint": schema.DocumentEndpoint, "deployment": schema.DocumentDeployment, "key": schema.DocumentKey, "settings": schema.DocumentConfig,
	} {
		compiled := compile(t, document)
		for _, f := range goldenInputs(t, kind) {
			value, err := instance(f.Data)
			_, ds := kinds[kind].read(input(kind, f))
			switch {
			case err != nil && len(ds) == 0:
				t.Errorf("%s/%s is accepted and plain yaml.v3 refuses it: %v", kind, f.Name, err)
			case err != nil:
			case len(ds) == 0:
				if err := compiled.Validate(value); err != nil {
					t.Errorf("%s/%s is accepted by the parser only: %v", kind, f.Name, err)
				}
			case compiled.Validate(value) == nil && !allBeyond(ds, used):
				t.Errorf("%s/%s is refused by the parser only: %v", kind, f.Name, ds)
			}
		}
	}
	for i, b := range beyond {
		if !used[i] {
			t.Errorf("no golden case needs the exception %q %q", b.rule, b.message)
		}
	}
}

// allBeyond reports whether JSON Schema can say nothing about the diagnostics.
func allBeyond(ds schema.Diagnostics, used []bool) bool {
	for _, d := range ds {
		found := false
		for i, b := range beyond {
			if d.Rule == b.rule && strings.Contains(d.Message, b.message) {
				used[i], found = true, true
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func compile(t *testing.T, document string) *jsonschema.Schema {
	t.Helper()
	data, ok := schema.JSONSchema(document)
	if !ok {
		t.Fatalf("no JSON Schema of %s", document)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	id := document + ".json"
	if err := c.AddResource(id, parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// instance reads YAML as an editor does before it validates: as the JSON value
// that it stands for.
func instance(data []byte) (value any, err error) {
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	text, err := json.Marshal(jsonValue(v))
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

// jsonValue turns keys of other types into texts, and -0 into 0.
func jsonValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = jsonValue(v[k])
		}
		return v
	case map[any]any:
		m := make(map[string]any, len(v))
		for k := range v {
			m[fmt.Sprint(k)] = jsonValue(v[k])
		}
		return m
	case []any:
		for i := range v {
			v[i] = jsonValue(v[i])
		}
	case float64:
		return v + 0
	}
	return v
}

func TestJSONSchemaOfUnknownKind(t *testing.T) {
	if data, ok := schema.JSONSchema("route"); ok {
		t.Errorf("got %s", data)
	}
}

func TestConfigSchemaDescribesEverySetting(t *testing.T) {
	data, _ := schema.JSONSchema(schema.DocumentConfig)
	var s struct {
		Properties map[string]struct{ Description string }
	}
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	for _, setting := range schema.Settings() {
		if !strings.Contains(s.Properties[setting.Key].Description, "--"+setting.Flag) {
			t.Errorf("%s is described by %q", setting.Key, s.Properties[setting.Key].Description)
		}
	}
}
