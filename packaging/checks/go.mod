module github.com/switchyard-gateway/switchyard/packaging/checks

go 1.26.0

replace github.com/switchyard-gateway/switchyard => ../..
