package checks_test

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const distDir = "../../dist"

// inArchives is what each archive of a release holds besides others.
var inArchives = []string{
	"switchyard", "switchyard.yaml", "LICENSE", "README.md", "CHANGELOG.md",
	"man/switchyard.1.gz", "man/switchyard-serve.1.gz", "man/switchyard-import-jetproxy.1.gz",
	"completions/switchyard.bash", "completions/_switchyard", "completions/switchyard.fish",
	"packaging/systemd/switchyard.service", "packaging/systemd/switchyard.socket",
	"monitoring/grafana/switchyard.json", "monitoring/prometheus/switchyard.rules.yml",
}

// TestArchivesAreWhole reads the archives that `make package` has built.
func TestArchivesAreWhole(t *testing.T) {
	for _, archive := range built(t, "*.tar.gz") {
		t.Run(filepath.Base(archive), func(t *testing.T) {
			held := filesOf(t, archive)
			for _, name := range inArchives {
				if held[name] == 0 {
					t.Errorf("it lacks %s, or that is empty", name)
				}
			}
		})
	}
}

// TestEveryBinaryHasItsBillOfMaterials finds the modules of the gateway in the
// SBOM beside each archive.
func TestEveryBinaryHasItsBillOfMaterials(t *testing.T) {
	for _, archive := range built(t, "*.tar.gz") {
		platform := strings.TrimSuffix(filepath.Base(archive), ".tar.gz")
		platform = platform[strings.LastIndex(strings.TrimSuffix(strings.TrimSuffix(platform, "_amd64"), "_arm64"), "_")+1:]
		t.Run(platform, func(t *testing.T) {
			documents := built(t, "*_"+platform+".cdx.json")
			if len(documents) != 1 {
				t.Fatalf("there are %d", len(documents))
			}
			modules := modulesOf(t, documents[0])
			for _, name := range []string{"github.com/go-chi/chi/v5", "github.com/go-git/go-git/v5", "gopkg.in/yaml.v3"} {
				if modules[name] == "" {
					t.Errorf("it lacks %s, with %d others", name, len(modules))
				}
			}
		})
	}
}

// modulesOf are the versions of the modules that an SBOM names.
func modulesOf(t *testing.T, document string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		BOMFormat  string
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(text, &bill); err != nil || bill.BOMFormat != "CycloneDX" {
		t.Fatalf("%s is a %q: %v", document, bill.BOMFormat, err)
	}
	modules := map[string]string{}
	for _, c := range bill.Components {
		modules[c.Name] = c.Version
	}
	return modules
}

// TestChecksumsAreThoseOfAllFiles computes them anew: of archives, packages and
// bills of materials, none of them left out.
func TestChecksumsAreThoseOfAllFiles(t *testing.T) {
	sums := checksums(t)
	for _, pattern := range []string{"*.tar.gz", "*.deb", "*.cdx.json"} {
		for _, file := range built(t, pattern) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(text)
			if got := sums[filepath.Base(file)]; got != hex.EncodeToString(sum[:]) {
				t.Errorf("checksums.txt has %q of %s, which is %x", got, file, sum)
			}
			delete(sums, filepath.Base(file))
		}
	}
	for name := range sums {
		t.Errorf("checksums.txt has a file that is not there: %s", name)
	}
}

func checksums(t *testing.T) map[string]string {
	t.Helper()
	list, err := os.Open(built(t, "checksums.txt")[0])
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	sums := map[string]string{}
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		sum, name, _ := strings.Cut(lines.Text(), "  ")
		sums[name] = sum
	}
	return sums
}

// filesOf are the sizes of the files in an archive, by their paths in its folder.
func filesOf(t *testing.T, archive string) map[string]int64 {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]int64{}
	for entries := tar.NewReader(plain); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return held
		}
		if err != nil {
			t.Fatal(err)
		}
		folder, name, _ := strings.Cut(path.Clean(entry.Name), "/")
		if folder+".tar.gz" != filepath.Base(archive) {
			t.Errorf("%s is in the folder %s", entry.Name, folder)
		}
		held[name] = entry.Size
	}
}

// built are the files that `make package` has made.
func built(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(distDir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Skipf("NOT TESTED: there is no %s in dist: run make package first", pattern)
	}
	return found
}
