#!/usr/bin/env bash
# The product as a user installs it: a wheel without any test dependency, used outside of the clone.
#   tests/smoke.sh PYTHON VENV
set -euo pipefail
python=$(command -v "$1") venv=$(mkdir -p "$2" && cd "$2" && pwd)
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
# The versions of the lock file; their hashes were checked when the developers' environment was made from it.
sed -n 's/^\([a-z0-9][^ ]*==[^ ;]*\( ;[^\\]*\)\?\).*/\1/p' requirements.lock > "$work/constraints.txt"
pip wheel -q --no-deps --wheel-dir "$work" .
# uv, where the developers' environment has it and finds the packages, spares a minute.
uv=$(dirname "$python")/uv
{ [ -x "$uv" ] && "$uv" pip install -q --python "$venv/bin/python" -c "$work/constraints.txt" "$work"/moderation_harness-*.whl; } || \
  pip install -q --no-compile -c "$work/constraints.txt" "$work"/moderation_harness-*.whl
pip install -q --no-deps --force-reinstall "$work"/moderation_harness-*.whl
for name in pytest hypothesis statsmodels krippendorff playwright ruff mypy; do
  if "$venv/bin/python" -c "import $name" 2>/dev/null; then echo "$name must not be there"; exit 1; fi
done

export PATH="$venv/bin:$PATH" HARNESS_CACHE="$work/responses.sqlite"
cd "$work"
harness --version
harness --help > help.txt
sed -n '/^Commands:/,/^$/s/^  \([a-z]\+\) .*/\1/p' help.txt | while read -r name; do
  harness "$name" --help > help.txt || { cat help.txt; echo "harness $name --help failed"; exit 1; }
done
harness init team > init.txt
cd team
harness check
harness run evals/team.yaml --candidate rules
harness score latest > score.txt
grep -q 'Recall' score.txt
python -c 'import harness; print("harness", harness.__version__, "works without its test dependencies")'
