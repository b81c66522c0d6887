package compare

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// What OpenAI's answers call themselves.
const (
	objectChat       = "chat.completion"
	objectCompletion = "text_completion"
	objectResponse   = "response"
)

// mostChoices bounds the choices of a stream, and the tool calls of a choice. A
// stream with more is a text.
const mostChoices = 128

// isEventStream reports whether a content type is that of server-sent events.
func isEventStream(contentType string) bool {
	const name = "text/event-stream"
	return len(contentType) >= len(name) && strings.EqualFold(contentType[:len(name)], name)
}

// stream joins the events of one answer.
type stream struct {
	event   tree
	data    []byte // of the event that is being read
	all     []byte // the data of all events, each with a line end
	joined  []byte
	choices []choice
	kind    string // what the answer would call itself; empty: not known yet
}

// choice is what the events said of one choice, or of one part of a response.
// Texts are pieces of JSON strings, which can be put together as they are
// written: a pair of surrogates that was cut in two becomes whole again.
type choice struct {
	index                                 int
	content, refusal, reasoning, finished []byte
	calls                                 []call
}

// call is a tool call, or the one function call of older answers.
type call struct {
	index           int
	function        bool
	name, arguments []byte
}

func (s *stream) shrink() {
	s.event.shrink()
	for _, b := range []*[]byte{&s.data, &s.all, &s.joined} {
		if cap(*b) > 1<<18 {
			*b = nil
		}
	}
	clear(s.choices)
	s.choices = s.choices[:0]
}

// join reads an event stream (WHATWG HTML, 9.2). It gives the answer that would
// have come without a stream, if every event is one of OpenAI's; else the data of
// the events.
func (s *stream) join(body []byte) (joined []byte, ok bool) {
	s.all, s.joined, s.kind, s.choices = s.all[:0], s.joined[:0], "", s.choices[:0]
	ok = true
	for len(body) > 0 {
		var data []byte
		data, body = s.next(body)
		if data == nil {
			continue
		}
		s.all = append(append(s.all, data...), '\n')
		ok = ok && s.take(data)
	}
	if !ok || s.kind == "" {
		return s.all, false
	}
	if len(s.joined) == 0 {
		s.joined = s.appendAnswer(s.joined)
	}
	return s.joined, true
}

// next is the data of the next event, nil if it has none, and what follows it.
func (s *stream) next(body []byte) (data, rest []byte) {
	s.data = s.data[:0]
	seen := false
	for len(body) > 0 {
		var line []byte
		line, body = cutLine(body)
		if len(line) == 0 {
			break
		}
		value, isData := bytes.CutPrefix(line, []byte("data:"))
		if !isData {
			continue
		}
		if seen {
			s.data = append(s.data, '\n')
		}
		s.data, seen = append(s.data, bytes.TrimPrefix(value, []byte(" "))...), true
	}
	if !seen {
		return nil, body
	}
	return s.data, body
}

// cutLine is the first line, which ends with LF, CR LF or CR, and what follows.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexAny(b, "\r\n")
	if i < 0 {
		return b, nil
	}
	line, rest = b[:i], b[i+1:]
	if b[i] == '\r' && len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	return line, rest
}

// take adds one event, and reports whether it is one of OpenAI's.
func (s *stream) take(data []byte) bool {
	if string(data) == "[DONE]" {
		return true
	}
	t := &s.event
	if !t.parse(data) || t.nodes[0].kind != object {
		return false
	}
	if choices := t.find(0, "choices"); choices >= 0 && t.nodes[choices].kind == array {
		return s.chunk(choices)
	}
	kind := t.find(0, "type")
	if kind < 0 || t.nodes[kind].kind != text {
		return false
	}
	return s.respond(string(t.text(kind)))
}

// chunk adds a chunk of a chat completion or completion.
func (s *stream) chunk(choices int32) bool {
	t := &s.event
	for c, end := choices+1, t.nodes[choices].next; c < end; c = t.nodes[c].next {
		to := s.choice(t.count(c, "index"))
		if to == nil || t.nodes[c].kind != object {
			return false
		}
		if delta := t.find(c, "delta"); delta >= 0 {
			s.kind = objectChat
			if !s.delta(to, delta) {
				return false
			}
		} else if at := t.find(c, "text"); at >= 0 {
			s.kind = objectCompletion
			to.content = t.appendText(to.content, at)
		}
		if at := t.find(c, "finish_reason"); at >= 0 && t.nodes[at].kind == text {
			to.finished = t.appendText(to.finished[:0], at)
		}
	}
	return true
}

// delta adds what a chunk of a chat completion says.
func (s *stream) delta(to *choice, delta int32) bool {
	t := &s.event
	to.content = t.appendText(to.content, t.find(delta, "content"))
	to.refusal = t.appendText(to.refusal, t.find(delta, "refusal"))
	to.reasoning = t.appendText(to.reasoning, t.find(delta, "reasoning_content"))
	if f := t.find(delta, "function_call"); f >= 0 && t.nodes[f].kind == object {
		to.call(0, true).add(t, f)
	}
	calls := t.find(delta, "tool_calls")
	if calls < 0 || t.nodes[calls].kind != array {
		return true
	}
	for c, end := calls+1, t.nodes[calls].next; c < end; c = t.nodes[c].next {
		at := to.call(t.count(c, "index"), false)
		if at == nil {
			return false
		}
		at.add(t, t.find(c, "function"))
	}
	return true
}

