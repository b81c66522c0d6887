package gitsync

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-git/go-git/v5/config"
)

// gitDir is where a repository keeps its data; see gitrepository-layout(5).
type gitDir struct {
	work   string // top of the work tree, empty for a bare repository
	dir    string // HEAD is here
	common string // refs, objects and config are here: differs from dir in a linked work tree
}

// locate finds the repository whose work tree's top, or bare directory, is path.
func locate(path string) (gitDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return gitDir{}, fmt.Errorf("repository %s: %w", path, err)
	}
	for _, candidate := range []gitDir{{work: path, dir: filepath.Join(path, ".git")}, {dir: path}} {
		found, err := candidate.follow()
		if !errors.Is(err, fs.ErrNotExist) {
			return found, err
		}
	}
	return gitDir{}, &problem{kind: ErrNoRepository, detail: path}
}

// follow resolves a .git file and the common directory. The error is
// fs.ErrNotExist when there is no repository.
func (d gitDir) follow() (gitDir, error) {
	info, err := os.Stat(d.dir)
	if err != nil {
		return d, notDir(err)
	}
	if !info.IsDir() {
		target, err := pointer(d.dir, "gitdir: ")
		if err != nil {
			return d, err
		}
		d.dir = target
	}
	if _, err := os.Lstat(filepath.Join(d.dir, "HEAD")); err != nil {
		return d, notDir(err)
	}
	d.common, err = pointer(filepath.Join(d.dir, "commondir"), "")
	if errors.Is(err, fs.ErrNotExist) {
		d.common = d.dir
	} else if err != nil {
		return d, err
	}
	if _, err := os.Stat(filepath.Join(d.common, "objects")); err != nil {
		return d, notDir(err)
	}
	return d, nil
}

// notDir counts "a part of the path is a file" as "does not exist".
func notDir(err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		return fs.ErrNotExist
	}
	return err
}

// pointer reads a file that holds a path, relative to the file's folder.
func pointer(file, prefix string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text, ok := strings.CutPrefix(string(data), prefix)
	if !ok {
		return "", &problem{kind: ErrNoRepository, detail: file + " is not a pointer to a repository"}
	}
	text = strings.TrimRight(text, "\r\n")
	if filepath.IsAbs(text) {
		return filepath.Clean(text), nil
	}
	return filepath.Join(filepath.Dir(file), text), nil
}

// supported fails for formats that would be misread.
func (d gitDir) supported() error {
	f, err := os.Open(filepath.Join(d.common, "config"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("repository %s: %w", d.common, err)
	}
	defer f.Close()
	cfg, err := config.ReadConfig(f)
	if err != nil {
		return &problem{kind: ErrFormat, detail: "config: " + err.Error()}
	}
	extensions := cfg.Raw.Section("extensions")
	for key, only := range map[string]string{"objectFormat": "sha1", "refStorage": "files"} {
		if value := extensions.Option(key); value != "" && !strings.EqualFold(value, only) {
			return &problem{kind: ErrFormat, detail: fmt.Sprintf("extensions.%s is %s", key, value)}
		}
	}
	return nil
}

// objectDirs lists an objects folder and those it borrows from, as git does:
// relative paths count from the folder itself, and borrowing nests five deep.
func objectDirs(dir string, depth int) ([]string, error) {
	out := []string{dir}
	data, err := os.ReadFile(filepath.Join(dir, "info", "alternates"))
	if errors.Is(err, fs.ErrNotExist) || depth == 5 {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: alternates: %w", errBroken, err)
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !filepath.IsAbs(line) {
			line = filepath.Join(dir, line)
		}
		if filepath.Base(line) != "objects" {
			return nil, &problem{kind: ErrFormat, detail: "alternate object folder not named objects: " + line}
		}
		more, err := objectDirs(line, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}
