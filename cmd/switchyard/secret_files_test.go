package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/switchyard-gateway/switchyard/deployments"
)

func TestSecretFilesOfTheFolder(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "secrets")
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, at string) {
		t.Helper()
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(folder, "..data", "token"), "inside\r\n")
	write(filepath.Join(dir, "outside"), "outside")
	link("..data/token", filepath.Join(folder, "token")) // as Kubernetes mounts secrets
	link("../outside", filepath.Join(folder, "escape"))
	link(filepath.Join(dir, "outside"), filepath.Join(folder, "absolute"))
	inFolder := newSecretFiles(folder, nil)
	for path, want := range map[string]string{"token": "inside", "..data/token": "inside", "..data/../token": "inside"} {
		if got, err := inFolder.read(folder + "/" + path); err != nil || got != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	for _, path := range []string{
		filepath.Join(dir, "outside"), folder + "/../outside", folder + "/escape", folder + "/absolute", folder, folder + "2/token", "/etc/passwd", "token", "",
	} {
		if got, err := inFolder.read(path); err == nil {
			t.Errorf("%s gives %q", path, got)
		}
	}
	if _, err := inFolder.read(folder + "/missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	t.Chdir(dir)
	if got, err := newSecretFiles("secrets", nil).read(folder + "/token"); err != nil || got != "inside" {
		t.Errorf("in a folder by its relative path: %q, %v", got, err)
	}
	anywhere := newSecretFiles("", []string{filepath.Join(dir, "outside"), filepath.Join(folder, "..data")})
	var forbidden deployments.ForbiddenFileError
	for _, path := range []string{"/token", "/..data/token"} {
		if got, err := newSecretFiles(folder, anywhere.own).read(folder + path); !errors.As(err, &forbidden) {
			t.Errorf("the gateway's own %s in the folder gives %q, %v", path, got, err)
		}
	}
	for _, path := range []string{
		filepath.Join(dir, "outside"), folder + "/escape", folder + "/absolute", folder + "/token", folder + "/..data/token", "/proc/self/cmdline", "/proc/self/root" + filepath.Join(dir, "outside"), "/dev/null",
	} {
		if got, err := anywhere.read(path); !errors.As(err, &forbidden) {
			t.Errorf("%s gives %q, %v", path, got, err)
		}
	}
	write(filepath.Join(dir, "free"), "free\n")
	if got, err := anywhere.read(filepath.Join(dir, "free")); err != nil || got != "free" {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.Link(filepath.Join(dir, "outside"), filepath.Join(dir, "hard")); err != nil {
		t.Skip("there are no hard links here")
	}
	if got, err := anywhere.read(filepath.Join(dir, "hard")); !errors.As(err, &forbidden) {
		t.Errorf("a hard link gives %q, %v", got, err)
	}
}
