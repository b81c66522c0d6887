package schema

import "strconv"

// Endpoint is a parsed endpoint document of schemaVersion 1, as written: names
// of deployments are not resolved yet.
type Endpoint struct {
	Name       string   // from the file's name
	Pos        Position // the document's start
	Backends   []Backend
	Mirrors    []Mirror
	Assignment []Value[Key]   // the ladder of keys; empty: at random by weight
	Sampling   []Value[Key]   // the ladder of keys; the default ladder where not written
	Path       Value[string]  // empty: none
	Fallback   *Fallback      // nil: none
	Timeout    Value[Timeout] // the zero Timeout where not written
	// CallerTimeout is where a request says how long it may take; empty: it is not asked.
	CallerTimeout []Value[Key]
	Capture       *Capture // nil: nothing is captured
	Guard         Guard    // what is asked of callers
}

// Branches are those that the endpoint addresses deployments on, each as often as
// it is named; one that could not be read is empty.
func (e *Endpoint) Branches() []string {
	var all []string
	for i := range e.Backends {
		if d := e.Backends[i].Deployment; d != nil {
			all = append(all, d.Branch.V)
		}
	}
	for i := range e.Mirrors {
		all = append(all, e.Mirrors[i].Deployment.Branch.V)
	}
	return all
}

// Capture is which bodies stand in the records of an endpoint's requests. Request
// or Response is true, or both are.
type Capture struct {
	Request, Response bool
	Percent           Value[float64]  // in (0, 100]; 100 where not written
	MaxBytes          Value[int64]    // of each body, 1 to 256 KiB; 64 KiB where not written
	Redact            []string        // JSON pointers of RFC 6901, in which a token * is every member or element
	Headers           []Value[string] // canonical header field names
}

// Backend is a named choice that may answer the live request. Exactly one of
// Deployment and Static is set.
type Backend struct {
	Name       Value[string]
	Deployment *DeploymentRef
	Static     []byte         // compact JSON: the answer itself
	Weight     Value[float64] // >= 0 and finite; 1 where not written
}

// Mirror is a named deployment that gets a copy of live requests.
type Mirror struct {
	Name       Value[string]
	Deployment DeploymentRef
	Percent    Value[float64] // in (0, 100]; 100 where not written
	Enabled    bool           // true where not written
	Compare    *Compare       // DefaultCompare where not written; nil: answers are not compared
	Noise      bool           // it goes to the live deployment itself, and what differs then is noise
	Gates      *Gates         // nil: none
	Rules                     // come after those of the version; what they say of path and host stands in their place
}

// DeploymentRef addresses a version of a deployment.
type DeploymentRef struct {
	Branch  Value[string]
	Name    Value[string]
	Version Value[Version]
}

// Latest is the version that always means the highest number.
const Latest = "latest"

// Version selects a version of a deployment: by its number, or by Latest or an
// alias.
type Version struct {
	Number int    // above 0, or 0 when Alias is set
	Alias  string // Latest, or an alias that the deployment declares
}

// String is the version as it is written in YAML.
func (v Version) String() string {
	if v.Alias != "" {
		return v.Alias
	}
	return strconv.Itoa(v.Number)
}

// KeySource says where in a request the value of a key is found.
type KeySource string

// The sources of keys.
const (
	KeyHeader KeySource = "header" // Name is a canonical header field name
	KeyCookie KeySource = "cookie"
	KeyQuery  KeySource = "query"
	KeyBody   KeySource = "body" // Name is a JSON pointer of RFC 6901
	KeyJWT    KeySource = "jwt"  // Name is a claim of the caller's verified token
)

// Key says which value of a request is the subject.
type Key struct {
	Source KeySource
	Name   string
}

// String is the key as it is written in YAML: "source:name".
func (k Key) String() string { return string(k.Source) + ":" + k.Name }
