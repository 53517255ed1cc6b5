#!/bin/sh
# Requests a second and latency over HTTP: a constant body, then a search, a suggestion and an article's page.
#
#     sh benchmarks/http.sh ARTICLES LOCALE QUERY ARTICLE_ID [PORT]
#
# Needs wrk. Two workers of four threads each serve both; the constant body comes from falcon alone under the same
# gunicorn. Clients run on the same machine, so a ratio is all that these figures are good for.
set -eu
articles=$1 locale=$2 query=$3 article=$4 port=${5:-8399}
bin=$(dirname "$0")/../.venv/bin
here=$(mktemp -d)
trap 'kill $hello $kb 2>/dev/null; wait; rm -rf "$here"' EXIT
cat > "$here/hello.py" <<'PYTHON'
import falcon

class Hello:
    def on_get(self, req, resp):
        resp.data = b'{"hello": "' + b"x" * 4000 + b'"}'

app = falcon.App()
app.add_route("/", Hello())
PYTHON
"$bin/gunicorn" --chdir "$here" -w 2 -k gthread --threads 4 -b "127.0.0.1:$port" --log-level error hello:app & hello=$!
KB_RATE_LIMIT=off KB_LOG_LEVEL=warning "$bin/kb" serve --articles "$articles" --var "$here/var" --workers 2 \
    --port $((port + 1)) > /dev/null & kb=$!
until curl -fs "http://127.0.0.1:$((port + 1))/readyz" > /dev/null; do sleep 0.5; done
ask() {
    printf '%-12s ' "$1"
    wrk -t2 -c8 -d"${SECONDS_EACH:-8}s" --latency "$2" | awk '/50%/{a=$2} /99%/{b=$2} /Requests\/sec/{r=$2} /Non-2xx/{e=" " $0}
        END{print r " a second, p50 " a ", p99 " b e}'
}
base="http://127.0.0.1:$((port + 1))"
for round in 1 2; do
    ask hello "http://127.0.0.1:$port/"
    ask search "$base/api/v1/search?locale=$locale&q=$query"
    ask suggest "$base/api/v1/suggest?locale=$locale&q=$query"
    ask article "$base/$locale/articles/$article"
done
for each in $(pgrep -P "$kb"); do
    awk -v p="$each" '/^Private/{s+=$2} /^Shared/{h+=$2} END{print "worker", p ": private", int(s/1024), "MB, shared", int(h/1024), "MB"}' \
        "/proc/$each/smaps_rollup"
done
