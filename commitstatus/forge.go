package commitstatus

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// Forge is a kind of server that hosts repositories.
type Forge string

// The forges that are known.
const (
	GitHub Forge = "github"
	GitLab Forge = "gitlab"
	Gitea  Forge = "gitea" // and Forgejo
)

// State is what became of a commit.
type State string

// The states of a commit.
const (
	Pending State = "pending" // it is being checked
	Success State = "success" // it is live
	Failure State = "failure" // it was refused
)

// Status is what is told of a commit of the endpoints branch.
type Status struct {
	Commit      string // full object name
	State       State
	Description string // for people; cut to 140 characters and one line
}

// call is how a status is told to a forge.
type call struct {
	path   string // below the API's base URL
	body   any
	header http.Header
}

// call speaks the forge's dialect.
func (f Forge) call(o Options, s Status, token string) call {
	switch f {
	case GitHub:
		// https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
		return call{
			path: "/repos/" + o.Project + "/statuses/" + s.Commit,
			body: github{State: s.State, Description: s.Description, Context: o.Context},
			header: http.Header{
				"Accept":               {"application/vnd.github+json"},
				"Authorization":        {"Bearer " + token},
				"X-Github-Api-Version": {"2022-11-28"},
			},
		}
	case GitLab:
		// https://docs.gitlab.com/api/commits/#set-commit-pipeline-status
		state := string(s.State)
		if s.State == Failure {
			state = "failed"
		}
		return call{
			path:   "/projects/" + url.PathEscape(o.Project) + "/statuses/" + s.Commit,
			body:   gitlab{State: state, Description: s.Description, Name: o.Context, Ref: o.Branch},
			header: http.Header{"Private-Token": {token}},
		}
	case Gitea:
		// https://docs.gitea.com/api/#tag/repository/operation/repoCreateStatus
		return call{
			path:   "/repos/" + o.Project + "/statuses/" + s.Commit,
			body:   github{State: s.State, Description: s.Description, Context: o.Context},
			header: http.Header{"Authorization": {"token " + token}},
		}
	}
	panic("commitstatus: a forge that was checked is not known: " + string(f))
}

// github is the body for GitHub, and for Gitea.
type github struct {
	State       State  `json:"state"`
	Description string `json:"description"`
	Context     string `json:"context"`
}

type gitlab struct {
	State       string `json:"state"`
	Description string `json:"description"`
	Name        string `json:"name"`
	Ref         string `json:"ref"`
}

// stands tells whether an answer that is an error says that the status is what
// it should be already: GitLab refuses to repeat one.
func (f Forge) stands(status int, message string) bool {
	return f == GitLab && status == http.StatusBadRequest && strings.Contains(message, "Cannot transition status")
}

// message is what an answer that is an error says, as text.
func message(body []byte) string {
	var said struct {
		Message json.RawMessage `json:"message"`
		Error   json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	raw := said.Message
	if raw == nil {
		raw = said.Error
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw) // GitLab may send an object of lists
	}
	return text
}
