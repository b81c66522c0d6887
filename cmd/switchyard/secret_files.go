package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/switchyard-gateway/switchyard/deployments"
)

// secretFiles are the files that whoever commits may have sent to a deployment
// with ${file:PATH}: those in one folder, or without one any but those that hold
// the gateway's own secrets and what the system tells about processes.
type secretFiles struct {
	folder string   // empty: any
	own    []string // files and folders of the gateway
}

// kernelFolders hold no files that anybody put there.
var kernelFolders = []string{"/proc", "/sys", "/dev"}

// read is deployments.Secrets.File. Links lead no further than paths do.
func (f secretFiles) read(path string) (string, error) {
	if f.folder != "" {
		return f.readInside(path)
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	for _, folder := range kernelFolders {
		if within(folder, target) {
			return "", deployments.ForbiddenFileError("it is none that somebody put there")
		}
	}
	for _, own := range f.own {
		if same(target, own) || within(resolved(own), target) {
			return "", deployments.ForbiddenFileError("it belongs to the gateway itself")
		}
	}
	file, err := openRegular(func() (*os.File, error) { return os.Open(target) })
	if err != nil {
		return "", err
	}
	return readSecret(file)
}

// readInside reads a file of the folder, out of which no link leads.
func (f secretFiles) readInside(path string) (string, error) {
	rest, err := filepath.Rel(f.folder, path)
	if err != nil || !filepath.IsLocal(rest) {
		return "", deployments.ForbiddenFileError("it lies outside of the folder that secretsDir names")
	}
	root, err := os.OpenRoot(f.folder)
	if err != nil {
		return "", err
	}
	defer root.Close()
	file, err := openRegular(func() (*os.File, error) { return root.Open(rest) })
	if err != nil {
		return "", err
	}
	return readSecret(file)
}

var errSpecial = errors.New("it is no regular file")

// openRegular opens a file unless it is one that reading could wait for.
func openRegular(open func() (*os.File, error)) (*os.File, error) {
	file, err := open()
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errSpecial
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// readSecret reads a file without the line ends that editors leave, and never
// more of it than tells that it is too large.
func readSecret(file *os.File) (string, error) {
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, deployments.MaxSecretFile+1))
	if err != nil {
		return "", err
	}
	if len(text) > deployments.MaxSecretFile {
		return string(text), nil
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// resolved is a path without links, as far as it exists.
func resolved(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

// within reports whether a path is a folder's, or lies in it.
func within(folder, path string) bool {
	rest, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rest)
}

// ownFiles are the files that settings name, and the state folder.
func (s settings) ownFiles() []string {
	var own []string
	for key, value := range s {
		if value == "" || !strings.HasSuffix(key, "File") && key != "state" && key != "verifyKeyring" && key != "verifyAllowedSigners" {
			continue
		}
		own = append(own, strings.Split(value, ",")...)
	}
	return own
}
