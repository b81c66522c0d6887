package endpoints_test

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"strings"
	"testing/fstest"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// commit is a tree whose entries never change, as those of git.
type commit struct {
	fstest.MapFS
	entries map[string][]fs.DirEntry // by folder
}

// entry is equal to itself only.
type entry struct{ fs.DirEntry }

func (*entry) Immutable() {}

// newCommit makes a commit that shares its entries with all that know them.
func newCommit(files fstest.MapFS, known map[string]fs.DirEntry) *commit {
	c := &commit{MapFS: files, entries: map[string][]fs.DirEntry{}}
	for _, folder := range []string{schema.EndpointsFolder, schema.DeploymentsFolder} {
		entries, err := fs.ReadDir(files, folder)
		if err != nil {
			continue
		}
		for _, e := range entries {
			path := folder + "/" + e.Name()
			key := path
			if f := files[path]; f != nil {
				key += "\x00" + string(f.Data)
			}
			if known[key] == nil {
				known[key] = &entry{e}
			}
			c.entries[folder] = append(c.entries[folder], known[key])
		}
	}
	return c
}

func (c *commit) ReadDir(name string) ([]fs.DirEntry, error) { return c.entries[name], nil }

// history is a repository that changes at random.
type history struct {
	random *rand.Rand
	sealed bool
	known  map[string]fs.DirEntry
	state
	saved  state // to which it goes back at times
	before state // the last edit
}

// state is what makes one revision.
type state struct {
	branch  string
	files   map[string]map[string]string // by branch and path
	secrets map[string]string
}

func (s state) clone() state {
	s.files = maps.Clone(s.files)
	for branch, files := range s.files {
		s.files[branch] = maps.Clone(files)
	}
	s.secrets = maps.Clone(s.secrets)
	return s
}

func newHistory(random *rand.Rand, sealed bool) *history {
	h := &history{random: random, sealed: sealed, known: map[string]fs.DirEntry{}}
	h.state = state{
		branch:  "main",
		secrets: map[string]string{"TOKEN": "t0"},
		files: map[string]map[string]string{
			"main": {"deployments/a.yaml": deploymentText(0), "deployments/b.yaml": deploymentText(1), "endpoints/e0.yaml": endpointText(0, 0)},
			"dev":  {"deployments/a.yaml": deploymentText(2), "endpoints/e9.yaml": endpointText(1, 0)},
		},
	}
	h.save()
	return h
}

func (h *history) save() { h.saved = h.clone() }

func (h *history) lookups() deployments.Secrets {
	return deployments.Secrets{Env: func(name string) (string, bool) {
		value, ok := h.secrets[name]
		return value, ok
	}}
}

func (h *history) revision() schema.Revision {
	rev := schema.Revision{Branch: h.branch, Trees: map[string]schema.Tree{}}
	for branch, texts := range h.files {
		files := fstest.MapFS{}
		for path, text := range texts {
			files[path] = &fstest.MapFile{Data: []byte(text)}
		}
		rev.Trees[branch] = schema.Tree{FS: files}
		if h.sealed {
			rev.Trees[branch] = schema.Tree{FS: newCommit(files, h.known)}
		}
	}
	return rev
}

// edit changes a few things, most of them harmless.
func (h *history) edit() {
	h.before = h.clone()
	for range 1 + h.random.IntN(3) {
		switch n := h.random.IntN(40); n {
		case 0:
			h.branch = []string{"main", "dev"}[h.random.IntN(2)]
		case 1:
			h.secrets["TOKEN"] = fmt.Sprint("t", h.random.IntN(3))
		case 2:
			delete(h.secrets, "TOKEN")
		case 3:
			delete(h.files, "dev")
		case 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14:
			h.state = h.saved.clone()
		case 15, 16, 17, 18, 19, 20:
			h.write("deployments/"+h.one("a", "b", "c"), deploymentText(h.random.IntN(8)))
		case 21:
			h.write("deployments/"+h.one("a", "b", "c"), h.one("", "versions: [", "schemaVersion: 2\n"))
		case 22:
			h.remove("deployments/" + h.one("a", "b", "c"))
		case 23, 24:
			h.remove("endpoints/" + h.one("e0", "e1", "e2", "e3"))
		default:
			h.write("endpoints/"+h.one("e0", "e1", "e2", "e3"), endpointText(h.random.IntN(14), h.random.IntN(4)))
		}
	}
}

