module github.com/twinspan/twinspan/sdk/contrib/nethttp

go 1.26

require github.com/twinspan/twinspan/sdk v0.0.0

// Until the first tag of the sdk: consumers of a checkout need the same line with their own path.
replace github.com/twinspan/twinspan/sdk => ../..
