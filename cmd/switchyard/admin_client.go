package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/report"
)

const (
	adminEnv     = "SWITCHYARD_ADMIN"
	adminDefault = "127.0.0.1:9090"
	adminHelp    = "URL or HOST:PORT of the gateway's admin listener (default: SWITCHYARD_ADMIN, or else " + adminDefault + ")."
)

// adminTimeout bounds one call: a sync that somebody waits for may take as long
// as the git server lets it.
const adminTimeout = 5 * time.Minute

// mostAnswer is how much of an answer is read.
const mostAnswer = 64 << 20

// adminClient calls the admin listener of a gateway that runs.
type adminClient struct {
	base      string
	token     string // empty: none is sent
	transport http.RoundTripper
}

// addAdmin gives a command the flag that says which gateway is meant.
func addAdmin(command *cobra.Command, into *string) {
	command.Flags().StringVar(into, "admin", "", adminHelp)
}

// newAdminClient finds the gateway's address: the flag, the environment, the default.
// How it is trusted, and the token, is in the environment.
func newAdminClient(p process, flag string) (adminClient, error) {
	var c adminClient
	var err error
	if c.base, err = adminBase(p, flag); err != nil {
		return c, err
	}
	if c.token, err = adminToken(p); err != nil {
		return c, err
	}
	c.transport, err = adminTransport(p)
	return c, err
}

func adminBase(p process, flag string) (string, error) {
	env, _ := p.env.lookup(adminEnv)
	given := cmp.Or(flag, env, adminDefault)
	if strings.Contains(given, "://") {
		u, err := url.Parse(given)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return "", usagef("--admin %s: give a URL such as http://%s, or HOST:PORT", given, adminDefault)
		}
		return strings.TrimSuffix(given, "/"), nil
	}
	host, port, err := net.SplitHostPort(given)
	if err != nil {
		return "", usagef("--admin %s: give a URL such as http://%s, or HOST:PORT", given, adminDefault)
	}
	return "http://" + net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port), nil
}

// adminAnswer is what changes are answered with.
type adminAnswer struct {
	Commit      string   `json:"commit"`
	Error       string   `json:"error"`
	Diagnostics []string `json:"diagnostics"`
}

// call makes one request and decodes the answer. An answer other than 200 is an
// error that says what the gateway says.
func (c adminClient) call(ctx context.Context, method, path string, query url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	response, err := c.do(ctx, method, path, query)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return refusal(response.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s is no admin listener of a gateway: its answer cannot be read", c.base)
	}
	return nil
}

// stream makes a request whose answer may be long, and gives it as it comes. Its status
// is 200.
func (c adminClient) stream(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	response, err := c.do(ctx, http.MethodGet, path, query)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the gateway's answer: %w", err)
	}
	return nil, refusal(response.Status, body)
}

// do makes one request, as who the client is. It follows no redirects, which would take
// the token along.
func (c adminClient) do(ctx context.Context, method, path string, query url.Values) (*http.Response, error) {
	at := c.base + path
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, at, http.NoBody)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	client := http.Client{Transport: c.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the gateway: %w; is it running, and is %s its admin listener?", err, c.base)
	}
	return response, nil
}

func refusal(status string, body []byte) error {
	var answer adminAnswer
	if json.Unmarshal(body, &answer) != nil || answer.Error == "" {
		return fmt.Errorf("the gateway answered %s", status)
	}
	text := strings.Join(append([]string{answer.Error}, answer.Diagnostics...), "\n")
	if answer.Commit != "" {
		text += "\nserving " + answer.Commit
	}
	return errors.New(printable(text))
}

// printable is text of others, of one line or several, without what could steer a
// terminal.
func printable(s string) string {
	all := strings.Split(s, "\n")
	for i, one := range all {
		all[i] = report.Printable(one)
	}
	return strings.Join(all, "\n")
}
