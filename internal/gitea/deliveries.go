package gitea

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Hook is the webhook of a repository, as Gitea's API has it.
type Hook struct {
	ID int64 `json:"id,omitempty"`
	// Config has url, content_type and secret.
	Config map[string]string `json:"config"`
	Type   string            `json:"type"`
	Events []string          `json:"events"`
	Active bool              `json:"active"`
}

// Delivery is how a delivery of a webhook ended.
type Delivery struct {
	Status int
	Answer string // the body
}

// delivery is what Gitea's page has of one: the status is told before the request,
// and the body after the fields of the answer's header.
var delivery = regexp.MustCompile(`(?s)<span class="ui (?:red|green) label">(\d+)</span>.*?` +
	`data-tab="response-\d+">.*?<pre[^>]*>.*?</pre>.*?<pre[^>]*>(.*?)</pre>`)

// Deliveries reads Gitea's own log of a webhook's deliveries, the newest first. The
// API has none, so it is read off the page that people look at.
func (s *Server) Deliveries(tb testing.TB, name string, hook int64) []Delivery {
	tb.Helper()
	s.logIn(tb)
	page := s.get(tb, fmt.Sprintf("/%s/%s/settings/hooks/%d", Admin, name, hook))
	var all []Delivery
	for _, m := range delivery.FindAllStringSubmatch(page, -1) {
		status, _ := strconv.Atoi(m[1]) // digits
		all = append(all, Delivery{Status: status, Answer: html.UnescapeString(m[2])})
	}
	return all
}

// logIn gets the cookie of a session.
func (s *Server) logIn(tb testing.TB) {
	tb.Helper()
	form := url.Values{"user_name": {Admin}, "password": {password}}
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, s.URL+"/user/login", strings.NewReader(form.Encode()))
	if err != nil {
		tb.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	s.do(tb, request)
}

func (s *Server) get(tb testing.TB, path string) string {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, s.URL+path, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	return string(s.do(tb, request))
}
