package report

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed page.html
var pageText string

// pageSection is a section as the page shows it.
type pageSection struct {
	Title  string
	Words  []string
	Tables []pageTable
	Plots  []plot
}

type pageTable struct {
	Head []pageCell
	Rows [][]pageCell
}

type pageCell struct {
	Text   string
	Number bool
}

// html writes the document as a page that needs nothing else.
func (d document) html(w io.Writer) error {
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	var sections []pageSection
	for _, s := range d.sections {
		shown := pageSection{Title: s.title, Words: allPrintable(s.words), Plots: s.plots}
		for _, t := range s.tables {
			shown.Tables = append(shown.Tables, t.page())
		}
		sections = append(sections, shown)
	}
	return page.Execute(w, map[string]any{
		"Title": Printable(d.title), "Subtitle": Printable(d.subtitle), "Verdict": d.verdict, "Class": verdictClass(d.verdict),
		"Reasons": allPrintable(d.reasons), "Sections": sections, "Notes": allPrintable(d.notes),
	})
}

func allPrintable(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = Printable(text)
	}
	return out
}

func verdictClass(v string) string {
	switch Verdict(v) {
	case Better, Same:
		return "good"
	case Worse:
		return "bad"
	case Open:
	}
	return "open"
}

func (t table) page() pageTable {
	cells := func(row []string) []pageCell {
		out := make([]pageCell, len(row))
		for i, text := range row {
			out[i] = pageCell{Text: Printable(text), Number: t.isNumber(i)}
		}
		return out
	}
	out := pageTable{Head: cells(t.head)}
	for _, row := range t.rows {
		out.Rows = append(out.Rows, cells(row))
	}
	return out
}
