#!/bin/sh
# The tests of what is compiled, with the extensions built under gcc's address and undefined-behaviour sanitizers.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
python="$root/.venv/bin/python"
command -v gcc >/dev/null 2>&1 || { echo "skipped: gcc is not here"; exit 0; }
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cp -r "$root/kb" "$root/tests" "$root/articles" "$root/pyproject.toml" "$here"
rm -f "$here"/kb/*/*_compiled.*.so
cd "$here"
suffix=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
include=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
for each in kb/index/kernel_compiled kb/index/scorer_compiled kb/index/postings_compiled kb/text/query_compiled \
    kb/web/hits_compiled; do
    "$root/.venv/bin/cython" -3 "$each.pyx"
    gcc -shared -fPIC -O1 -g -ffp-contract=off -fsanitize=address,undefined -fno-sanitize-recover=undefined \
        -I"$include" "$each.c" -o "$each$suffix"
done
export PYTHONPATH="$here" PYTHONMALLOC=malloc
# Python keeps its memory until the end, which is no leak of ours
export ASAN_OPTIONS=detect_leaks=0
sanitized="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
LD_PRELOAD=$sanitized "$python" -c "import kb.index.kernel as k; assert k.compiled.__file__.startswith('$here')"
LD_PRELOAD=$sanitized "$python" -m pytest -q -p no:cacheprovider tests/index/test_kernel.py \
    tests/index/test_grams.py tests/index/test_scorer.py tests/index/test_postings.py tests/web/test_hits.py \
    -k "both or merged or blocks"
