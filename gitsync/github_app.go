package gitsync

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// GitHubApp is an app that is installed where the repository is. Its tokens last
// for an hour and are exchanged before they end.
type GitHubApp struct {
	ID           string // or its client id
	Installation string // a number
	KeyFile      string // its private key, in PEM; read for each token
	// API is the base of GitHub's, such as https://git.example.com/api/v3. If it is
	// empty it follows from the repository's URL.
	API string
}

// appUser is the user name that GitHub expects with the token of an app.
const appUser = "x-access-token"

// app asks GitHub for tokens.
type app struct {
	GitHubApp
	client *http.Client
}

// newApp is nil without an app.
func newApp(given *GitHubApp, a address, client *http.Client) (*app, error) {
	if given == nil {
		return nil, nil
	}
	made := &app{GitHubApp: *given, client: client}
	if made.ID == "" || made.KeyFile == "" || strings.Trim(made.Installation, "0123456789") != "" || made.Installation == "" {
		return nil, errors.New("a GitHub App needs its id, the number of its installation, and the file of its private key")
	}
	if made.API == "" {
		made.API = apiOf(a)
	}
	if !soundAPI(made.API) {
		return nil, errors.New("the API of GitHub must be https://HOST or https://HOST/PATH, without credentials in it")
	}
	made.API = strings.TrimSuffix(made.API, "/")
	_, err := made.read()
	return made, err
}

// soundAPI tells whether a key may be used to sign in at an API.
func soundAPI(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && (address{host: u.Host}).loopback()
}

// apiOf is GitHub's own API, or that of a GitHub Enterprise server.
func apiOf(a address) string {
	if name := a.hostname(); name == "github.com" || strings.HasSuffix(name, ".ghe.com") {
		return "https://api." + name
	}
	return (&url.URL{Scheme: a.scheme, Host: a.host, Path: "/api/v3"}).String()
}

// read reads the private key, in the form in which GitHub gives it (PKCS #1), or
// in PKCS #8.
func (a *app) read() (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(a.KeyFile)
	if err != nil {
		return nil, &problem{kind: ErrAuth, detail: "key of the GitHub App: " + err.Error()}
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, &problem{kind: ErrAuth, detail: "key of the GitHub App: no PEM in " + a.KeyFile}
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, _ := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, &problem{kind: ErrAuth, detail: "key of the GitHub App: no private RSA key in " + a.KeyFile}
	}
	return key, nil
}

// claim is a JSON Web Token (RFC 7519) that proves for some minutes who asks. It
// begins a minute ago, as GitHub advises, for clocks that differ.
func (a *app) claim(now time.Time) (string, error) {
	key, err := a.read()
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{"iss": a.ID, "iat": now.Add(-time.Minute).Unix(), "exp": now.Add(9 * time.Minute).Unix()})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", &problem{kind: ErrAuth, detail: "key of the GitHub App: " + err.Error()}
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// token asks for a token of the installation.
func (a *app) token(ctx context.Context) (user, token string, ends time.Time, err error) {
	claim, err := a.claim(time.Now())
	if err != nil {
		return "", "", ends, err
	}
	to := a.API + "/app/installations/" + a.Installation + "/access_tokens"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(nil))
	if err != nil {
		return "", "", ends, &problem{kind: ErrAuth, detail: "the API of GitHub has no such address"}
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("Authorization", "Bearer "+claim)
	req.Header.Set("User-Agent", userAgent)
	resp, err := a.client.Do(req) //nolint:bodyclose // drain does
	if err != nil {
		return "", "", ends, explained(ctx, secrets{claim}, ErrUnreachable, fmt.Errorf("API of GitHub: %w", withoutURL(err)))
	}
	defer drain(resp.Body)
	var answer struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
		Message   string    `json:"message"`
	}
	const most = 64 << 10
	unread := json.NewDecoder(io.LimitReader(resp.Body, most)).Decode(&answer)
	if resp.StatusCode != http.StatusCreated || unread != nil || answer.Token == "" {
		return "", "", ends, refusedToken(resp, secrets{claim, answer.Token}.hide(answer.Message))
	}
	return appUser, answer.Token, answer.ExpiresAt, nil
}

// refusedToken says why there is no token.
func refusedToken(resp *http.Response, message string) error {
	detail := "GitHub App: status " + resp.Status
	if message != "" {
		detail += ": " + message
	}
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
		return &problem{kind: ErrUnreachable, detail: detail, after: pauseAsked(resp, time.Now())}
	}
	return &problem{kind: ErrAuth, detail: detail}
}
