package demo

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/gitsync/seed"
)

// documents are what the demo commits, by branch. Their hosts end in .demo and
// stand for the addresses that the models get when they start.
//
//go:embed repository
var documents embed.FS

// What the models do; verify.go expects it.
const (
	slowDelay  = 150 * time.Millisecond
	failingNth = 4
)

// setting is the repository of the demo and the models that it names.
type setting struct {
	dir    string
	repo   *seed.Repository
	models []*modelServer
	hosts  *strings.Replacer // from the documents' hosts to the models' addresses
}

// models are what the documents' hosts stand for.
func models() (map[string]http.Handler, error) {
	first, err := newPenguinModel(1)
	if err != nil {
		return nil, err
	}
	second, err := newPenguinModel(2)
	return map[string]http.Handler{
		"pricing-1.demo": linear(2, 0),
		"pricing-2.demo": linear(2, 1),
		"slow.demo":      slow(linear(2, 1), slowDelay),
		"failing.demo":   failing(linear(2, 0), failingNth),

		"penguins-1.demo": first,
		"penguins-2.demo": second,
	}, err
}

// newSetting starts the models, by their hosts, and commits the documents in
// dir, which must be empty or missing. Close it.
func newSetting(ctx context.Context, dir string, models map[string]http.Handler) (*setting, error) {
	s := &setting{dir: dir}
	if err := s.startModels(ctx, models); err != nil {
		s.close()
		return nil, err
	}
	if err := s.commitDocuments(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *setting) startModels(ctx context.Context, models map[string]http.Handler) error {
	var pairs []string
	for host, model := range models {
		m, err := startModel(ctx, model)
		if err != nil {
			return err
		}
		s.models = append(s.models, m)
		pairs = append(pairs, "http://"+host+"/predict", m.url)
	}
	s.hosts = strings.NewReplacer(pairs...)
	return nil
}

// commitDocuments makes the repository: branch main with the endpoints, branch
// dev with deployments of its own, main checked out.
func (s *setting) commitDocuments() error {
	repo, err := seed.Create(s.dir, "main", seed.Author{Name: "Switchyard demo", Email: "demo@switchyard.invalid"})
	if err != nil {
		return err
	}
	s.repo = repo
	if err := s.commitBranch("main", "Serve the pricing model"); err != nil {
		return err
	}
	if err := repo.Checkout("dev"); err != nil {
		return err
	}
	if err := s.commitBranch("dev", "Try version 2, a slow and a failing model"); err != nil {
		return err
	}
	return repo.Checkout("main")
}

func (s *setting) commitBranch(branch, message string) error {
	tree, err := fs.Sub(documents, "repository/"+branch)
	if err != nil {
		return err
	}
	files := map[string]string{}
	err = fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(tree, path)
		files[path] = s.hosts.Replace(string(text))
		return err
	})
	if err != nil {
		return err
	}
	_, err = s.repo.Commit(message, files)
	return err
}

// edit replaces old, which must occur once, by text in a file of the work tree,
// and commits it.
func (s *setting) edit(path, old, text, message string) (commit string, err error) {
	was, err := os.ReadFile(filepath.Join(s.dir, filepath.FromSlash(path)))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(was), old); n != 1 {
		return "", fmt.Errorf("%s holds %q %d times, not once", path, old, n)
	}
	return s.repo.Commit(message, map[string]string{path: strings.Replace(string(was), old, text, 1)})
}

// close ends the models. The repository stays.
func (s *setting) close() {
	for _, m := range s.models {
		m.close()
	}
}
