package compare_test

import (
	"strings"
	"testing"
)

// chunks makes an event stream of JSON documents.
func chunks(documents ...string) string {
	var b strings.Builder
	for _, d := range documents {
		b.WriteString("data: " + d + "\n\n")
	}
	return b.String()
}

const (
	whole = `{"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m1", "choices": [{"index": 0, "message":
		{"role": "assistant", "content": "Hello 😀 world", "refusal": null}, "logprobs": null, "finish_reason": "stop"}], "usage": {"total_tokens": 9}}`
	call = `{"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": null, "tool_calls":
		[{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]}, "finish_reason": "tool_calls"}]}`
	response = `{"id": "resp_1", "object": "response", "created_at": 5, "status": "completed", "output": [{"id": "msg_1", "type": "message",
		"content": [{"type": "output_text", "text": "Hello", "annotations": []}]}], "usage": {"total_tokens": 3}}`
)

func TestAnswersOfLanguageModelsAreComparedByWhatTheySay(t *testing.T) {
	again := strings.NewReplacer("chatcmpl-1", "chatcmpl-2", `"created": 1`, `"created": 7`, "m1", "m2", `"refusal": null`, `"refusal": ""`, "call_1", "call_2", "resp_1", "resp_2", "9}", "8}")
	for _, document := range []string{whole, call, response} {
		if got := told(verdict(t, rules(t, ""), answer(document), answer(again.Replace(document)))); got != "agrees" {
			t.Errorf("%s: %s", document, got)
		}
	}
	for _, c := range []struct{ live, from, to, want string }{
		{whole, "world", "there", `/choices/0/message/content "Hello 😀 world"|"Hello 😀 there"`},
		{whole, `"stop"`, `"length"`, `/choices/0/finish_reason "stop"|"length"`},
		{call, `\"a\": 1`, `\"a\": 2`, `/choices/0/message/tool_calls/0/function/arguments "{\"a\": 1}"|"{\"a\": 2}"`},
		{call, `"content": null`, `"content": "x"`, `/choices/0/message/content null|"x"`},
		{response, `"Hello"`, `"Bye"`, `/output/0/content/0/text "Hello"|"Bye"`},
	} {
		if got := told(verdict(t, rules(t, ""), answer(c.live), answer(strings.Replace(c.live, c.from, c.to, 1)))); got != c.want {
			t.Errorf("got %s\nwant %s", got, c.want)
		}
	}
}

func TestStreamsAreJoinedToTheAnswer(t *testing.T) {
	streamed := chunks(
		`{"id":"1","object":"chat.completion.chunk","choices":[]}`,
		`{"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}`,
		`{"id":"1","choices":[{"index":0,"delta":{"content":"Hello \ud83d"}}]}`,
		`{"id":"1","choices":[{"index":0,"delta":{"content":"\ude00 wor"}}]}`,
		`{"id":"1","choices":[{"index":0,"delta":{"content":"ld"},"finish_reason":null}]}`,
		`{"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"total_tokens":5}}`,
		`[DONE]`)
	called := chunks(
		`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}}]}`,
		`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}}]}`,
		`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":" 1}"}}]}}]}`,
		`{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`)
	responded := "event: response.created\r\ndata: {\"type\":\"response.created\"}\r\n\r\n" +
		"event: response.output_text.delta\r\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"Hel\"}\r\n\r\n" +
		"event: response.completed\r\ndata: {\"type\":\"response.completed\",\"response\":" + strings.Join(strings.Fields(response), " ") + "}\r\n\r\n"
	for document, stream := range map[string]string{whole: streamed, call: called, response: responded} {
		if got := told(verdict(t, rules(t, ""), events(stream), answer(document))); got != "agrees" {
			t.Errorf("%s: %s", stream, got)
		}
	}
	// The same, cut into other pieces.
	other := chunks(`{"choices":[{"index":0,"delta":{"content":"Hello 😀 world"},"finish_reason":"stop"}]}`)
	if got := told(verdict(t, rules(t, ""), events(streamed), events(other))); got != "agrees" {
		t.Error(got)
	}
	if got := told(verdict(t, rules(t, ""), events(streamed), events(strings.Replace(other, "world", "there", 1)))); got != `/choices/0/message/content "Hello 😀 world"|"Hello 😀 there"` {
		t.Error(got)
	}
	two := func(first, second string) string {
		return chunks(`{"choices":[{"index":1,"text":"`+second+`"}]}`, `{"choices":[{"index":0,"text":"`+first+`","finish_reason":"stop"}]}`)
	}
	if got := told(verdict(t, rules(t, ""), events(two("a", "b")), events(two("a", "c")))); got != `/choices/1/text "b"|"c"` {
		t.Error(got)
	}
}

func TestOtherStreamsAreTexts(t *testing.T) {
	for _, c := range []struct{ live, mirror, want string }{
		{": a comment\ndata: one\ndata: two\n\n", "event: x\rdata:one\rdata:two\r\r", "agrees"},
		{"data: one\n\n", "data: two\n\n", ` "one\n"|"two\n"`},
		{chunks(`{"choices":[{"index":0,"delta":{"content":"x"}}]}`, `{"error":{}}`), chunks(`{"error":{}}`), ""},
		{"data: no end", "data: no end\n\n", "agrees"},
	} {
		got := told(verdict(t, rules(t, ""), events(c.live), events(c.mirror)))
		if c.want == "" {
			c.want = got
			if got == "agrees" {
				t.Error("a stream that broke off agrees with an error")
			}
		}
		if got != c.want {
			t.Errorf("%q and %q: %s, want %s", c.live, c.mirror, got, c.want)
		}
	}
}
