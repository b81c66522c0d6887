package console

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

// calls are how an endpoint is called.
type calls struct{ URL, Curl, Python, OpenAI string }

func (c *Console) calls(r *http.Request, e *endpoints.Endpoint) calls {
	at := c.callURL(r) + "/v1/" + e.Name
	var curl, python []string
	for _, h := range c.headersOf(e) {
		curl = append(curl, " \\\n  -H "+quoted(h.name+": "+h.value))
		python = append(python, strconv.Quote(h.name)+": "+strconv.Quote(h.value))
	}
	withHeaders := ""
	if len(python) > 0 {
		withHeaders = ", headers={" + strings.Join(python, ", ") + "}"
	}
	return calls{
		URL:    at,
		Curl:   "curl " + quoted(at) + strings.Join(curl, "") + " \\\n  -H 'Content-Type: application/json' -d '{\"data\": 10}'",
		Python: "import requests\n\nanswer = requests.post(" + strconv.Quote(at) + ", json={\"data\": 10}" + withHeaders + ")\nprint(answer.json())",
		OpenAI: "from openai import OpenAI\n\nclient = OpenAI(base_url=" + strconv.Quote(at) + ", api_key=\"KEY\")\n" +
			"answer = client.chat.completions.create(\n    model=\"MODEL\", messages=[{\"role\": \"user\", \"content\": \"Hello\"}])\nprint(answer.choices[0].message.content)",
	}
}

// headersOf are the fields that a call of an endpoint needs: a key where it asks for one, and
// the header by which callers are told apart.
func (c *Console) headersOf(e *endpoints.Endpoint) (all []header) {
	if s := c.o.Snapshot(); s != nil && s.Access(e.Name) == schema.AccessRequired {
		all = append(all, header{"Authorization", "Bearer KEY"})
	}
	for _, k := range e.Assignment {
		if k.Source == schema.KeyHeader {
			return append(all, header{k.Name, "SUBJECT"})
		}
	}
	return all
}

type header struct{ name, value string }

// quoted is one word for a shell (POSIX 2.2.2), whatever stands in it: names of header fields
// are of who writes the document, and may have quotes in them.
func quoted(word string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._:/@%", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// callURL is the base of what callers call. A listener on all addresses is
// reached under that of the console.
func (c *Console) callURL(r *http.Request) string {
	u, err := url.Parse(c.o.CallURL)
	if err != nil {
		return c.o.CallURL
	}
	if host := u.Hostname(); host == "" || host == "::" || host == "0.0.0.0" {
		own, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			own = r.Host
		}
		u.Host = net.JoinHostPort(own, u.Port())
	}
	return u.String()
}
