package schema_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/switchyard-gateway/switchyard/schema"
)

// longExample is where an example is too long to read in a table, if there is
// another one.
const longExample = 80

// example is the first value of a key in the documents that is not long, or else
// the shortest. What stands at the top of a deployment stands on versions as well.
func (r *keyTable) example(path string) string {
	found := ""
	for _, at := range []string{path, strings.TrimPrefix(path, "versions.*."), "versions.*." + path} {
		for _, document := range r.examples {
			value := lookUp(document, strings.Split(at, "."))
			if value == nil {
				continue
			}
			text := path[strings.LastIndex(path, ".")+1:] + ": " + flow(value, true)
			if len(text) <= longExample {
				return text
			}
			if found == "" || len(text) < len(found) {
				found = text
			}
		}
	}
	return found
}

// lookUp finds a key, whose * are any, in a document. Elements of lists are
// looked into.
func lookUp(n *yaml.Node, path []string) *yaml.Node {
	if len(path) == 0 {
		return n
	}
	if n.Kind == yaml.SequenceNode {
		for _, element := range n.Content {
			if found := lookUp(element, path); found != nil {
				return found
			}
		}
	}
	for name, value := range members(n) {
		if path[0] == "*" || path[0] == name {
			if found := lookUp(value, path[1:]); found != nil {
				return found
			}
		}
	}
	return nil
}

// guideExamples are the documents of the guide, by their kind.
func guideExamples(t *testing.T) map[string][]*yaml.Node {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(guidePage))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]*yaml.Node{}
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n# (endpoint|deployment|key)s/(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		var document yaml.Node
		if err := yaml.Unmarshal([]byte("# "+m[2]), &document); err != nil {
			t.Fatal(err)
		}
		all[m[1]] = append(all[m[1]], document.Content[0])
	}
	return all
}

// moreExamples is a document that has what the guide does not show, if there is any
// such thing. It must be sound.
func moreExamples(t *testing.T, kind string) []*yaml.Node {
	t.Helper()
	path := filepath.Join("testdata", "reference", kind+".yaml")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	file := schema.File{Path: kind + "s/full.yaml", Data: text}
	var problems schema.Diagnostics
	switch kind {
	case schema.DocumentEndpoint:
		_, problems = schema.ParseEndpoint(file)
	case schema.DocumentDeployment:
		_, problems = schema.ParseDeployment(file)
	}
	if len(problems) > 0 {
		t.Errorf("%s:\n%v", path, problems)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return document.Content
}
