package shared_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/access/shared"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// TestServersAndGatewaysKnowEachOtherByTheirCertificates has a server that asks for a
// certificate be reached with the right ones, and with no others.
func TestServersAndGatewaysKnowEachOtherByTheirCertificates(t *testing.T) {
	authority, strangers := testbed.NewAuthority(t), testbed.NewAuthority(t)
	m, err := miniredis.RunTLS(&tls.Config{
		Certificates: []tls.Certificate{authority.Certificate("127.0.0.1")}, ClientCAs: authority.Pool(), ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	own, theirs := authority.Certificate("gateway"), strangers.Certificate("gateway")
	for _, c := range []struct {
		name, scheme string
		config       *tls.Config
		up           bool
	}{
		{"the right ones", "rediss", &tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}, true},
		{"no certificate", "rediss", &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12}, false},
		{"a stranger's certificate", "rediss", &tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{theirs}, MinVersion: tls.VersionTLS12}, false},
		{"a stranger's server", "rediss", &tls.Config{RootCAs: strangers.Pool(), Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}, false},
		{"the system's authorities", "rediss", nil, false},
		{"in the clear", "redis", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := &testbed.Log{}
			l := limiter(t, m.Addr(), func(o *shared.Options) {
				o.URL, o.TLS, o.Logger = c.scheme+"://"+m.Addr(), c.config, zerolog.New(log)
			})
			if c.up {
				up(t, l)
				if a := l.Take(t.Context(), []shared.Claim{claim("k", 1, 1, time.Hour)}); !a.Known || a.Refused {
					t.Errorf("%+v", a)
				}
				return
			}
			testbed.Eventually(t, "it is told to be away", func() bool { return strings.Contains(log.String(), "is away") })
			if l.Take(t.Context(), []shared.Claim{claim("k", 1, 1, time.Hour)}).Known {
				t.Error("it is asked all the same")
			}
		})
	}
}
