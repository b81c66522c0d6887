package authorities_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/certificates/authorities"
)

// Whoever names a file trusts what is in it and nobody else.
func TestAFileStandsInPlaceOfTheSystems(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	only := x509.NewCertPool()
	only.AddCert(server.Certificate())
	path := filepath.Join(t.TempDir(), "ca.pem")
	write(t, path, "# ours\n"+string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	got, err := authorities.File(path)
	if err != nil || !got.Equal(only) {
		t.Errorf("the pool is another one: %v", err)
	}
}

func TestMistakesNameTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	for _, text := range []string{"", "\x00", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"} {
		write(t, path, text)
		if _, err := authorities.File(path); !errors.Is(err, authorities.ErrNoCertificate) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := authorities.File(path + ".missing"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path+".missing") {
		t.Errorf("a missing file: %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
