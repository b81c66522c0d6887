package certificates_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/certificates"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// shown is the first name in the certificate that a caller is shown, or why there
// is none.
func shown(t *testing.T, s *certificates.Store, as *tls.Config) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(testbed.Patience))
			err = tls.Server(c, s.Config()).HandshakeContext(context.WithoutCancel(t.Context()))
			_ = c.Close()
		}
		ended <- err
	}()
	defer l.Close()
	dialer := tls.Dialer{Config: as, NetDialer: &net.Dialer{Timeout: testbed.Patience}}
	c, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
	if theirs := testbed.Receive(t, "the handshake", ended); theirs != nil {
		err = theirs
	}
	if c != nil {
		defer c.Close()
	}
	if err != nil {
		return err.Error()
	}
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0].DNSNames[0]
}

func open(t *testing.T, o certificates.Options) (*certificates.Store, *testbed.Log) {
	t.Helper()
	log := &testbed.Log{}
	o.Logger = zerolog.New(log)
	s, err := certificates.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, log
}

func soon() time.Time { return time.Now().Add(30 * time.Minute) }

// The name that a caller asks for says which certificate it gets; nobody is left
// without one.
func TestCertificateIsChosenByName(t *testing.T) {
	a, dir := testbed.NewAuthority(t), t.TempDir()
	var pairs []certificates.Pair
	for _, host := range []string{"a.example.com", "b.example.com"} {
		cert, key := a.Issue(dir, host, soon(), host)
		pairs = append(pairs, certificates.Pair{CertFile: cert, KeyFile: key})
	}
	s, _ := open(t, certificates.Options{Pairs: pairs})
	for asked, want := range map[string]string{"a.example.com": "a.example.com", "b.example.com": "b.example.com", "c.example.com": "a.example.com", "": "a.example.com"} {
		if got := shown(t, s, &tls.Config{ServerName: asked, InsecureSkipVerify: true}); got != want {
			t.Errorf("asked for %q: got %q, want %q", asked, got, want)
		}
	}
	if got := shown(t, s, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); !strings.Contains(got, "version") && !strings.Contains(got, "EOF") {
		t.Errorf("TLS 1.1: %q", got)
	}
}

// What is wrong with new files keeps what served and is said once; what is right
// serves from the next handshake on.
func TestBrokenCertificateKeepsTheOld(t *testing.T) {
	a, dir := testbed.NewAuthority(t), t.TempDir()
	cert, key := a.Issue(dir, "it", soon(), "first.example.com")
	s, log := open(t, certificates.Options{Pairs: []certificates.Pair{{CertFile: cert, KeyFile: key}}})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s.Collector())
	caller := &tls.Config{RootCAs: a.Pool(), ServerName: "first.example.com"}

	otherCert, otherKey := a.Issue(t.TempDir(), "other", soon(), "second.example.com")
	oldCert, _ := a.Issue(t.TempDir(), "old", time.Now().Add(-time.Minute), "first.example.com")
	for name, breaking := range map[string]func(){
		"not its key": func() { move(t, otherKey, key) },
		"half":        func() { write(t, cert, read(t, cert)[:100]) },
		"empty":       func() { write(t, cert, nil) },
		"gone":        func() { _ = os.Remove(cert) },
		"expired": func() {
			move(t, oldCert, cert)
			move(t, strings.TrimSuffix(oldCert, ".crt")+".key", key)
		},
	} {
		goodCert, goodKey := read(t, cert), read(t, key)
		before := strings.Count(log.String(), `"level":"error"`)
		breaking()
		s.Reload()
		s.Reload()
		if got := shown(t, s, caller); got != "first.example.com" {
			t.Errorf("%s: %q", name, got)
		}
		if got := strings.Count(log.String(), `"level":"error"`) - before; got != 1 {
			t.Errorf("%s: it was said %d times", name, got)
		}
		if got := metric(t, registry, "switchyard_tls_certificate_failing"); got != 1 {
			t.Errorf("%s: the metric is %v", name, got)
		}
		write(t, cert, goodCert)
		write(t, key, goodKey)
		s.Reload()
		if got := metric(t, registry, "switchyard_tls_certificate_failing"); got != 0 {
			t.Errorf("%s: put right, the metric is %v", name, got)
		}
	}
	if strings.Contains(log.String(), "PRIVATE") {
		t.Error("a key is in the log")
	}

	move(t, otherCert, cert)
	_, freshKey := a.Issue(dir, "it", soon(), "second.example.com")
	if freshKey != key {
		t.Fatal(freshKey)
	}
	s.Reload()
	if got := shown(t, s, &tls.Config{RootCAs: a.Pool(), ServerName: "second.example.com"}); got != "second.example.com" {
		t.Errorf("the new certificate: %q", got)
	}
	if diff := cmp.Diff(2.0, metric(t, registry, "switchyard_tls_certificate_reads_total")); diff != "" {
		t.Error(diff)
	}
}

