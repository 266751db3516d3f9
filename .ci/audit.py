"""Known vulnerabilities of the locked dependencies, by pip-audit.

    python .ci/audit.py PIP_AUDIT LOCK...

pip-audit says "no known vulnerabilities" also of packages that its database does not know, as a mirror of the package
index without one knows none. Here what was not looked up is no good news. Exit codes: 0 all looked up and none known, 1
some are known, 2 not all could be looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence


def main(pip_audit: str, locks: Sequence[str]) -> int:
    """Audit the lock files and say what came of it."""
    code = 0
    for lock in locks:
        code = max(code, audited(pip_audit, lock), key=(0, 2, 1).index)  # a known vulnerability outweighs what is open
    return code


def audited(pip_audit: str, lock: str) -> int:
    """Audit one lock file; its hashes stand for resolving it, so nothing is installed."""
    command = [pip_audit, "-r", lock, "--require-hashes", "--disable-pip", "--progress-spinner", "off", "-f", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return not_audited(lock, "no answer within five minutes")
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        lines = done.stderr.strip().splitlines()
        return not_audited(lock, lines[-1] if lines else f"pip-audit ended with {done.returncode} and said nothing")
    skipped = [one for one in found if "vulns" not in one]
    known = [(one, vulnerability) for one in found for vulnerability in one.get("vulns", ())]
    for one, vulnerability in known:
        mended = ", ".join(vulnerability.get("fix_versions") or ()) or "no version yet"
        print(f"{one['name']} {one['version']}: {vulnerability['id']}, mended in {mended}")
    n_audited = len(found) - len(skipped)
    if known:
        print(
            f"{lock}: {len(known)} known vulnerabilities in {n_audited} packages; raise the versions with 'make lock'"
        )
    if not found:
        return not_audited(lock, "no package in it")
    if skipped:
        names = ", ".join(one["name"] for one in skipped[:5]) + (", ..." if len(skipped) > 5 else "")
        not_audited(lock, f"{len(skipped)} of {len(found)} packages are unknown to the database ({names})")
    elif not known:
        print(f"{lock}: no known vulnerability in {n_audited} packages")
    return 1 if known else 2 if skipped else 0


def not_audited(lock: str, why: str) -> int:
    """Say that nothing is known, and what to do."""
    print(
        f"{lock}: NOT AUDITED: {why}\n"
        "  The vulnerability database of pypi.org must be reachable; a mirror of the index seldom has it.\n"
        "  Type the same command where it can be reached.",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: audit.py PIP_AUDIT LOCK...")
    sys.exit(main(sys.argv[1], sys.argv[2:]))
