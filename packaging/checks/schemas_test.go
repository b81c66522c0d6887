package checks_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is pinned anew")

// kubernetesVersions are what the chart is checked against: the oldest Kubernetes
// that Chart.yaml takes, and a new one.
var kubernetesVersions = []string{"v1.27.16", "v1.37.2"}

// pinned are the kinds that the chart renders, by the documents of Kubernetes that
// describe them.
var pinned = map[string][]string{
	"api__v1":                     {"ConfigMap", "Service", "ServiceAccount"},
	"apis__apps__v1":              {"Deployment", "StatefulSet"},
	"apis__autoscaling__v2":       {"HorizontalPodAutoscaler"},
	"apis__networking.k8s.io__v1": {"Ingress", "NetworkPolicy"},
	"apis__policy__v1":            {"PodDisruptionBudget"},
}

// TestSchemasAreThoseOfKubernetes compares the pinned schemas with what Kubernetes'
// own module says of its API; with -update they are written.
func TestSchemasAreThoseOfKubernetes(t *testing.T) {
	for _, version := range kubernetesVersions {
		t.Run(version, func(t *testing.T) {
			source := downloaded(t, "k8s.io/kubernetes@"+version)
			for document, kinds := range pinned {
				published := readDocument(t, filepath.Join(source, "api/openapi-spec/v3", document+"_openapi.json"))
				for _, kind := range kinds {
					name, text := published.schemaOf(t, kind)
					comparePinned(t, filepath.Join("testdata/schemas", version, name), text)
				}
			}
		})
	}
}

func comparePinned(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("%s (-pinned +published; -update writes it):\n%s", path, diff)
	}
}

// downloaded is where the Go module proxy's source of a module lies. Its sum is
// checked against the checksum database as that of any module.
func downloaded(t *testing.T, module string) string {
	t.Helper()
	download := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
	download.Dir = t.TempDir()
	out, err := download.Output()
	var at struct{ Dir, Error string }
	if e := json.Unmarshal(out, &at); e != nil || err != nil || at.Dir == "" {
		t.Skipf("NOT COMPARED: %s cannot be had: %s %v %v", module, at.Error, err, e)
	}
	return at.Dir
}

// apiDocument is one of Kubernetes' OpenAPI documents, as far as it matters here.
type apiDocument struct {
	Components struct {
		Schemas map[string]map[string]any
	}
}

func readDocument(t *testing.T, path string) apiDocument {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var d apiDocument
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// schemaOf makes the JSON Schema of a kind, and the name under which kubeconform
// looks for it. It stands alone, and knows no other members than Kubernetes does.
func (d apiDocument) schemaOf(t *testing.T, kind string) (file string, text []byte) {
	t.Helper()
	name, group, version := d.find(t, kind)
	definitions := map[string]any{}
	d.define(name, definitions)
	root := definitions[name].(map[string]any)
	root["required"] = []string{"apiVersion", "kind", "metadata"}
	members := root["properties"].(map[string]any)
	members["kind"] = map[string]any{"enum": []string{kind}}
	members["apiVersion"] = map[string]any{"enum": []string{strings.TrimPrefix(group+"/"+version, "/")}}
	file = kind + "-" + version
	if group != "" {
		short, _, _ := strings.Cut(group, ".")
		file = kind + "-" + short + "-" + version
	}
	return strings.ToLower(file) + ".json", written(t, name, definitions)
}

// find gives the name of a kind's schema, and the kind's group and version.
func (d apiDocument) find(t *testing.T, kind string) (name, group, version string) {
	t.Helper()
	for name, schema := range d.Components.Schemas {
		kinds, _ := schema["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 {
			continue
		}
		if of := kinds[0].(map[string]any); of["kind"] == kind {
			return name, fmt.Sprint(of["group"]), fmt.Sprint(of["version"])
		}
	}
	t.Fatalf("there is no kind %s", kind)
	return "", "", ""
}

// written is the schema of one definition, with each on a line of its own.
func written(t *testing.T, root string, definitions map[string]any) []byte {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\"$ref\": %q, \"definitions\": {", "#/definitions/"+root)
	before := "\n"
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		definition, err := json.Marshal(definitions[name])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s%q: %s", before, name, definition)
		before = ",\n"
	}
	b.WriteString("\n}}\n")
	return b.Bytes()
}

// define adds a schema to the definitions, and those that it refers to.
func (d apiDocument) define(name string, definitions map[string]any) {
	if _, ok := definitions[name]; ok {
		return
	}
	definitions[name] = nil // a schema may contain itself, as that of JSON Schemas does
	definitions[name] = d.strict(d.Components.Schemas[name], definitions)
}

// strict is a schema without what is for readers only, with references to the
// definitions, and, where it lists members, with no others.
func (d apiDocument) strict(schema any, definitions map[string]any) any {
	switch s := schema.(type) {
	case []any:
		all := make([]any, len(s))
		for i := range s {
			all[i] = d.strict(s[i], definitions)
		}
		return all
	case map[string]any:
		return d.strictObject(s, definitions)
	default:
		return schema
	}
}

func (d apiDocument) strictObject(s, definitions map[string]any) map[string]any {
	made := map[string]any{}
	for key, value := range s {
		switch {
		case key == "description", key == "default", strings.HasPrefix(key, "x-"):
		case key == "properties":
			made[key] = d.members(value.(map[string]any), definitions)
		case key == "$ref":
			name := strings.TrimPrefix(value.(string), "#/components/schemas/")
			d.define(name, definitions)
			made[key] = "#/definitions/" + name
		default:
			made[key] = d.strict(value, definitions)
		}
	}
	if made["properties"] != nil && made["additionalProperties"] == nil {
		made["additionalProperties"] = false
	}
	return made
}

// members may bear any name, also that of a key of schemas.
func (d apiDocument) members(properties, definitions map[string]any) map[string]any {
	all := map[string]any{}
	for name, schema := range properties {
		all[name] = d.strict(schema, definitions)
	}
	return all
}
