package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/deployments"
)

// secretFiles are the files that whoever commits may have sent to a deployment
// with ${file:PATH}: those in one folder, or without one any but what the system
// tells about processes; never those that hold the gateway's own secrets.
type secretFiles struct {
	folder string   // its absolute path; empty: any
	own    []string // files and folders of the gateway
}

// newSecretFiles makes secretFiles. As those of other settings, the path of the folder
// counts from where the process was started.
func newSecretFiles(folder string, own []string) secretFiles {
	if abs, err := filepath.Abs(folder); folder != "" && err == nil {
		folder = abs
	}
	return secretFiles{folder: folder, own: own}
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
	if f.isOwn(target) {
		return "", errOwnFile
	}
	file, err := openRegular(func() (*os.File, error) { return os.Open(target) })
	if err != nil {
		return "", err
	}
	return readSecret(file)
}

// errOwnFile is for files that only the gateway is told in confidence.
const errOwnFile = deployments.ForbiddenFileError("it belongs to the gateway itself")

// isOwn reports whether a file, its path without links, is one of the gateway's own.
func (f secretFiles) isOwn(target string) bool {
	return slices.ContainsFunc(f.own, func(own string) bool { return same(target, own) || within(resolved(own), target) })
}

// readInside reads a file of the folder, out of which no link leads.
func (f secretFiles) readInside(path string) (string, error) {
	rest, err := filepath.Rel(f.folder, path)
	if err != nil || !filepath.IsLocal(rest) {
		return "", deployments.ForbiddenFileError("it lies outside of the folder that secretsDir names")
	}
	if f.isOwn(resolved(path)) {
		return "", errOwnFile
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
