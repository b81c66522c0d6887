package schema

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// TokenAlgorithms lists the signatures that tokens can be allowed to have: the
// asymmetric ones of RFC 7518 and RFC 8037.
func TokenAlgorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

func checkAlgorithms(s string) error {
	for _, item := range ParseStrings(s) {
		if !slices.Contains(TokenAlgorithms(), item) {
			return fmt.Errorf("%s is not allowed; allowed are %s", quoted(item), strings.Join(TokenAlgorithms(), ", "))
		}
	}
	return nil
}

func checkIssuer(s string) error {
	if s == "" {
		return nil
	}
	return CheckIssuerURL(s)
}

// CheckIssuerURL wants https for the URL of an issuer of tokens, or http on this
// machine: anybody on the way could otherwise put keys of his own in place.
func CheckIssuerURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Host == "", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return fmt.Errorf("%s is no URL of an issuer; write it as https://login.example.com/realm", quoted(s))
	case u.Scheme == "https", u.Scheme == "http" && IsLoopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%s is not https, so that anybody on the way could put keys of his own in place", quoted(s))
}

// IsLoopback reports whether a host is the machine itself.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// checkLimitsURL wants the URL of a Redis server without a password, which would show in
// process lists.
func checkLimitsURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Host == "" {
		return errors.New("it is no URL of a Redis server; write it as redis://limits.example.com:6379/0")
	}
	if _, secret := u.User.Password(); secret {
		return errors.New("the URL holds a password; use sharedLimitsPasswordFile instead")
	}
	return nil
}
