package webhook

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

const (
	maxKept    = 64 << 10 // of a delivery; what was pushed stands at its beginning, commits come later
	maxKeeping = 64       // deliveries at a time
)

// beginning is the first bytes of a body, as many as there was room for.
type beginning struct {
	text []byte
	room int
	cut  bool // there was more
}

// Write implements io.Writer; it never fails.
func (b *beginning) Write(p []byte) (int, error) {
	fits := min(len(p), b.room-len(b.text))
	b.text = append(b.text, p[:fits]...)
	b.cut = b.cut || fits < len(p)
	return len(p), nil
}

// push is what a delivery tells of a push.
type push struct {
	ping     bool     // it is no push: a forge tries the webhook out
	certain  bool     // branches are all that moved
	branches []string // may be empty: only tags moved
}

// readPush reads a delivery whose signature holds. Whatever is not exactly as
// the forges document it is not certain.
func readPush(h http.Header, body beginning) push {
	for _, name := range []string{"X-GitHub-Event", "X-Gitea-Event", "X-Forgejo-Event", "X-Gogs-Event"} {
		switch h.Get(name) {
		case "ping":
			return push{ping: true}
		case "push":
			return readRef(h, body)
		}
	}
	switch h.Get("X-Gitlab-Event") {
	case "Push Hook", "Tag Push Hook":
		return readRef(h, body)
	}
	switch h.Get("X-Event-Key") {
	case "diagnostics:ping":
		return push{ping: true}
	case "repo:push", "repo:refs_changed":
		return readChanges(h, body)
	}
	return push{}
}

// readRef reads the one reference of GitHub, GitLab, Gitea and Forgejo.
func readRef(h http.Header, body beginning) push {
	text, ok := document(h, body)
	if !ok {
		return push{}
	}
	ref, ok := member(text, "ref")
	if !ok {
		return push{}
	}
	var told push
	told.add(ref)
	return told
}

// add notes that a reference moved.
func (p *push) add(ref string) {
	branch, isBranch := strings.CutPrefix(ref, "refs/heads/")
	switch {
	case isBranch && branch != "":
		p.branches = append(p.branches, branch)
		p.certain = true
	case strings.HasPrefix(ref, "refs/tags/"):
		p.certain = true
	}
}

// document is the JSON of a delivery, which GitHub can wrap in a form. JSON may
// be cut, a form may not.
func document(h http.Header, body beginning) (text []byte, ok bool) {
	if !isForm(h) {
		return body.text, mediaType(h) == "application/json"
	}
	form, err := url.ParseQuery(string(body.text))
	if err != nil || body.cut || len(form["payload"]) != 1 {
		return nil, false
	}
	return []byte(form.Get("payload")), true
}

func isForm(h http.Header) bool { return mediaType(h) == "application/x-www-form-urlencoded" }

// mediaType is empty if there is none that can be understood.
func mediaType(h http.Header) string {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}

// member finds a text among the members of an object, which may be cut behind it.
func member(object []byte, name string) (value string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(object))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return "", false
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return "", false
		}
		if key == name {
			return value, d.Decode(&value) == nil
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return "", false
		}
	}
	return "", false
}

// changes is what Bitbucket sends: Data Center tells references, Cloud branches
// and tags before and after.
type changes struct {
	Changes []struct {
		Ref struct {
			ID string `json:"id"`
		} `json:"ref"`
	} `json:"changes"`
	Push struct {
		Changes []struct {
			Old, New *struct{ Type, Name string }
		} `json:"changes"`
	} `json:"push"`
}

// readChanges is certain only of changes that were all understood.
func readChanges(h http.Header, body beginning) push {
	text, ok := document(h, body)
	var sent changes
	if !ok || body.cut || json.Unmarshal(text, &sent) != nil {
		return push{}
	}
	told := push{certain: len(sent.Changes)+len(sent.Push.Changes) > 0}
	for _, c := range sent.Changes {
		told.note(c.Ref.ID)
	}
	for _, c := range sent.Push.Changes {
		if c.Old == nil && c.New == nil {
			return push{}
		}
		for _, tip := range []*struct{ Type, Name string }{c.Old, c.New} {
			if tip != nil {
				told.note(map[string]string{"branch": "refs/heads/", "tag": "refs/tags/"}[tip.Type] + tip.Name)
			}
		}
	}
	return told
}

// note adds a reference to others; one that is not understood makes all uncertain.
func (p *push) note(ref string) {
	one := push{}
	one.add(ref)
	p.branches = append(p.branches, one.branches...)
	p.certain = p.certain && one.certain
}
