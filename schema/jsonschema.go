package schema

import (
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
)

//go:embed jsonschema/*.json
var jsonSchemas embed.FS

// The kinds of documents that JSONSchema describes.
const (
	DocumentEndpoint   = "endpoint"
	DocumentDeployment = "deployment"
	DocumentKey        = "key"
	DocumentConfig     = "config"
)

// JSONSchema is the JSON Schema (draft 2020-12) of a kind of document, for
// editors: "endpoint", "deployment", "key" or "config". It accepts whatever the parser
// accepts; of what the parser refuses it refuses all that one value shows by
// itself, but nothing that takes a look at two places or at other files. The
// caller may change what it gets.
func JSONSchema(kind string) ([]byte, bool) {
	switch kind {
	case DocumentEndpoint, DocumentDeployment, DocumentKey:
		data, err := jsonSchemas.ReadFile("jsonschema/" + kind + ".json")
		if err != nil {
			panic("schema: an embedded file is missing: " + err.Error())
		}
		return data, true
	case DocumentConfig:
		return configSchema(), true
	}
	return nil, false
}

// object is a JSON object that is printed with its keys sorted.
type object map[string]any

// configSchema is made from the table of settings.
func configSchema() []byte {
	properties := object{"schemaVersion": object{"description": "Version of this form.", "const": 1}}
	for _, s := range Settings() {
		p := s.jsonSchema()
		p["description"] = s.Help + fmt.Sprintf(" Flag: --%s; environment: %s.", s.Flag, s.Env)
		if s.Default != "" {
			p["default"] = s.jsonDefault()
		}
		properties[s.Key] = p
	}
	sinks, err := jsonSchemas.ReadFile("jsonschema/sinks.json")
	if err != nil {
		panic("schema: an embedded file is missing: " + err.Error())
	}
	properties["sinks"] = json.RawMessage(sinks)
	data, err := json.MarshalIndent(object{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"$id":                  "https://switchyard-gateway.github.io/schema/config.json",
		"title":                "Switchyard configuration",
		"description":          "switchyard.yaml: what a process is told when it starts. Flags win over the environment, the environment over this file.",
		"type":                 "object",
		"additionalProperties": false,
		"properties":           properties,
	}, "", "  ")
	if err != nil {
		panic("schema: the table of settings has no form in JSON: " + err.Error())
	}
	return append(data, '\n')
}

// jsonSchema describes the values of a setting. Durations and sizes have no
// order in JSON Schema, so that their range is left to the parser.
func (s Setting) jsonSchema() object {
	switch s.Kind {
	case KindBool:
		return object{"type": "boolean"}
	case KindInt, KindFloat:
		return s.jsonNumber()
	case KindDuration:
		return object{"anyOf": []object{
			{"const": 0},
			{"type": "string", "pattern": `^[+-]?(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^[+-]?0$`},
		}}
	case KindSize:
		return object{"anyOf": []object{
			{"type": "integer", "minimum": 0},
			{"type": "string", "pattern": `^-?(0|[1-9][0-9]*)([.][0-9]+)?(KiB|MiB|GiB|kB|MB|GB|B)?$`},
		}}
	case KindStrings:
		text := object{"type": "string"}
		return object{"anyOf": []object{text, {"type": "array", "items": text}}}
	case KindString:
	}
	if len(s.oneOf) > 0 {
		return object{"enum": s.oneOf}
	}
	return object{"type": "string"}
}

func (s Setting) jsonNumber() object {
	o := object{"type": "number"}
	if s.Kind == KindInt {
		o["type"] = "integer"
	}
	if s.min != "" {
		o["minimum"] = json.Number(s.min)
	}
	if s.max != "" {
		o["maximum"] = json.Number(s.max)
	}
	return o
}

// jsonDefault is the default as it would be written in the file.
func (s Setting) jsonDefault() any {
	switch s.Kind {
	case KindBool:
		return s.Default == "true"
	case KindInt, KindFloat:
		return json.Number(s.Default)
	case KindSize:
		if n, err := strconv.Atoi(s.Default); err == nil {
			return n
		}
	case KindString, KindDuration, KindStrings:
	}
	return s.Default
}
