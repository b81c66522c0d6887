package gitsync

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// address is a parsed Options.URL.
type address struct {
	scheme   string // http, https, ssh or file
	host     string // with its port, if one was given
	path     string
	user     string
	password string
	show     string // for logs, status and state: without user and password
}

// parseAddress understands what git clone does: URLs, HOST:PATH and paths. Its
// errors do not repeat the text, which may hold a password.
func parseAddress(text string) (address, error) {
	if text == "" {
		return address{}, errors.New("repository URL is empty")
	}
	if !strings.Contains(text, "://") {
		if host, path, ok := hostPath(text); ok {
			if strings.Contains(path, "@") {
				return address{}, errors.New("repository has @ behind its first colon, as if https:// were missing before a user name and a password; write it as a URL")
			}
			return sshAddress(host, path), nil
		}
		return fileAddress(text)
	}
	u, err := url.Parse(text)
	if err != nil {
		return address{}, errors.New("repository URL cannot be parsed; special characters in a password must be percent-encoded")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return address{}, errors.New("repository URL has a query or fragment; give tokens as user information or in a file")
	}
	return urlAddress(u)
}

// Shown is a repository's URL or path without what no text may show. What cannot be
// understood is not repeated.
func Shown(url string) string {
	a, err := parseAddress(url)
	if err != nil {
		return "the repository"
	}
	return a.show
}

func urlAddress(u *url.URL) (address, error) {
	a := address{scheme: strings.ToLower(u.Scheme), host: u.Host, path: u.Path, user: u.User.Username()}
	a.password, _ = u.User.Password()
	switch a.scheme {
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return address{}, errors.New("a file:// URL must name no host; write file:///path")
		}
		return fileAddress(u.Path)
	case "http", "https", "ssh":
	default:
		return address{}, errors.New("repository URL must be http://, https://, ssh://, file://, HOST:PATH or a path")
	}
	if u.Hostname() == "" || strings.Trim(u.Path, "/") == "" {
		return address{}, errors.New("repository URL must have a host and a path")
	}
	if a.scheme == "ssh" && strings.HasPrefix(a.path, "/~") {
		a.path = a.path[1:]
	}
	a.show = (&url.URL{Scheme: a.scheme, Host: a.host, Path: u.Path}).String()
	return a, nil
}

// hostPath splits HOST:PATH, which needs its colon before the first slash.
func hostPath(text string) (host, path string, ok bool) {
	host, path, ok = strings.Cut(text, ":")
	if !ok || strings.Contains(host, "/") || host == "" || filepath.VolumeName(text) != "" {
		return "", "", false
	}
	if _, err := os.Stat(text); err == nil {
		return "", "", false
	}
	return host, path, true
}

func sshAddress(host, path string) address {
	user, host := cutLast(host, "@")
	return address{scheme: "ssh", host: host, path: path, user: user, show: host + ":" + path}
}

func cutLast(s, sep string) (before, after string) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):]
	}
	return "", s
}

func fileAddress(path string) (address, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return address{}, errors.New("repository path cannot be made absolute")
	}
	return address{scheme: "file", path: abs, show: abs}, nil
}

// hostname is host without the port.
func (a address) hostname() string { return (&url.URL{Host: a.host}).Hostname() }

// loopback tells whether what is sent to the host stays on this machine.
func (a address) loopback() bool {
	name := a.hostname()
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(name, "localhost")
}

// dialAddress is host with a port.
func (a address) dialAddress(port string) string {
	if p := (&url.URL{Host: a.host}).Port(); p != "" {
		port = p
	}
	return net.JoinHostPort(a.hostname(), port)
}