// A certificate whose time has not come serves from the moment when it has, and what was
// there before until then.
func TestCertificateServesWhenItsTimeHasCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, dir := testbed.NewAuthority(t), t.TempDir()
		cert, key := a.Issue(dir, "it", soon(), "first.example.com")
		s, log := open(t, certificates.Options{Pairs: []certificates.Pair{{CertFile: cert, KeyFile: key}}})
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(s.Collector())
		a.ValidFrom = time.Now().Add(10 * time.Minute)
		a.Issue(dir, "it", soon(), "second.example.com")
		for minute := range 10 {
			s.Reload()
			if reads, failing := metric(t, registry, "switchyard_tls_certificate_reads_total"), metric(t, registry, "switchyard_tls_certificate_failing"); reads != 1 || failing != 1 {
				t.Errorf("after %d minutes: served anew %v times, the metric of failures is %v", minute, reads-1, failing)
			}
			<-time.After(time.Minute)
		}
		if got := log.String(); strings.Count(got, "it.crt: the certificate is not valid before 2000-01-01T00:10:00Z") != 1 {
			t.Errorf("the log says %s", got)
		}
		s.Reload()
		if reads, failing := metric(t, registry, "switchyard_tls_certificate_reads_total"), metric(t, registry, "switchyard_tls_certificate_failing"); reads != 2 || failing != 0 {
			t.Errorf("when its time has come: served anew %v times, the metric of failures is %v", reads-1, failing)
		}
	})
}

// Files are looked at without being told to.
func TestRunReadsWhatChanged(t *testing.T) {
	a, dir := testbed.NewAuthority(t), t.TempDir()
	cert, key := a.Issue(dir, "it", soon(), "first.example.com")
	s, _ := open(t, certificates.Options{Pairs: []certificates.Pair{{CertFile: cert, KeyFile: key}}, Interval: 5 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Run(ctx); close(ended) }()
	a.Issue(dir, "it", soon(), "second.example.com")
	testbed.Eventually(t, "the new certificate", func() bool {
		return shown(t, s, &tls.Config{InsecureSkipVerify: true}) == "second.example.com"
	})
	cancel()
	testbed.Receive(t, "the end", ended)
}

func TestCallersNeedACertificate(t *testing.T) {
	a, others := testbed.NewAuthority(t), testbed.NewAuthority(t)
	cert, key := a.Issue(t.TempDir(), "it", soon(), "first.example.com")
	s, _ := open(t, certificates.Options{Pairs: []certificates.Pair{{CertFile: cert, KeyFile: key}}, ClientCAFile: a.File()})
	for name, tt := range map[string]struct {
		certs []tls.Certificate
		want  string
	}{
		"none":     {nil, "client didn't provide a certificate"},
		"a wrong":  {[]tls.Certificate{others.Certificate("caller")}, "unknown authority"},
		"the good": {[]tls.Certificate{a.Certificate("caller")}, "first.example.com"},
	} {
		got := shown(t, s, &tls.Config{RootCAs: a.Pool(), ServerName: "first.example.com", Certificates: tt.certs})
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestOpenNamesTheFile(t *testing.T) {
	a, dir := testbed.NewAuthority(t), t.TempDir()
	cert, key := a.Issue(dir, "it", soon(), "first.example.com")
	pair := certificates.Pair{CertFile: cert, KeyFile: key}
	for want, o := range map[string]certificates.Options{
		"either from files or from an ACME server": {},
		"nowhere.crt":               {Pairs: []certificates.Pair{{CertFile: filepath.Join(dir, "nowhere.crt"), KeyFile: key}}},
		"it.key with":               {Pairs: []certificates.Pair{{CertFile: key, KeyFile: cert}}},
		"there is no certificate":   {Pairs: []certificates.Pair{pair}, ClientCAFile: key},
		"for named hosts":           {ACME: &certificates.ACME{}},
		"it.key: there is no certi": {ACME: &certificates.ACME{Hosts: []string{"a.example.com"}, State: dir, CAFile: key}},
	} {
		if _, err := certificates.Open(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func metric(t *testing.T, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	write(t, to, read(t, from))
}
