package edit_test

import (
	"maps"
	"testing"

	"github.com/switchyard-gateway/switchyard/schema/edit"
	"gopkg.in/yaml.v3"
)

// plain is a document as a reader of YAML has it that knows nothing of endpoints,
// but for what is usual where nothing is written; and, if so, with a change made.
func plain(t *testing.T, words []string, text string, changed bool) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	part := func(section string) map[string]any {
		all, _ := doc[section].(map[string]any)
		if all == nil {
			all = map[string]any{}
			doc[section] = all
		}
		return all
	}
	backends, mirrors := part("backends"), part("mirrors")
	if changed {
		changePlain(backends, mirrors, words)
	}
	for _, entry := range backends {
		usual(entry, "weight", 1.0)
	}
	for _, entry := range mirrors {
		usual(entry, "percent", 100.0)
		usual(entry, "enabled", true)
	}
	return doc
}

func changePlain(backends, mirrors map[string]any, words []string) {
	name, rest := words[1], words[2:]
	entry := func(all map[string]any, name string) map[string]any { return maps.Clone(all[name].(map[string]any)) }
	set := func(all map[string]any, name, key string, value any) {
		e := entry(all, name)
		e[key] = value
		all[name] = e
	}
	answer := func(deployment any) {
		set(backends, name, "deployment", deployment)
		delete(backends[name].(map[string]any), "static")
	}
	switch words[0] {
	case "weight":
		set(backends, name, "weight", float(rest[0]))
	case "percent":
		set(mirrors, name, "percent", float(rest[0]))
	case "enabled":
		set(mirrors, name, "enabled", rest[0] == "true")
	case "backend-deployment":
		answer(plainRef(ref(rest)))
	case "mirror-deployment":
		set(mirrors, name, "deployment", plainRef(ref(rest)))
	case "add-backend":
		backends[name] = map[string]any{"deployment": plainRef(ref(rest)), "weight": float(rest[3])}
	case "add-mirror":
		mirrors[name] = map[string]any{"deployment": plainRef(ref(rest)), "percent": float(rest[3])}
	case "remove-backend":
		delete(backends, name)
	case "remove-mirror":
		delete(mirrors, name)
	case "promote":
		backends[name] = map[string]any{"deployment": entry(mirrors, name)["deployment"], "weight": float(rest[0])}
		delete(mirrors, name)
	case "promote-into":
		answer(entry(mirrors, rest[0])["deployment"])
		delete(mirrors, rest[0])
	}
}

func plainRef(r edit.Ref) map[string]any {
	var version any = r.Version.Alias
	if r.Version.Alias == "" {
		version = r.Version.Number
	}
	return map[string]any{"branch": r.Branch, "name": r.Name, "version": version}
}

// usual fills in what is not written, and makes all numbers of one sort.
func usual(entry any, key string, value any) {
	e, ok := entry.(map[string]any)
	if !ok {
		return
	}
	switch is := e[key].(type) {
	case nil:
		e[key] = value
	case int:
		e[key] = float64(is)
	}
}
