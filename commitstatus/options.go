package commitstatus

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/certificates/authorities"
)

// DefaultContext is the name of the status at the forge.
const DefaultContext = "switchyard/live"

// Options say which forge is told, and how.
type Options struct {
	Forge      Forge
	Repository string // URL of the repository, without credentials; API and Project follow from it
	API        string // base URL of the API, if it does not follow
	Project    string // such as OWNER/NAME, if it does not follow
	Branch     string // the endpoints branch
	Context    string // DefaultContext if empty
	// Token gives the token, for each call, so that it can be exchanged.
	Token func() (string, error)
	// CAFile has PEM certificates that are trusted in place of those of the system;
	// empty: the system's.
	CAFile string
	// Proxy chooses a proxy, as in http.Transport; nil means none.
	Proxy  func(*http.Request) (*url.URL, error)
	Logger zerolog.Logger
}

// complete checks the options and fills in what follows from others.
func (o Options) complete() (Options, error) {
	o.Context = cmp.Or(o.Context, DefaultContext)
	if o.Forge != GitHub && o.Forge != GitLab && o.Forge != Gitea {
		return o, fmt.Errorf("the forge %q is not known; allowed are github, gitlab and gitea", o.Forge)
	}
	if o.Token == nil {
		return o, errors.New("there is no token to report commit statuses with")
	}
	if o.API == "" || o.Project == "" {
		found, err := derive(o.Forge, o.Repository)
		if err != nil {
			return o, err
		}
		o.API, o.Project = cmp.Or(o.API, found.api), cmp.Or(o.Project, found.project)
	}
	o.API, o.Project = strings.TrimRight(o.API, "/"), strings.Trim(o.Project, "/")
	if err := checkAPI(o.API); err != nil {
		return o, err
	}
	if o.Forge != GitLab && strings.Count(o.Project, "/") != 1 {
		return o, fmt.Errorf("the project is %q; it must be OWNER/NAME", o.Project)
	}
	return o, nil
}

// callTime is for one call, from connecting to the last byte of the answer.
const callTime = 10 * time.Second

func (o Options) client() (*http.Client, error) {
	transport := &http.Transport{
		Proxy:               o.Proxy,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        1,
		IdleConnTimeout:     time.Minute,
		TLSHandshakeTimeout: callTime,
	}
	if o.CAFile != "" {
		roots, err := authorities.File(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("CA certificates: %w", err)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, CheckRedirect: sameHost}, nil
}

// sameHost follows redirects of projects that were renamed. Another host must not
// see the token, and a POST that became a GET tells nothing.
func sameHost(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	if len(before) > 3 || next.Method != http.MethodPost || next.URL.Host != first.Host || next.URL.Scheme != first.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}
