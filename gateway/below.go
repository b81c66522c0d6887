package gateway

import (
	"strings"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
)

// Below is what of the path of a request that an endpoint has served comes below the
// endpoint's own, as it is appended to a deployment's URL. declared is the path that the
// endpoint declares, empty for none; branch that of the endpoints. All paths are escaped.
// It is false for a path that does not lead to the endpoint.
func Below(path, endpoint, declared, branch string) (rest string, ok bool) {
	if rest, ok = under(path, prefix+endpoint); ok {
		if isLatest(rest, inURL(branch)) {
			rest = ""
		}
		return rest, true
	}
	if strings.HasPrefix(path, forward.OpenAIPrefix) {
		return path[len(forward.OpenAIPrefix)-1:], true
	}
	if declared == "" {
		return "", false
	}
	return under(path, declared)
}

// under cuts what is above from a path that is the same or lies under it.
func under(path, above string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, above)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// inURL is a branch as Modelbit's clients write it in URLs.
func inURL(branch string) string { return strings.ReplaceAll(branch, "/", "~") }