// edited reports whether the last edit touched an endpoint's document.
func (h *history) edited(name string) bool {
	for _, path := range []string{"endpoints/" + name + ".yaml", "endpoints/" + name + ".yml"} {
		if h.before.branch != h.branch || h.before.files[h.branch][path] != h.files[h.branch][path] {
			return true
		}
	}
	return false
}

func (h *history) one(of ...string) string { return of[h.random.IntN(len(of))] }

// write writes a file, rarely with the other ending beside it.
func (h *history) write(name, text string) {
	branch := h.one("main", "main", "dev")
	if h.files[branch] == nil {
		h.files[branch] = map[string]string{}
	}
	ending := ".yaml"
	if h.random.IntN(20) == 0 {
		ending = ".yml"
	}
	h.files[branch][name+ending] = text
}

func (h *history) remove(name string) {
	for _, files := range h.files {
		delete(files, name+".yaml")
		delete(files, name+".yml")
	}
}

// deploymentText is a deployment; the last numbers have problems.
func deploymentText(n int) string {
	text := fmt.Sprintf("schemaVersion: 1\nversions:\n  1: {url: http://m:%d}\n", 8001+n%2)
	switch n {
	case 2, 3:
		text += "  2: {url: http://m:8010, headers: {Authorization: '${env:TOKEN}'}}\naliases: {stable: 1}\n"
	case 4:
		text += "  2: {url: http://m:8010, methods: [POST], headers: {X-A: b}}\naliases: {stable: 2}\n"
	case 6:
		text += "  2: {url: ftp://m}\naliases: {stable: 2}\n"
	case 7:
		text += "  two: {url: http://m:1}\naliases: {7: 1}\n"
	}
	return text
}

// endpointText is an endpoint; the last numbers have problems.
func endpointText(n, path int) string {
	backend := func(branch, name, version string) string {
		return "{deployment: {branch: " + branch + ", name: " + name + ", version: " + version + "}}"
	}
	text := "schemaVersion: 1\nbackends:\n  one: " + backend("main", "a", "1") + "\n"
	switch n {
	case 1:
		text += "  two: {static: 1}\n"
	case 2:
		text += "  two: " + backend("main", "a", "latest") + "\n"
	case 3, 4, 5:
		text += "mirrors:\n  m: " + backend("main", "b", "latest") + "\n"
	case 6:
		text += "mirrors:\n  m: " + strings.Replace(backend("dev", "a", "1"), "}}", "}, enabled: false}", 1) + "\n"
	case 7:
		text += "  two: " + backend("dev", "a", "stable") + "\n"
	case 12:
		text += "  two: " + strings.Replace(backend("dev", "c", "7"), "}}", "}, weigth: 1}", 1) + "\n"
	case 13:
		text += "  two: [\n"
	}
	if path > 0 {
		text += []string{"", "path: /user\n", "path: /user/x\n", "path: /users\n"}[path]
	}
	return text
}

// references are addresses of what there may be in a history.
func references() []schema.DeploymentRef {
	var all []schema.DeploymentRef
	for _, branch := range []string{"main", "dev"} {
		for _, name := range []string{"a", "b", "c"} {
			for _, v := range []schema.Version{{Number: 1}, {Number: 2}, {Alias: "latest"}, {Alias: "stable"}} {
				all = append(all, schema.DeploymentRef{
					Branch: schema.Value[string]{V: branch}, Name: schema.Value[string]{V: name}, Version: schema.Value[schema.Version]{V: v},
				})
			}
		}
	}
	return all
}