// respond adds an event of the responses API. The last one holds the whole answer;
// of a stream that broke off before, the texts are what is left.
func (s *stream) respond(kind string) bool {
	t := &s.event
	switch kind {
	case "response.completed", "response.incomplete", "response.failed":
		at := t.find(0, "response")
		if at < 0 {
			return false
		}
		s.kind, s.joined = objectResponse, append(s.joined[:0], t.written(at)...)
	case "response.output_text.delta":
		to := s.choice(t.count(0, "output_index"))
		if to == nil {
			return false
		}
		s.kind, to.content = objectResponse, t.appendText(to.content, t.find(0, "delta"))
	default:
		return strings.HasPrefix(kind, "response.")
	}
	return true
}

// choice finds or makes a choice; nil if there are too many.
func (s *stream) choice(index int) *choice {
	i := slices.IndexFunc(s.choices, func(c choice) bool { return c.index == index })
	if i < 0 {
		if len(s.choices) == mostChoices || index < 0 {
			return nil
		}
		i = len(s.choices)
		s.choices = append(s.choices, choice{index: index})
	}
	return &s.choices[i]
}

func (c *choice) call(index int, function bool) *call {
	i := slices.IndexFunc(c.calls, func(k call) bool { return k.index == index && k.function == function })
	if i < 0 {
		if len(c.calls) == mostChoices || index < 0 {
			return nil
		}
		i = len(c.calls)
		c.calls = append(c.calls, call{index: index, function: function})
	}
	return &c.calls[i]
}

// add adds a piece of a function's name and arguments.
func (k *call) add(t *tree, function int32) {
	if function < 0 {
		return
	}
	k.name = t.appendText(k.name, t.find(function, "name"))
	k.arguments = t.appendText(k.arguments, t.find(function, "arguments"))
}

// count is a member that is a small number, 0 when there is none; -1 for others.
func (t *tree) count(i int32, name string) int {
	at := t.find(i, name)
	if at < 0 {
		return 0
	}
	n, err := strconv.Atoi(string(t.written(at)))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// appendText appends a text as it is written, with its escapes.
func (t *tree) appendText(dst []byte, i int32) []byte {
	if i < 0 || t.nodes[i].kind != text {
		return dst
	}
	return append(dst, t.written(i)...)
}

// appendAnswer appends the answer that the choices make up.
func (s *stream) appendAnswer(b []byte) []byte {
	slices.SortFunc(s.choices, func(a, b choice) int { return a.index - b.index })
	b = append(b, `{"object":"`...)
	b = append(append(b, s.kind...), '"')
	if s.kind == objectResponse {
		b = append(b, `,"output":[`...)
	} else {
		b = append(b, `,"choices":[`...)
	}
	for i := range s.choices {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.choices[i].appendTo(b, s.kind)
	}
	return append(b, "]}"...)
}

// appendTo appends a choice in the form of the kind of answer.
func (c *choice) appendTo(b []byte, kind string) []byte {
	switch kind {
	case objectResponse:
		b = append(b, `{"content":[{`...)
		b = appendMember(b, "text", c.content)
		return append(b, "}]}"...)
	case objectCompletion:
		b = append(b, '{')
		b = appendMember(b, "text", c.content)
		b = append(b, ',')
	default:
		b = append(b, `{"message":{`...)
		b = appendMember(b, "content", c.content)
		b = append(b, ',')
		b = appendMember(b, "refusal", c.refusal)
		b = append(b, ',')
		b = appendMember(b, "reasoning_content", c.reasoning)
		b = c.appendCalls(b)
		b = append(b, `},`...)
	}
	b = appendMember(b, "finish_reason", c.finished)
	return append(b, '}')
}

func (c *choice) appendCalls(b []byte) []byte {
	slices.SortFunc(c.calls, func(a, b call) int { return a.index - b.index })
	for _, k := range c.calls {
		if k.function {
			b = append(b, `,"function_call":{`...)
			b = append(k.appendTo(b), '}')
		}
	}
	b = append(b, `,"tool_calls":[`...)
	first := true
	for _, k := range c.calls {
		if k.function {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, `{"function":{`...)
		b = append(k.appendTo(b), "}}"...)
	}
	return append(b, ']')
}

func (k *call) appendTo(b []byte) []byte {
	b = appendMember(b, "name", k.name)
	b = append(b, ',')
	return appendMember(b, "arguments", k.arguments)
}

// appendMember appends a member whose value is a text as it is written.
func appendMember(b []byte, name string, written []byte) []byte {
	b = append(append(append(b, '"'), name...), `":"`...)
	return append(append(b, written...), '"')
}
