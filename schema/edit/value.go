package edit

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/switchyard-gateway/switchyard/schema"
)

// value is what is written into a document: a scalar, or fields in their order.
type value struct {
	scalar string // as it is written
	tree   *tree
	fields []field
	flow   bool // the fields stand in braces, whatever surrounds them
}

type field struct {
	key   string
	value value
}

func number(f float64) value {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	tag := "!!float"
	if !strings.Contains(s, ".") {
		tag = "!!int"
	}
	return value{scalar: s, tree: &tree{kind: yaml.ScalarNode, tag: tag, value: s}}
}

func boolean(b bool) value {
	s := strconv.FormatBool(b)
	return value{scalar: s, tree: &tree{kind: yaml.ScalarNode, tag: "!!bool", value: s}}
}

// label is a text without quotes if it cannot be taken for anything else.
var label = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./-]*$`)

// words are read as something else than a text by this or another reader of YAML.
var words = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

func str(s string) value {
	v := value{scalar: s, tree: &tree{kind: yaml.ScalarNode, tag: "!!str", value: s}}
	if !label.MatchString(s) || slices.Contains(words, strings.ToLower(s)) {
		v.scalar = doubleQuoted(s)
	}
	return v
}

// doubleQuoted is a text in quotes: JSON's are understood by YAML.
func doubleQuoted(s string) string {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("a text has no JSON: " + err.Error())
	}
	return string(quoted)
}

func version(v schema.Version) value {
	if v.Alias == "" {
		return number(float64(v.Number))
	}
	return str(v.Alias)
}

func mapping(fields ...field) value {
	v := value{fields: fields, tree: &tree{kind: yaml.MappingNode, tag: "!!map"}}
	for _, f := range fields {
		v.tree.keys = append(v.tree.keys, f.key)
		v.tree.children = append(v.tree.children, f.value.tree)
	}
	return v
}

// Ref addresses a version of a deployment.
type Ref struct {
	Branch  string
	Name    string
	Version schema.Version
}

func (r Ref) value() value {
	v := mapping(field{"branch", str(r.Branch)}, field{"name", str(r.Name)}, field{"version", version(r.Version)})
	v.flow = true
	return v
}

// inFlow is the value as it stands within braces, with keys in quotes as in JSON
// if the surroundings have them.
func (v value) inFlow(quoted bool) string {
	if v.fields == nil {
		if quoted && v.tree.tag == "!!str" && v.scalar == v.tree.value {
			return doubleQuoted(v.scalar)
		}
		return v.scalar
	}
	parts := make([]string, len(v.fields))
	for i, f := range v.fields {
		parts[i] = f.inFlow(quoted)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (f field) inFlow(quoted bool) string {
	key := str(f.key).scalar
	if quoted && key == f.key {
		key = doubleQuoted(f.key)
	}
	return key + ": " + f.value.inFlow(quoted)
}

// inBlock is the lines of a field that is indented by some spaces, without the
// last break.
func (f field) inBlock(indent, step int, newline string) string {
	line := strings.Repeat(" ", indent) + str(f.key).scalar + ":"
	if f.value.fields == nil || f.value.flow {
		return line + " " + f.value.inFlow(false)
	}
	lines := []string{line}
	for _, below := range f.value.fields {
		lines = append(lines, below.inBlock(indent+step, step, newline))
	}
	return strings.Join(lines, newline)
}
