package main

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/console/login"
	"github.com/switchyard-gateway/switchyard/console/login/issuer"
	"github.com/switchyard-gateway/switchyard/gitsync"
)

const (
	consoleSecretEnv = "SWITCHYARD_CONSOLE_OIDC_CLIENT_SECRET"
	consolePeersEnv  = "SWITCHYARD_CONSOLE_PEERS_TOKEN"
	signingEnv       = "SWITCHYARD_CONSOLE_SIGNING_PASSPHRASE"
	pushKeyEnv       = "SWITCHYARD_CONSOLE_GIT_SSH_PASSPHRASE"
)

// consoleOptions says how the console is; nil: there is none.
func consoleOptions(p process, s settings) (*serve.ConsoleOptions, error) {
	switch {
	case !s.flag("console") && s.flag("consoleWrite"):
		return nil, usagef("--console-write needs the console, which --console=false takes away")
	case s.flag("consoleWrite") && s.text("consoleUsersFile") == "" && s.text("consoleOidcIssuer") == "":
		return nil, usagef("--console-write needs --console-users-file or --console-oidc-issuer: who changes something has to log in")
	case !s.flag("console"):
		return nil, nil
	}
	o := &serve.ConsoleOptions{Write: s.flag("consoleWrite"), URL: s.text("consoleUrl")}
	var err error
	if o.Auth, err = pushAuth(p, s); err != nil {
		return nil, err
	}
	if o.SigningKey, err = signingKey(p, s); err != nil {
		return nil, err
	}
	if o.Peers, err = consolePeers(p, s); err != nil {
		return nil, err
	}
	if file := s.text("consoleUsersFile"); file != "" {
		if o.Users, err = login.Open(file); err != nil {
			return nil, usageError{err}
		}
	}
	o.Issuer, err = consoleIssuer(p, s)
	return o, err
}

// pushAuth are the credentials for pushing: those for reading, but for what the console
// has of its own.
func pushAuth(p process, s settings) (gitsync.Auth, error) {
	auth, err := gitAuth(p, s)
	if err != nil {
		return auth, err
	}
	auth.Username = cmp.Or(s.text("consoleGitUsername"), auth.Username)
	if file := s.text("consoleGitTokenFile"); file != "" {
		auth.TokenFile = file
		auth.Token, auth.CredentialsFile, auth.App = "", "", nil // those for reading would win over it
	}
	passphrase, err := secretSource(p, s, "consoleGitSshPassphraseFile", pushKeyEnv)
	if err != nil {
		return auth, err
	}
	key := s.text("consoleGitSshKeyFile")
	if key == "" && passphrase != nil {
		return auth, usagef("consoleGitSshPassphraseFile and %s need consoleGitSshKeyFile", pushKeyEnv)
	}
	auth.KeyFile = cmp.Or(key, auth.KeyFile)
	if passphrase != nil {
		auth.Passphrase = passphrase
	}
	return auth, nil
}

// signingKey signs what the console commits; nil: nothing does.
func signingKey(p process, s settings) (*gitsync.SSHKey, error) {
	key := &gitsync.SSHKey{File: s.text("consoleSigningKeyFile")}
	var err error
	if key.Passphrase, err = secretSource(p, s, "consoleSigningPassphraseFile", signingEnv); err != nil {
		return nil, err
	}
	if key.File == "" {
		return nil, nil
	}
	if err := key.Check(); err != nil {
		return nil, usagef("consoleSigningKeyFile: %w", err)
	}
	return key, nil
}

// consolePeers are the other gateways that the console asks.
func consolePeers(p process, s settings) (peers console.Peers, err error) {
	for _, peer := range s.list("consolePeers") {
		peers.URLs = append(peers.URLs, strings.TrimSuffix(peer, "/"))
	}
	if peers.Token, err = secretSource(p, s, "consolePeersTokenFile", consolePeersEnv); err != nil {
		return peers, err
	}
	peers.Transport, err = trustFiles{
		ca: s.text("consolePeersCaFile"), cert: s.text("consolePeersCertFile"), key: s.text("consolePeersKeyFile"),
		caName: "consolePeersCaFile", pairName: "consolePeersCertFile and consolePeersKeyFile",
	}.transport()
	return peers, err
}

// consoleIssuer is the OpenID provider at which people log in; nil: none.
func consoleIssuer(p process, s settings) (*issuer.Issuer, error) {
	o := issuer.Options{
		URL: s.text("consoleOidcIssuer"), ClientID: s.text("consoleOidcClientId"), Scopes: s.list("consoleOidcScopes"),
		Lasts: s.duration("consoleOidcSession"), TrustEmail: s.flag("consoleOidcTrustEmail"),
	}
	if o.URL == "" {
		return nil, nil
	}
	at := must(url.Parse(o.URL))
	switch {
	case at.Scheme != "https" && !isLoopback(hostPort(at)):
		return nil, usagef("consoleOidcIssuer: %s needs https: who can change what the provider says decides who comes in", o.URL)
	case o.ClientID == "":
		return nil, usagef("consoleOidcIssuer needs consoleOidcClientId")
	case s.text("consoleUrl") == "":
		return nil, usagef("consoleOidcIssuer needs consoleUrl, to which the provider sends browsers back; the redirect URI is that, with %s", console.IssuedPath)
	}
	o.Back = strings.TrimSuffix(s.text("consoleUrl"), "/") + console.IssuedPath
	var err error
	if o.Editors, err = consoleClaims(s, "consoleOidcEditors"); err != nil {
		return nil, err
	}
	if o.Viewers, err = consoleClaims(s, "consoleOidcViewers"); err != nil {
		return nil, err
	}
	if len(o.Editors)+len(o.Viewers) == 0 {
		return nil, usagef("consoleOidcIssuer needs consoleOidcEditors or consoleOidcViewers, or nobody comes in")
	}
	if o.Secret, err = secretSource(p, s, "consoleOidcClientSecretFile", consoleSecretEnv); err != nil {
		return nil, err
	}
	return issuer.New(o), nil
}

// hostPort is the host of a URL with a port, whichever.
func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return u.Host + ":443"
}

func consoleClaims(s settings, key string) ([]issuer.Claim, error) {
	var all []issuer.Claim
	for _, item := range s.list(key) {
		claim, err := issuer.ParseClaim(item)
		if err != nil {
			return nil, usagef("%s: %w", key, err)
		}
		if key == "consoleOidcEditors" && claim.Name == issuer.Anybody {
			return nil, usagef("%s: say of whom the provider has to say what; %s may only look", key, issuer.Anybody)
		}
		all = append(all, claim)
	}
	return all, nil
}
