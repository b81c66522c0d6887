package certificates

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/acme"
)

// DefaultInterval is between two looks at the files.
const DefaultInterval = 10 * time.Second

// Pair is the files of one certificate, both in PEM. The certificate's file holds
// the intermediate ones behind it.
type Pair struct{ CertFile, KeyFile string }

// Options say which certificates there are. Either Pairs or ACME is given.
type Options struct {
	// Pairs are tried in their order: the first whose names fit what the caller
	// asks for, by SNI, serves; if none fits, the first of all.
	Pairs []Pair
	// ACME has certificates issued.
	ACME *ACME
	// ClientCAFile holds the CA certificates, in PEM, one of which must have signed
	// a caller's certificate. Empty: callers are not asked for any.
	ClientCAFile string
	// Interval is between two looks at the files; 0 means DefaultInterval.
	Interval time.Duration
	// Logger gets what was read, and what is wrong with it.
	Logger zerolog.Logger
}

// Store is certificates that are kept up to date. It is safe for concurrent use.
type Store struct {
	options Options
	base    *tls.Config
	served  atomic.Pointer[material]

	mu      sync.Mutex // one look at a time
	seen    digest     // of what was read last, good or not
	problem string     // with what was read last; empty: none
	reads   atomic.Int64
	failing atomic.Bool
}

// Open reads the certificates for the first time. Its errors name the file.
func Open(o Options) (*Store, error) {
	if (len(o.Pairs) == 0) == (o.ACME == nil) {
		return nil, errors.New("certificates come either from files or from an ACME server")
	}
	s := &Store{options: o, base: newConfig()}
	if o.ACME != nil {
		if err := o.ACME.apply(s.base); err != nil {
			return nil, err
		}
	}
	files, err := read(o)
	if err != nil {
		return nil, err
	}
	m, err := files.parse(s.base)
	if err != nil {
		return nil, err
	}
	s.seen = files.digest()
	s.serve(m)
	for _, bad := range m.useless(time.Now()) {
		o.Logger.Error().Err(bad).Str(fieldFile, bad.file).Msg("a certificate serves that callers will refuse")
	}
	return s, nil
}

func newConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
}

// Config is for a listener. It need not be asked for again: each handshake goes by
// what was read last.
func (s *Store) Config() *tls.Config {
	c := s.base.Clone()
	challenge := s.base.Clone()
	challenge.NextProtos, challenge.SessionTicketsDisabled = []string{acme.ALPNProto}, true
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if s.options.ACME != nil && slices.Equal(hello.SupportedProtos, challenge.NextProtos) {
			return challenge, nil // the ACME server has no certificate to show; such a connection carries no request
		}
		return s.served.Load().config, nil
	}
	return c
}

// Run looks at the files again and again until ctx ends.
func (s *Store) Run(ctx context.Context) {
	tick := time.NewTicker(cmp.Or(s.options.Interval, DefaultInterval))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.Reload()
		}
	}
}

// Reload looks at the files now. How that went it logs, when it is news.
func (s *Store) Reload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	files, err := read(s.options)
	if err == nil {
		if files.digest() == s.seen {
			s.recovered()
			return
		}
		err = s.replace(files)
	}
	if err == nil {
		return
	}
	s.failing.Store(true)
	if s.problem != err.Error() {
		s.problem = err.Error()
		s.options.Logger.Error().Err(err).Msg("the new certificates cannot be used; those before go on serving")
	}
}

// recovered is for files that are again what they were when they were good.
func (s *Store) recovered() {
	if s.problem == "" {
		return
	}
	s.problem = ""
	s.failing.Store(false)
	s.options.Logger.Info().Msg("the certificates that serve are in their files again")
}

// replace serves the files, if nothing is wrong with them.
func (s *Store) replace(f files) error {
	m, err := f.parse(s.base)
	if err != nil {
		return err
	}
	if bad := m.useless(time.Now()); len(bad) > 0 {
		return bad[0]
	}
	s.seen, s.problem = f.digest(), ""
	s.failing.Store(false)
	s.serve(m)
	return nil
}

func (s *Store) serve(m *material) {
	s.served.Store(m)
	s.reads.Add(1)
	for i, c := range m.config.Certificates {
		s.options.Logger.Info().Str(fieldFile, m.names[i]).Strs(fieldHosts, names(c.Leaf)).
			Time(fieldNotAfter, c.Leaf.NotAfter).Msg("the certificate serves")
	}
}

// Fields of the log.
const (
	fieldFile     = "file"
	fieldHosts    = "hosts"
	fieldNotAfter = "notAfter"
)
