package demo

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestModelsSpeakTheirProtocol(t *testing.T) {
	m, err := startModel(t.Context(), linear(2, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	const refusal = `{"error":"the body must be {\"data\": NUMBER} or {\"data\": [[ID, NUMBER...], ...]}"}`
	for body, want := range map[string]string{
		`{"data": 10}`:                 `200 {"data":21}`,
		`{"data": [10, 1]}`:            `200 {"data":23}`,
		`{"data": [["a", 1], [7, 2]]}`: `200 {"data":[["a",3],[7,5]]}`,
		`{"data": []}`:                 `200 {"data":1}`,
		`{"data": null}`:               "400 " + refusal,
		`{"data": [["a"]]}`:            "400 " + refusal,
		`{"data": [["a", "b"]]}`:       "400 " + refusal,
		`{"data": "ten"}`:              "400 " + refusal,
		`{}`:                           "400 " + refusal,
		`data=10`:                      "400 " + refusal,
	} {
		if diff := cmp.Diff(want, post(t, m.url, body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

func TestFailingModelFailsByCount(t *testing.T) {
	m, err := startModel(t.Context(), failing(linear(2, 0), 3))
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	var got []string
	for range 6 {
		got = append(got, post(t, m.url, `{"data": 1}`)[:3])
	}
	if diff := cmp.Diff([]string{"200", "200", "500", "200", "200", "500"}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

func post(t *testing.T, url, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.Status[:3] + " " + strings.TrimSpace(string(text))
}
