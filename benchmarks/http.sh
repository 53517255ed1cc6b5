#!/bin/sh
# Requests over HTTP: a constant body, then searches, suggestions, an article's page and the home page.
#
#     sh benchmarks/http.sh ARTICLES LOCALE [VAR] [PORT]
#
# Needs wrk. Two workers of four threads each serve both; the constant body comes from falcon alone under the same
# gunicorn. Queries are the articles' own words: thousands of different ones ("search"), longer ones
# ("search-long"), every second one of a few hundred that come again ("search-mixed", see http/paths.py), or always
# the same ("search-one"). Each round asks
# every kind as fast as 8 connections can, in turns; "half load" then has 32 readers, who wait by chance between
# their requests, ask at half of that rate. "cpu" is the workers' own processor time a request: other work on the
# machine changes it least. Clients run on the same machine, so a ratio is all that these figures are good for.
#
# SECONDS_EACH (5) · ROUNDS (3) · KINDS
set -eu
articles=$1 locale=$2 port=${4:-8399}
project=$(cd "$(dirname "$0")/.." && pwd)
bin=$project/.venv/bin ask=$project/benchmarks/http/ask.lua
here=$(mktemp -d)
var=${3:-$here/var}
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
KB_RATE_LIMIT=off KB_LOG_LEVEL=warning "$bin/kb" serve --articles "$articles" --var "$var" --workers 2 \
    --port $((port + 1)) > /dev/null & kb=$!
until curl -fs "http://127.0.0.1:$((port + 1))/readyz" > /dev/null; do sleep 0.5; done
"$bin/python" "$project/benchmarks/http/paths.py" "$var" "$locale" "$here"

spent() { # clock ticks of a server's workers
    for each in $(pgrep -P "$1"); do sed 's/.*) //' "/proc/$each/stat"; done | awk '{s += $12 + $13} END {print s + 0}'
}
ask() { # KIND CONNECTIONS SECONDS [MILLISECONDS between the requests of a connection]
    server=$kb at=$((port + 1))
    if [ "$1" = hello ]; then server=$hello at=$port; fi
    before=$(spent "$server")
    wrk -t2 -c"$2" -d"$3s" -s "$ask" "http://127.0.0.1:$at" -- "$here/$1" ${4:-} > "$here/out"
    awk -v k="$1" -v t="$(($(spent "$server") - before))" '/^asked/ {
        printf "%-12s %6d a second, p50 %6.2f ms, p99 %6.2f ms, cpu %5.0f us%s%s\n", k, $4, $6, $8, t * 10000 / $2,
            $10 ? ", WRONG " $10 : "", $12 ? ", over 2 s " $12 : ""}' "$here/out" | tee -a "$here/all"
}
kinds=${KINDS:-hello search search-long search-mixed search-one suggest article home}
for kind in $kinds; do ask "$kind" 8 1 > /dev/null; done
: > "$here/all"
for round in $(seq "${ROUNDS:-3}"); do for kind in $kinds; do ask "$kind" 8 "${SECONDS_EACH:-5}"; done; done
mv "$here/all" "$here/full"
echo "medians: a second and us of the workers, with shares of the constant body:"
for kind in $kinds; do
    grep "^$kind " "$here/full" | sort -n -k2 | awk -v n="${ROUNDS:-3}" 'NR == int((n + 1) / 2) {printf "%s %d ", $1, $2}'
    grep "^$kind " "$here/full" | awk '{print $12}' | sort -n | awk -v n="${ROUNDS:-3}" 'NR == int((n + 1) / 2)'
done | awk '$1 == "hello" {h = $2; c = $3} {
    printf "%-12s %6d a second %4.0f %%, cpu %5d us %4.0f %%\n", $1, $2, 100 * $2 / h, $3, 100 * c / $3
    print $1, $2 > "'"$here"'/rates"}'
echo "half load, medians of the rounds' p50, p99 and cpu:"
for round in $(seq "${ROUNDS:-3}"); do
    while read -r kind rate; do
        ask "$kind" 32 "${SECONDS_EACH:-5}" $((32 * 2 * 1000 / rate)) | grep WRONG || true
    done < "$here/rates"
done
middle() { # KIND FIELD
    grep "^$1 " "$here/all" | awk -v f="$2" '{print $f}' | sort -n | awk -v n="${ROUNDS:-3}" 'NR == int((n + 1) / 2)'
}
for kind in $kinds; do
    printf '%-12s p50 %6.2f ms, p99 %6.2f ms, cpu %5.0f us\n' "$kind" "$(middle "$kind" 6)" "$(middle "$kind" 9)" "$(middle "$kind" 12)"
done
for each in $(pgrep -P "$kb"); do
    awk -v p="$each" '/^Private/ {s += $2} /^Shared/ {h += $2}
        END {print "worker " p ": private", int(s / 1024), "MB, shared", int(h / 1024), "MB"}' "/proc/$each/smaps_rollup"
done
