package report_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report"
)

// millionPairs is as many as a report has to do in 20 seconds and 512 MiB.
const millionPairs = 1_000_000

// BenchmarkReportOfAMillionPairs reads two million lines from a file, compares, and prints.
func BenchmarkReportOfAMillionPairs(b *testing.B) {
	path := filepath.Join(b.TempDir(), "records.log")
	size := writePairs(b, path, millionPairs)
	b.SetBytes(size)
	for b.Loop() {
		c := report.NewCollector(report.Options{Endpoint: "pricing"})
		var reader records.Reader
		err := reader.ReadFiles(b.Context(), []string{path}, nil, func(_ []byte, r *records.Record) error {
			c.Add(r)
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		r := c.Report("candidate", nil)
		if r.Coverage.Paired != millionPairs {
			b.Fatalf("%d pairs", r.Coverage.Paired)
		}
		var out strings.Builder
		if err := report.Print(&out, r, report.FormatHTML, false); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(peak(b), "peak-MiB")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/report")
}

// peak is the most memory that the process has had, in MiB; 0 where it is not told.
func peak(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	return 0
}

// writePairs writes records of pairs as a gateway does that compares, and gives the size.
func writePairs(b *testing.B, path string, pairs int) int64 {
	b.Helper()
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriterSize(file, 1<<20)
	x := newTraffic(9)
	x.differ, x.failMirror = .01, .001
	for range pairs {
		live, mirror := x.pair()
		score := x.random.Float64()
		fmt.Fprintf(out, benchLine+"}\n", "info", live.RequestID, live.Backend, live.Role, 1, live.Outcome, live.Status, live.Duration, live.Duration-1)
		fmt.Fprintf(out, benchLine, "info", mirror.RequestID, mirror.Backend, mirror.Role, 2, mirror.Outcome, mirror.Status, mirror.Duration, mirror.Duration-1)
		fmt.Fprintf(out, `,"liveStatus":200,"liveOutcome":"ok","liveDurationMs":%.3f,"liveTtfbMs":%.3f`, live.Duration, live.Duration-1)
		switch mirror.Agree {
		case records.Agrees:
			fmt.Fprintf(out, `,"agree":true,"labelLive":"dear","labelMirror":"dear","scoreLive":%v,"scoreMirror":%v,"scoreDelta":0`, score, score)
		case records.Differs:
			fmt.Fprintf(out, `,"agree":false,"diff":[{"path":"/data/0/1","live":%v,"mirror":%v}],"labelLive":"dear","labelMirror":"cheap","scoreLive":%v,"scoreMirror":0.1`, score, .1, score)
		case records.NotCompared:
			fmt.Fprintf(out, `,"agree":null,"unpaired":"mirror_failed"`)
		}
		fmt.Fprintln(out, "}")
	}
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

const benchLine = `{"time":"2026-11-28T07:10:00.123Z","level":%q,"event":"inference","requestId":%q,"endpoint":"pricing","backend":%q,"role":%q,` +
	`"deploymentName":"pricing_model","deploymentVersion":%d,"alias":"latest","branch":"main","commit":"51f30f0c1f0c1f0c1f0c1f0c1f0c1f0c1f0c1f0c",` +
	`"outcome":%q,"status":%d,"error":null,"errorKind":null,"startTs":1795245000121,"endTs":1795245000123,"durationMs":%.3f,"ttfbMs":%.3f,` +
	`"requestBytes":512,"responseBytes":128,"replica":"http://10.0.0.6:8001/predict","method":"POST","path":"/v1/pricing"`
