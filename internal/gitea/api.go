package gitea

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Call calls Gitea's API as the administrator: path is below /api/v1, body and
// answer are made JSON of, unless they are nil. Statuses other than 2xx end the test.
func (s *Server) Call(tb testing.TB, method, path string, body, answer any) {
	tb.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		tb.Fatal(err)
	}
	request, err := http.NewRequestWithContext(tb.Context(), method, s.URL+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(Admin, password)
	said := s.do(tb, request)
	if answer == nil {
		return
	}
	if err := json.Unmarshal(said, answer); err != nil {
		tb.Fatalf("%s %s: %v\n%s", method, path, err, said)
	}
}

// do makes a request, and gives the answer's body.
func (s *Server) do(tb testing.TB, request *http.Request) []byte {
	tb.Helper()
	response, err := s.client.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode/100 != 2 {
		tb.Fatalf("%s %s: %s %v\n%s", request.Method, request.URL.Path, response.Status, err, said)
	}
	return said
}

// Create makes a private repository of the administrator's without any commit, and
// gives its URL, without credentials.
func (s *Server) Create(tb testing.TB, name string) (url string) {
	tb.Helper()
	s.Call(tb, http.MethodPost, "/user/repos", map[string]any{"name": name, "private": true, "default_branch": "main"}, nil)
	return s.URL + "/" + Admin + "/" + name + ".git"
}

// Repo is the path of a repository's part of the API.
func Repo(name string) string { return "/repos/" + Admin + "/" + name }

// SSH is the URL of a repository at Gitea's ssh server.
func (s *Server) SSH(name string) string {
	return "ssh://git@" + s.ssh + "/" + Admin + "/" + name + ".git"
}

// Token makes an access token of a user with these scopes.
func (s *Server) Token(tb testing.TB, user string, scopes ...string) string {
	tb.Helper()
	var made struct{ SHA1 string }
	s.Call(tb, http.MethodPost, "/users/"+user+"/tokens", map[string]any{"name": rand.Text(), "scopes": scopes}, &made)
	return made.SHA1
}

// Revoke takes a token back.
func (s *Server) Revoke(tb testing.TB, user, token string) {
	tb.Helper()
	var all []struct {
		ID   int64
		Last string `json:"token_last_eight"`
	}
	path := "/users/" + user + "/tokens"
	s.Call(tb, http.MethodGet, path, nil, &all)
	for _, one := range all {
		if strings.HasSuffix(token, one.Last) {
			s.Call(tb, http.MethodDelete, fmt.Sprint(path, "/", one.ID), nil, nil)
		}
	}
}
