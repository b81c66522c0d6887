package schema_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/switchyard-gateway/switchyard/schema"
)

const (
	guidePage     = "../docs/endpoints.md"
	referencePage = "../docs/reference.md"
)

const referenceHead = `# Reference

Every key of the documents in git, with an example. [Endpoints and deployments](endpoints.md) tells what they do together.

This page is made of the JSON Schemas that ` + "`switchyard schema`" + ` prints, by ` + "`go test ./schema -run Reference -update`" + `. Its examples
are parts of the documents in [endpoints.md](endpoints.md) and in [schema/testdata/reference](../schema/testdata/reference), which the tests check.

In keys, ` + "`*`" + ` is a name or a number of your choice. A duration is written as ` + "`250ms`, `1m30s` or `1h`" + `; a size is a number of bytes, or
` + "`64KiB`, `1MiB`" + ` and so on.
`

// The reference tells every key of the JSON Schemas, and shows an example of each.
func TestReferenceIsThatOfTheSchemas(t *testing.T) {
	examples := guideExamples(t)
	var page strings.Builder
	page.WriteString(referenceHead)
	for _, kind := range []string{schema.DocumentEndpoint, schema.DocumentDeployment, schema.DocumentKey} {
		text, _ := schema.JSONSchema(kind)
		var document yaml.Node
		if err := yaml.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		r := &keyTable{root: document.Content[0], examples: append(examples[kind], moreExamples(t, kind)...), told: map[*yaml.Node]string{}}
		r.object(r.root, "")
		fmt.Fprintf(&page, "\n## %ss/NAME.yaml\n\n%s\n\n| key | takes | default | | example |\n|---|---|---|---|---|\n",
			kind, sentenceAfter(member(r.root, "description").Value, ": "))
		for _, row := range r.rows {
			if row.example == "" {
				t.Errorf("%s of %ss has no example: write one in docs/endpoints.md or schema/testdata/reference", row.key, kind)
			}
			fmt.Fprintf(&page, "| `%s` | %s | %s | %s | %s |\n", row.key, row.takes, code(row.standard), row.meaning, code(row.example))
		}
	}
	got, err := os.ReadFile(referencePage)
	if *update {
		err = os.WriteFile(referencePage, []byte(page.String()), 0o644)
		got = []byte(page.String())
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(got), page.String()); diff != "" {
		t.Errorf("docs/reference.md (-page +schemas; -update writes it):\n%s", diff)
	}
}

// keyTable collects the keys of one kind of document.
type keyTable struct {
	root     *yaml.Node // of the JSON Schema
	examples []*yaml.Node
	told     map[*yaml.Node]string // definitions whose keys have rows, and under which key
	rows     []keyRow
}

type keyRow struct{ key, takes, standard, meaning, example string }

// object adds the keys that a schema of a mapping has, and those below.
func (r *keyTable) object(s *yaml.Node, path string) {
	for _, alternative := range r.alternatives(s) {
		if items := member(alternative, "items"); items != nil {
			r.object(items, path)
		}
		for name, value := range members(member(alternative, "properties")) {
			if !slices.ContainsFunc(r.rows, func(row keyRow) bool { return row.key == path+name }) {
				r.key(value, path+name)
			}
		}
		for _, value := range members(member(alternative, "patternProperties")) {
			r.object(value, path+"*.")
		}
		if more := member(alternative, "additionalProperties"); more != nil && more.Kind == yaml.MappingNode {
			r.object(more, path+"*.")
		}
	}
}

func (r *keyTable) key(s *yaml.Node, path string) {
	row := keyRow{key: path, takes: r.takes(s), meaning: cell(r.said(s, "description"))}
	if d := r.find(s, "default"); d != nil {
		row.standard = flow(d, false)
	}
	row.example = r.example(path)
	definition := r.resolve(s)
	before, again := r.told[definition]
	if again && r.hasKeys(definition) {
		row.meaning = strings.TrimSpace(row.meaning + " As `" + before + "`.")
	}
	r.rows = append(r.rows, row)
	if !again {
		r.told[definition] = path
		r.object(s, path+".")
	}
}

func (r *keyTable) hasKeys(s *yaml.Node) bool {
	return slices.ContainsFunc(r.alternatives(s), func(a *yaml.Node) bool { return member(a, "properties") != nil })
}

// resolve follows references.
func (r *keyTable) resolve(s *yaml.Node) *yaml.Node {
	for member(s, "$ref") != nil {
		s = member(member(r.root, "$defs"), strings.TrimPrefix(member(s, "$ref").Value, "#/$defs/"))
	}
	return s
}

// alternatives are the schemas of which one holds.
func (r *keyTable) alternatives(s *yaml.Node) []*yaml.Node {
	s = r.resolve(s)
	all := []*yaml.Node{s}
	for _, word := range []string{"anyOf", "oneOf", "allOf"} {
		if of := member(s, word); of != nil {
			for _, a := range of.Content {
				all = append(all, r.alternatives(a)...)
			}
		}
	}
	return all
}

// find is what a schema says, or else what it refers to.
func (r *keyTable) find(s *yaml.Node, word string) *yaml.Node {
	for {
		if found := member(s, word); found != nil || member(s, "$ref") == nil {
			return found
		}
		s = member(member(r.root, "$defs"), strings.TrimPrefix(member(s, "$ref").Value, "#/$defs/"))
	}
}

func (r *keyTable) said(s *yaml.Node, word string) string {
	if found := r.find(s, word); found != nil {
		return found.Value
	}
	return ""
}

// takes says in a few words which values there may be.
func (r *keyTable) takes(s *yaml.Node) string {
	s = r.resolve(s)
	if c := member(s, "const"); c != nil {
		return "`" + flow(c, false) + "`"
	}
	if values := member(s, "enum"); values != nil {
		return "`" + strings.Join(scalars(values), "`, `") + "`"
	}
	if member(s, "type") != nil {
		return r.typeOf(s)
	}
	var all []string
	for _, word := range []string{"anyOf", "oneOf", "allOf"} {
		for _, a := range elements(member(s, word)) {
			one := r.takes(a)
			if one == "size" {
				return one // a number of bytes besides
			}
			if !slices.Contains(all, one) && one != "" {
				all = append(all, one)
			}
		}
	}
	return cmp.Or(strings.Join(all, " or "), "anything")
}

func (r *keyTable) typeOf(s *yaml.Node) string {
	switch kind := member(s, "type").Value; kind {
	case "array":
		return "list of " + r.takes(member(s, "items"))
	case "object":
		return "mapping"
	case "boolean":
		return "`true`, `false`"
	case "string":
		return textOf(s)
	default:
		return strings.TrimSpace(kind + " " + bounds(s))
	}
}

// textOf tells what is written with a unit by its pattern.
func textOf(s *yaml.Node) string {
	pattern := member(s, "pattern")
	switch {
	case pattern != nil && strings.Contains(pattern.Value, "|ms|"):
		return "duration"
	case pattern != nil && strings.Contains(pattern.Value, "KiB|"):
		return "size"
	}
	return "text"
}

func bounds(s *yaml.Node) string {
	var all []string
	for _, b := range []struct{ word, says string }{{"minimum", "from"}, {"exclusiveMinimum", "above"}, {"exclusiveMaximum", "below"}, {"maximum", "to"}} {
		if limit := member(s, b.word); limit != nil {
			all = append(all, b.says+" "+limit.Value)
		}
	}
	return strings.Join(all, " ")
}
