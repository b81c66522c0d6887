package migrate_test

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/switchyard-gateway/switchyard/migrate"
	"github.com/switchyard-gateway/switchyard/schema"
)

// FuzzJetProxy holds every configuration that is taken to this: what it becomes
// are documents without a problem, but for paths that are reserved.
func FuzzJetProxy(f *testing.F) {
	cases, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range cases {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Add([]byte("services:\n- {name: 'true', url: http://a, methods: ['*']}\n- {name: '1', url: 'http://[::1]/a:b'}\nproxies:\n- {path: /a, service: 'true'}\n- {path: /~, service: '1', middleware: {mirroring: {mirrorService: '1', mirrorPercentage: 1}}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := schema.File{Path: "config.yaml", Data: data}
		config, problems := schema.ParseJetProxy(file)
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1
		for _, d := range problems {
			if d.Line > lines {
				t.Errorf("%s is beyond the file, which has %d lines", d, lines)
			}
		}
		if config == nil {
			return
		}
		for _, f := range migrate.JetProxy(config, "main").Files {
			made := schema.File{Path: f.Path, Data: []byte(f.Text)}
			if strings.HasPrefix(f.Path, schema.EndpointsFolder+"/") {
				_, problems = schema.ParseEndpoint(made)
			} else {
				_, problems = schema.ParseDeployment(made)
			}
			for _, d := range problems {
				if d.Rule != schema.RuleConflict {
					t.Errorf("%s\n%s", d, f.Text)
				}
			}
		}
	})
}
