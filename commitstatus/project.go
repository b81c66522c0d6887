package commitstatus

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// location is where a forge's API is, and the project there.
type location struct{ api, project string }

// errNoForge means that nothing follows from the repository's URL.
var errNoForge = errors.New("the repository's URL does not tell the API and the project; give both")

// derive finds the API and the project of a repository's URL: a http, https or
// ssh URL, or HOST:PATH. The API is always reached over https but for http URLs.
func derive(f Forge, repository string) (location, error) {
	base, path, err := split(repository)
	if err != nil {
		return location{}, err
	}
	segments := strings.Split(strings.TrimSuffix(strings.Trim(path, "/"), ".git"), "/")
	if len(segments) < 2 {
		return location{}, errNoForge
	}
	if f == GitLab {
		return location{api: api(f, base), project: strings.Join(segments, "/")}, nil
	}
	owner := len(segments) - 2
	if f == Gitea && owner > 0 { // served below a path
		base.Path = "/" + strings.Join(segments[:owner], "/")
	}
	return location{api: api(f, base), project: strings.Join(segments[owner:], "/")}, nil
}

// split gives the web address of a repository's server, and the path there.
func split(repository string) (base url.URL, path string, err error) {
	if !strings.Contains(repository, "://") {
		host, path, ok := strings.Cut(repository, ":")
		if !ok || strings.ContainsAny(host, `/\`) {
			return url.URL{}, "", errNoForge
		}
		_, name, found := strings.Cut(host, "@")
		if !found {
			name = host
		}
		return url.URL{Scheme: "https", Host: name}, path, nil
	}
	u, err := url.Parse(repository)
	if err != nil {
		return url.URL{}, "", errNoForge // which may hold credentials
	}
	switch u.Scheme {
	case "http", "https":
		return url.URL{Scheme: u.Scheme, Host: u.Host}, u.Path, nil
	case "ssh":
		return url.URL{Scheme: "https", Host: u.Hostname()}, u.Path, nil // the port is ssh's
	}
	return url.URL{}, "", errNoForge
}

// sshHosts are names under which forges offer ssh on the port of https.
var sshHosts = map[string]string{"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}

func api(f Forge, base url.URL) string {
	if name, ok := sshHosts[base.Host]; ok {
		base.Host = name
	}
	switch f {
	case GitHub:
		if base.Host == "github.com" || strings.HasSuffix(base.Host, ".ghe.com") {
			base.Host = "api." + base.Host
			break
		}
		base.Path = "/api/v3"
	case GitLab:
		base.Path = "/api/v4"
	case Gitea:
		base.Path += "/api/v1"
	}
	return base.String()
}

// checkAPI refuses addresses that a token must not go to.
func checkAPI(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("the API's URL must be https://HOST/PATH")
	case u.User != nil:
		return errors.New("the API's URL holds credentials; give the token in a file")
	case u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("the API's URL is %s://%s; a token is only sent over https", u.Scheme, u.Host)
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
