package schema_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/schema"
)

// TestExamples parses every document that is shown to people, and holds the
// JSON Schemas to them.
func TestExamples(t *testing.T) {
	for _, example := range []string{"pricing", "modelbit"} {
		tree := schema.Tree{FS: os.DirFS(filepath.Join("..", "examples", example))}
		endpoints := documents(t, tree, schema.EndpointsFolder)
		deployments := documents(t, tree, schema.DeploymentsFolder)
		if len(endpoints) == 0 || example == "pricing" && len(deployments) == 0 {
			t.Fatalf("%s has %d endpoints and %d deployments", example, len(endpoints), len(deployments))
		}
		for _, f := range endpoints {
			if _, ds := schema.ParseEndpoint(f); ds != nil {
				t.Error(ds)
			}
			validates(t, schema.DocumentEndpoint, f)
		}
		for _, f := range deployments {
			if _, ds := schema.ParseDeployment(f); ds != nil {
				t.Error(ds)
			}
			validates(t, schema.DocumentDeployment, f)
		}
	}
}

func documents(t *testing.T, tree schema.Tree, folder string) []schema.File {
	t.Helper()
	files, ds := schema.Documents(tree, "", folder)
	if ds != nil {
		t.Fatal(ds)
	}
	return files
}

func validates(t *testing.T, document string, f schema.File) {
	t.Helper()
	value, err := instance(f.Data)
	if err != nil {
		t.Fatal(err)
	}
	if err := compile(t, document).Validate(value); err != nil {
		t.Errorf("%s: %v", f.Path, err)
	}
}

// TestModelbitExamplesAreGolden keeps the documented forms of Modelbit in the
// examples and in the golden cases the same.
func TestModelbitExamplesAreGolden(t *testing.T) {
	golden := map[string]string{}
	for _, f := range goldenInputs(t, "endpoint") {
		golden[f.Name] = string(f.Data)
	}
	for _, f := range documents(t, schema.Tree{FS: os.DirFS("../examples/modelbit")}, schema.EndpointsFolder) {
		if diff := cmp.Diff(golden[filepath.Base(f.Path)], string(f.Data)); diff != "" {
			t.Errorf("%s (-golden +example)\n%s", f.Path, diff)
		}
	}
}
