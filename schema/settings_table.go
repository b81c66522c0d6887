package schema

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The groups of settings, in the order in which help texts show them.
const (
	groupRepository = "Repository"
	groupForge      = "Forge"
	groupServing    = "Serving"
	groupTLS        = "TLS"
	groupAccess     = "Access"
	groupMirroring  = "Mirroring"
	groupConsole    = "Console"
	groupLog        = "Log"
	groupTelemetry  = "Telemetry"
	groupEngine     = "Engine"
)

// Settings is the table of all settings, those of one group together. The
// configuration file, the flags and the environment all follow it. The caller
// may change what it gets.
func Settings() []Setting {
	var all []Setting
	for _, part := range [][]Setting{repositorySettings(), forgeSettings(), servingSettings(), tlsSettings(), accessSettings(), mirroringSettings(), consoleSettings(), logSettings(), telemetrySettings(), engineSettings()} {
		all = append(all, part...)
	}
	for i := range all {
		all[i].Flag = separated(all[i].Key, '-')
		all[i].Env = "SWITCHYARD_" + strings.ToUpper(separated(all[i].Key, '_'))
	}
	return all
}

// separated is a camelCase key in small letters, its words set apart.
func separated(key string, by rune) string {
	var b strings.Builder
	for _, r := range key {
		if r >= 'A' && r <= 'Z' {
			b.WriteRune(by)
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func repositorySettings() []Setting {
	return grouped(groupRepository, []Setting{
		{Key: "repo", Kind: KindString, check: checkRepo, Help: "URL or path of the git repository to follow, without credentials in it."},
		{Key: "branch", Kind: KindString, Default: "main", check: checkBranch, Help: "Branch that holds the endpoints."},
		{Key: "poll", Kind: KindDuration, Default: "30s", min: "10ms", max: "24h", Help: "Time between two looks at the repository, 10ms to 24h."},
		{Key: "state", Kind: KindString, Help: "Directory that keeps the last good revisions, to serve the newest at start while the git server is down and to pin any of them; empty: nothing is kept."},
		{Key: "stateRevisions", Kind: KindInt, Default: "10", min: "1", max: "1000", Help: "Number of revisions that the state directory keeps, 1 to 1000; a pinned one is kept beside them."},
		{Key: "gitUsername", Kind: KindString, Help: "User name for the git server over http or https; empty: what the server's kind expects."},
		{Key: "gitTokenFile", Kind: KindString, Help: "File with the token or password for the git server over http or https, read again when access is refused; or the variable SWITCHYARD_GIT_TOKEN."},
		{Key: "gitCredentialsFile", Kind: KindString, Help: "File with user names and passwords by server, as git credential-store writes it, for http and https; read again when access is refused."},
		{Key: "gitAppId", Kind: KindString, Help: "Id of the GitHub App that signs in at the git server over https; its tokens are exchanged before they end."},
		{Key: "gitAppInstallation", Kind: KindString, check: checkDigits, Help: "Number of the GitHub App's installation for the repository."},
		{Key: "gitAppKeyFile", Kind: KindString, Help: "File with the GitHub App's private key, in PEM."},
		{Key: "gitAppApi", Kind: KindString, Help: "Base URL of GitHub's API, such as https://git.example.com/api/v3; empty: it follows from the repository's URL."},
		{Key: "gitSshKeyFile", Kind: KindString, Help: "File with the private key for the git server over ssh; empty: the ssh agent."},
		{Key: "gitSshPassphraseFile", Kind: KindString, Help: "File with the passphrase of the private key; or the variable SWITCHYARD_GIT_SSH_PASSPHRASE; neither: it has none."},
		{Key: "gitKnownHostsFile", Kind: KindString, Help: "File with the known host keys for ssh; empty: the user's and the system's known_hosts."},
		{Key: "gitCaFile", Kind: KindString, Help: "File with the CA certificates, in PEM, that the git server's is checked by, and that of the forge's API for commit statuses or a GitHub App; empty: the system's."},
		{Key: "gitClientCertFile", Kind: KindString, Help: "File with the certificate, in PEM, that is shown to a git server over https that asks for one; read anew for each connection."},
		{Key: "gitClientKeyFile", Kind: KindString, Help: "File with the key of gitClientCertFile, in PEM."},
		{Key: "verify", Kind: KindString, Default: "off", oneOf: []string{"off", "tip"}, Help: "Whose commits serve: off is everybody's, tip is those signed by a trusted key, on every branch that is used."},
		{Key: "verifyKeyring", Kind: KindString, Help: "File with the public PGP keys that are trusted, armored or binary; read again at each new commit."},
		{Key: "verifyAllowedSigners", Kind: KindString, Help: "File with the SSH keys that are trusted, in OpenSSH's format of allowed signers; read again at each new commit."},
		{Key: "verifyAllowRewind", Kind: KindBool, Default: "false", Help: "Let a branch go back to a signed commit that is older than the one that served: true or false."},
		{Key: "gitMaxBytes", Kind: KindSize, Default: "64MiB", min: "1MiB", max: "64GiB", Help: "Size of what one sync may receive and hold in memory, 1MiB to 64GiB; from servers that do not filter, all files of a branch's tip count."},
		{Key: "gitTimeout", Kind: KindDuration, Default: "60s", min: "1s", max: "1h", Help: "Time that one sync with the git server may take, 1s to 1h."},
	})
}

func forgeSettings() []Setting {
	return grouped(groupForge, []Setting{
		{Key: "webhookSecretFile", Kind: KindString, Help: "File with the secrets of the push webhook at /-/webhook, one a line, read at each delivery; or the variable SWITCHYARD_WEBHOOK_SECRET; neither: no webhook."},
		{Key: "webhookPeers", Kind: KindString, check: checkPeers, Help: "URL of the webhook of all gateways of the repository, such as http://switchyard-peers:8080/-/webhook; each address of its host is told of a push that a forge told this one; empty: none."},
		{Key: "webhookPeersCaFile", Kind: KindString, Help: "File with the CA certificates, in PEM, that those of these gateways are checked by, which are for the host of the URL; empty: the system's."},
		{Key: "webhookPeersCertFile", Kind: KindString, Help: "File with the certificate, in PEM, that is shown to these gateways where their tlsClientCaFile asks for one; empty: none."},
		{Key: "webhookPeersKeyFile", Kind: KindString, Help: "File with the key of that certificate, in PEM."},
		{Key: "commitStatus", Kind: KindString, Default: "off", oneOf: []string{"off", "github", "gitlab", "gitea"}, Help: "Forge that is told what became of each commit: github, gitlab, gitea (also Forgejo) or off."},
		{Key: "commitStatusTokenFile", Kind: KindString, Help: "File with the token for commit statuses, read for each; or the variable SWITCHYARD_COMMIT_STATUS_TOKEN."},
		{Key: "commitStatusContext", Kind: KindString, Default: "switchyard/live", Help: "Name of the commit status at the forge; another one for each gateway that reports."},
		{Key: "commitStatusApi", Kind: KindString, Help: "Base URL of the forge's API, such as https://git.example.com/api/v1; empty: it follows from the repository's URL."},
		{Key: "commitStatusProject", Kind: KindString, Help: "Project at the forge, such as OWNER/NAME; empty: it follows from the repository's URL."},
	})
}

func servingSettings() []Setting {
	return grouped(groupServing, []Setting{
		{Key: "listen", Kind: KindString, Default: ":8080", check: checkAddress, Help: "Address of the public listener, as HOST:PORT; an empty host is every address, port 0 any free port."},
		{Key: "h2c", Kind: KindBool, Default: "false", Help: "Also speak HTTP/2 without TLS on the public listener, by prior knowledge, as gRPC clients do within a network: true or false."},
		{Key: "admin", Kind: KindString, Default: "127.0.0.1:9090", check: checkAddress, Help: "Address of the admin listener, as HOST:PORT; other ones than loopback need adminTokenFile or adminClientCaFile."},
		{Key: "metrics", Kind: KindString, check: checkOptionalAddress, Help: "Address of a listener for /metrics, /healthz and /readyz only, as HOST:PORT, for Prometheus and for probes that must not reach the admin listener; empty: none."},
		{Key: "gracePeriod", Kind: KindDuration, Default: "30s", min: "0s", max: "1h", Help: "Time that live requests and copies in flight get to end at shutdown, 0s to 1h."},
		{Key: "shutdownDelay", Kind: KindDuration, Default: "0s", min: "0s", max: "1h", Help: "Time between not being ready and closing the listener at shutdown, for load balancers to notice, 0s to 1h."},
		{Key: "readHeaderTimeout", Kind: KindDuration, Default: "10s", min: "10ms", max: "1h", Help: "Time that a caller may take to send a request's header, 10ms to 1h."},
		{Key: "idleTimeout", Kind: KindDuration, Default: "120s", min: "10ms", max: "24h", Help: "Time that a caller's connection may stay open between requests, 10ms to 24h."},
		{Key: "maxHeaderBytes", Kind: KindSize, Default: "64KiB", min: "1KiB", max: "16MiB", Help: "Size of a request's header above which the answer is 431, 1KiB to 16MiB."},
		{Key: "maxConnections", Kind: KindInt, Default: "0", min: "0", max: "10000000", Help: "Connections of callers that are open at a time; others wait until one of them ends; 0: half of the file descriptors that the process may open."},
		{Key: "minBodyRate", Kind: KindSize, Default: "240", max: "1GiB", Help: "Bytes a second at which a request's body has to come, once it was waited for 10s in all; a slower request is cut off, unless it is gRPC; 0: no bound."},
		{Key: "maxRequestBytes", Kind: KindSize, Default: "0", Help: "Size of a request's body above which the answer is 413; 0: no limit."},
		{Key: "jsonMaxBody", Kind: KindSize, Default: "16MiB", min: "1MiB", max: "1GiB", Help: "Size above which the answer is 413 to a JSON body that is read as a whole, for the model in it or to be changed for a deployment, 1MiB to 1GiB."},
		{Key: "jsonBudget", Kind: KindSize, Default: "64MiB", min: "1MiB", Help: "Memory that all such bodies above 1MiB share, 1MiB or more; a body takes half as much again while it comes; what does not fit gets 503."},
		{Key: "maxInFlight", Kind: KindInt, Default: "0", min: "0", max: "1000000", Help: "Live requests in flight above which further ones get 503; from four fifths of it on nothing is mirrored; 0: no limit."},
		{Key: "memoryLimit", Kind: KindSize, Default: "0", Help: "Memory that the process aims to stay below: when nine tenths of it are in use requests get 503, from three quarters on nothing is mirrored; 0: what GOMEMLIMIT says, else nine tenths of what the cgroup allows, else no limit."},
		{Key: "trustedProxies", Kind: KindStrings, check: checkPrefixes, Help: "Addresses or CIDR prefixes of the proxies in front, whose X-Forwarded-For is believed; empty: nobody's."},
	})
}

func tlsSettings() []Setting {
	return grouped(groupTLS, []Setting{
		{Key: "tlsCertFile", Kind: KindStrings, check: checkPaths, Help: "Files with certificates and their intermediate ones, in PEM, for the public listener, which then speaks HTTPS only; read again when they change."},
		{Key: "tlsKeyFile", Kind: KindStrings, check: checkPaths, Help: "Files with the keys of the certificates, in PEM, in the same order."},
		{Key: "tlsClientCaFile", Kind: KindString, Help: "File with the CA certificates, in PEM, one of which must have signed a caller's; empty: callers need no certificate."},
		{Key: "acmeHost", Kind: KindStrings, check: checkHosts, Help: "Names that certificates are issued for by an ACME server, which must reach the public listener on port 443; they are kept in the state directory."},
		{Key: "acmeAcceptTerms", Kind: KindBool, Default: "false", Help: "Accept the terms of service of the ACME server, without which it issues nothing: true or false."},
		{Key: "acmeEmail", Kind: KindString, Help: "Address that the ACME server writes to about the certificates; empty: none."},
		{Key: "acmeDirectory", Kind: KindString, Help: "URL of the ACME server's directory; empty: Let's Encrypt."},
		{Key: "acmeCaFile", Kind: KindString, Help: "File with the CA certificates, in PEM, that the ACME server's is checked by; empty: the system's."},
	})
}

func accessSettings() []Setting {
	return grouped(groupAccess, []Setting{
		{Key: "adminTokenFile", Kind: KindString, Help: "File with the tokens of the admin listener, one a line, read at each request; or the variable SWITCHYARD_ADMIN_TOKEN; neither: none is asked for."},
		{Key: "adminTlsCertFile", Kind: KindString, Help: "File with the certificate of the admin listener, in PEM, which then speaks HTTPS only; read again when it changes."},
		{Key: "adminTlsKeyFile", Kind: KindString, Help: "File with the key of that certificate, in PEM."},
		{Key: "adminClientCaFile", Kind: KindString, Help: "File with the CA certificates, in PEM, one of which must have signed the certificate of whoever calls the admin listener; empty: none is asked for."},
		{Key: "secretsDir", Kind: KindString, Help: "Folder that ${file:PATH} reads from, links included, but for the gateway's own files; empty: any file but those and the kernel's."},
		{Key: "access", Kind: KindString, Default: "auto", oneOf: []string{"auto", "required", "optional", "public"}, Help: "What endpoints ask of callers that do not say access: auto is an API key or a token as soon as a key is declared or an issuer named, the others are as in endpoints."},
		{Key: "tokenIssuer", Kind: KindString, check: checkIssuer, Help: "URL of the OpenID Connect issuer whose tokens (JWT) callers may show in place of an API key, as the claim iss has it; empty: none are looked at."},
		{Key: "tokenAudience", Kind: KindStrings, Help: "Audiences, one of which a token must be for, in the claim aud."},
		{Key: "tokenKeysUrl", Kind: KindString, check: checkIssuer, Help: "URL of the issuer's key set; empty: what its discovery document says."},
		{Key: "tokenAlgorithms", Kind: KindStrings, Default: "RS256,PS256,ES256,ES384,EdDSA", check: checkAlgorithms, Help: "Signatures that tokens may have, of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA."},
		{Key: "tokenClockSkew", Kind: KindDuration, Default: "30s", min: "0s", max: "10m", Help: "Time by which the issuer's clock may differ, 0s to 10m."},
		{Key: "tokenEndpointsClaim", Kind: KindString, Help: "Claim of tokens that lists what endpoints they are good for, as endpoints of an API key does, or as one text with blanks between; empty: for all."},
		{Key: "tokenCaFile", Kind: KindString, Help: "File with the CA certificates, in PEM, that the issuer's is checked by; empty: the system's."},
		{Key: "sharedLimitsUrl", Kind: KindString, check: checkLimitsURL, Help: "URL of the Redis or Valkey server where rate limits are kept for several gateways, as redis://HOST:PORT/DATABASE or rediss:// over TLS, without a password in it; empty: each gateway keeps them for itself."},
		{Key: "sharedLimitsPasswordFile", Kind: KindString, Help: "File with the password for that server, read for each connection; or the variable SWITCHYARD_SHARED_LIMITS_PASSWORD; neither: it asks for none."},
		{Key: "sharedLimitsCaFile", Kind: KindString, Help: "File with the CA certificates, in PEM, that the certificate of a rediss:// server is checked by; empty: the system's."},
		{Key: "sharedLimitsCertFile", Kind: KindString, Help: "File with the certificate, in PEM, that a rediss:// server is shown; empty: none."},
		{Key: "sharedLimitsKeyFile", Kind: KindString, Help: "File with the key of that certificate, in PEM."},
		{Key: "sharedLimitsPrefix", Kind: KindString, Default: "switchyard", Help: "Beginning of the names of its keys; the same for gateways that share their limits, and another one for others."},
		{Key: "sharedLimitsTimeout", Kind: KindDuration, Default: "50ms", min: "1ms", max: "5s", Help: "Time that a request waits for it at most, 1ms to 5s; then each gateway keeps the limits for itself until it answers again."},
	})
}

func mirroringSettings() []Setting {
	return grouped(groupMirroring, []Setting{
		{Key: "mirrorMaxBody", Kind: KindSize, Default: "1MiB", max: "1GiB", Help: "Size of a request's body above which it is not mirrored, up to 1GiB."},
		{Key: "mirrorBudget", Kind: KindSize, Default: "64MiB", min: "1MiB", Help: "Memory that all bodies captured for mirrors share, 1MiB or more; copies that do not fit are dropped and counted."},
		{Key: "mirrorQueue", Kind: KindInt, Default: "256", min: "1", max: "1000000", Help: "Copies that wait for one mirror, 1 to 1000000; further ones are dropped and counted."},
		{Key: "mirrorWorkers", Kind: KindInt, Default: "16", min: "1", max: "10000", Help: "Copies that are under way to one mirror at a time, 1 to 10000."},
		{Key: "mirrorTimeout", Kind: KindDuration, Default: "5s", min: "10ms", max: "1h", Help: "Time that a copy may take from sending to the last byte of its answer, 10ms to 1h."},
		{Key: "compareBudget", Kind: KindSize, Default: "64MiB", min: "1MiB", Help: "Memory that all answers which wait to be compared share, 1MiB or more; what does not fit is not compared and counted."},
	})
}

func consoleSettings() []Setting {
	return grouped(groupConsole, []Setting{
		{Key: "console", Kind: KindBool, Default: "true", Help: "Show the console at / of the admin listener: true or false."},
		{Key: "consoleWrite", Kind: KindBool, Default: "false", Help: "Let editors among the users change endpoints in the console, by commits: true or false."},
		{Key: "consoleUsersFile", Kind: KindString, Help: "File with the users of the console, each a line of switchyard console user; empty: nobody logs in."},
		{Key: "consoleGitUsername", Kind: KindString, Help: "User name for pushing over http or https; empty: that for reading."},
		{Key: "consoleGitTokenFile", Kind: KindString, Help: "File with the token for pushing over http or https, in place of all that signs in for reading; empty: as for reading."},
		{Key: "consoleGitSshKeyFile", Kind: KindString, Help: "File with the private key for pushing over ssh; empty: that for reading."},
		{Key: "consoleGitSshPassphraseFile", Kind: KindString, Help: "File with the passphrase of that key; or the variable SWITCHYARD_CONSOLE_GIT_SSH_PASSPHRASE; neither: that of gitSshKeyFile, if it needs one."},
		{Key: "consoleSigningKeyFile", Kind: KindString, Help: "File with the private SSH key that signs the commits of the console, read for each, for gateways with --verify tip; empty: they are not signed."},
		{Key: "consoleSigningPassphraseFile", Kind: KindString, Help: "File with the passphrase of that key; or the variable SWITCHYARD_CONSOLE_SIGNING_PASSPHRASE; neither: it has none."},
		{Key: "consoleUrl", Kind: KindString, check: checkURL, Help: "URL at which browsers reach the console, such as https://switchyard.example.com, to which an OpenID provider sends them back; with https its cookies go over TLS alone."},
		{Key: "consoleOidcIssuer", Kind: KindString, check: checkURL, Help: "URL of the OpenID provider at which people log in to the console; empty: none."},
		{Key: "consoleOidcClientId", Kind: KindString, Help: "Id of the console as a client of the OpenID provider."},
		{Key: "consoleOidcClientSecretFile", Kind: KindString, Help: "File with the client's secret, read at each login; or the variable SWITCHYARD_CONSOLE_OIDC_CLIENT_SECRET; neither: it has none."},
		{Key: "consoleOidcScopes", Kind: KindStrings, Default: "profile,email", Help: "Scopes that the OpenID provider is asked for beside openid, such as groups."},
		{Key: "consoleOidcEditors", Kind: KindStrings, Help: "Claims of the OpenID provider, as NAME=VALUE, one of which lets somebody change endpoints, such as groups=models or email=jo@example.com."},
		{Key: "consoleOidcViewers", Kind: KindStrings, Help: "Claims of the OpenID provider, one of which lets somebody look; anybody: whom the provider lets in."},
		{Key: "consoleOidcSession", Kind: KindDuration, Default: "1h", min: "1m", max: "12h", Help: "Time after which who has logged in at the OpenID provider has to do so again, 1m to 12h."},
		{Key: "consoleOidcTrustEmail", Kind: KindBool, Default: "false", Help: "Take addresses of which the OpenID provider does not say whether they are verified as such, for a provider at which nobody sets his own: true or false."},
		{Key: "consolePeers", Kind: KindStrings, check: checkURLs, Help: "URLs of the admin listeners of other gateways, whose live commits the console shows."},
		{Key: "consolePeersTokenFile", Kind: KindString, Help: "File with the token of these admin listeners, read at each call; or the variable SWITCHYARD_CONSOLE_PEERS_TOKEN; neither: none is sent."},
		{Key: "consolePeersCaFile", Kind: KindString, Help: "File with the CA certificates, in PEM, that those of these admin listeners are checked by; empty: the system's."},
		{Key: "consolePeersCertFile", Kind: KindString, Help: "File with the certificate, in PEM, that is shown to these admin listeners; empty: none."},
		{Key: "consolePeersKeyFile", Kind: KindString, Help: "File with the key of that certificate, in PEM."},
	})
}

func logSettings() []Setting {
	return grouped(groupLog, []Setting{
		{Key: "log", Kind: KindString, Default: "stdout", Help: "Where records and the life of the process are logged: stdout or the path of a file, which is rotated."},
		{Key: "captureBudget", Kind: KindSize, Default: "64MiB", min: "1MiB", Help: "Memory that all bodies captured for records share until they are written, 1MiB or more; what does not fit is cut and counted."},
		{Key: "logLevel", Kind: KindString, Default: "info", oneOf: []string{"debug", "info", "warn", "error"}, Help: "Least level of process events that is logged: debug, info, warn or error; records always are."},
		{Key: "logMaxSize", Kind: KindSize, Default: "100MiB", min: "1MiB", Help: "Size at which a log file is rotated, 1MiB or more."},
		{Key: "logRotateEvery", Kind: KindDuration, Default: "0s", check: checkRotation, Help: "Time after which a log file is rotated whatever its size, 1m or more; 0s: it is rotated by size only."},
		{Key: "logMaxAge", Kind: KindDuration, Default: "0s", Help: "Age above which rotated log files are removed; 0s: they are kept."},
		{Key: "logMaxFiles", Kind: KindInt, Default: "0", min: "0", max: "100000", Help: "Number of rotated log files above which the oldest are removed, up to 100000; 0: they are kept."},
		{Key: "logCompress", Kind: KindBool, Default: "false", Help: "Compress rotated log files with gzip: true or false."},
		{Key: "recentRecords", Kind: KindInt, Default: "10000", min: "0", max: "10000000", Help: "Number of the newest records that are kept in memory, for /records of the admin listener, up to 10000000; 0: none."},
		{Key: "recentBytes", Kind: KindSize, Default: "8MiB", min: "1MiB", max: "16GiB", Help: "Memory that these records take at most, 1MiB to 16GiB."},
	})
}

func telemetrySettings() []Setting {
	return grouped(groupTelemetry, []Setting{
		{Key: "otlpTraces", Kind: KindString, check: checkCollector, Help: "URL of the collector that traces are sent to over OTLP, such as http://collector:4318/v1/traces; empty: there are no traces."},
		{Key: "otlpMetrics", Kind: KindString, check: checkCollector, Help: "URL of the collector that metrics are sent to over OTLP, such as http://collector:4318/v1/metrics; empty: they are not sent."},
		{Key: "otlpMetricsInterval", Kind: KindDuration, Default: "60s", min: "1s", max: "1h", Help: "Time between two sendings of metrics, 1s to 1h."},
		{Key: "otlpHeadersFile", Kind: KindString, Help: "File with fields of the header for these collectors, such as a token, each a line NAME: VALUE, read at each call; or the variable OTEL_EXPORTER_OTLP_HEADERS; neither: none."},
		{Key: "traceSampling", Kind: KindFloat, Default: "1", min: "0", max: "1", Help: "Part of the requests without a traceparent whose traces are sampled, 0 to 1; of others the caller has decided."},
	})
}

func engineSettings() []Setting {
	kinds := []string{"std", "own"}
	return grouped(groupEngine, []Setting{
		{Key: "front", Kind: KindString, Default: "own", oneOf: kinds, Help: "HTTP server for plain requests on the public listener: own is Switchyard's, std is net/http."},
		{Key: "upstream", Kind: KindString, Default: "own", oneOf: kinds, Help: "HTTP client for plain requests to deployments: own is Switchyard's, std is net/http."},
	})
}

func grouped(group string, settings []Setting) []Setting {
	for i := range settings {
		settings[i].Group = group
	}
	return settings
}

func checkBranch(s string) error {
	if problem := branchProblem(s); problem != "" {
		return fmt.Errorf("%s is no name of a branch: %s", quoted(s), problem)
	}
	return nil
}

// checkRepo refuses credentials, which would show in process lists and files.
// Over ssh the user name is part of the address. An @ in the path of HOST:PATH
// looks like a URL with a password whose https:// was forgotten.
func checkRepo(s string) error {
	if host, path, ok := strings.Cut(s, ":"); ok && !strings.Contains(host, "/") && !strings.HasPrefix(path, "//") && strings.Contains(path, "@") {
		return errors.New("there is an @ behind its first colon, as if https:// were missing before a user name and a password; write it as a URL without credentials, such as ssh://HOST/PATH")
	}
	u, err := url.Parse(s)
	if err != nil || u.User == nil {
		if strings.Contains(s, "://") && err != nil {
			return errors.New("the URL cannot be read")
		}
		return nil
	}
	if _, secret := u.User.Password(); secret || u.Scheme != "ssh" {
		return errors.New("the URL holds credentials; use gitUsername and gitTokenFile instead")
	}
	return nil
}

func checkPeers(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("it must be an http or https URL without credentials, such as http://switchyard-peers:8080/-/webhook")
	}
	return nil
}

func checkCollector(s string) error {
	if s == "" {
		return nil
	}
	if problem := urlProblem(s); problem != "" {
		return errors.New(problem)
	}
	return nil
}

func checkRotation(s string) error {
	if d, err := ParseDuration(s); err == nil && d > 0 && d < shortestRotation {
		return fmt.Errorf("%s is below 1m", s)
	}
	return nil
}

func checkDigits(s string) error {
	if strings.Trim(s, "0123456789") != "" {
		return fmt.Errorf("%s is no number", quoted(s))
	}
	return nil
}

func checkAddress(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%s is no address; write HOST:PORT, such as :8080 or 127.0.0.1:9090", quoted(s))
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%s has the port %s; 0 to 65535 are allowed", quoted(s), quoted(port))
	}
	return nil
}

func checkOptionalAddress(s string) error {
	if s == "" {
		return nil
	}
	return checkAddress(s)
}

func checkURLs(s string) error {
	for _, item := range ParseStrings(s) {
		if err := checkURL(item); err != nil {
			return err
		}
	}
	return nil
}

func checkURL(s string) error {
	if u, err := url.Parse(s); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return fmt.Errorf("%s is no URL; write it as http://127.0.0.1:9090", quoted(s))
	}
	return nil
}

func checkPaths(s string) error {
	if slices.Contains(ParseStrings(s), "") {
		return errors.New("the list has an empty path; write them with one comma between two")
	}
	return nil
}

// checkHosts wants names as a certificate has them, without wildcards: those
// cannot be proven by calling the listener.
func checkHosts(s string) error {
	for _, host := range ParseStrings(s) {
		_, ip := netip.ParseAddr(host)
		if hostProblem(host) != "" || ip == nil || !strings.Contains(host, ".") || strings.HasSuffix(host, ".") {
			return fmt.Errorf("%s is no name that a certificate can be issued for; write it in full, such as models.example.com", quoted(host))
		}
	}
	return nil
}

func checkPrefixes(s string) error {
	for _, item := range ParseStrings(s) {
		if _, err := ParsePrefix(item); err != nil {
			return err
		}
	}
	return nil
}

// ParsePrefix parses an IP address or a CIDR prefix without bits behind its
// length. An address is a prefix of all its bits.
func ParsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%s is no address or CIDR prefix; write it as 10.0.0.0/8", quoted(s))
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%s has bits set behind its length; write %s", quoted(s), p.Masked())
	}
	return p, nil
}
