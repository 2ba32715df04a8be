"""Has pip-audit look up the locked versions, read from standard input as requirements with hashes.

pip-audit alone answers "No known vulnerabilities found" about packages that it could not look up at all; here that is
said, in one line, and fails unless `--or-say-so` lets offline work go on. Other options are pip-audit's.
"""

import json
import subprocess
import sys
from pathlib import Path

SECONDS = 30
LENIENT = "--or-say-so"
PIP_AUDIT = (str(Path(sys.executable).with_name("pip-audit")), "--progress-spinner=off", "--format=json")
LOCKED = ("--timeout=5", "--disable-pip", "--require-hashes", "--requirement=/dev/stdin")
# How the last line begins when the service was away or answered nonsense; mostly it ends a traceback.
NO_ANSWER = (
    "requests.exceptions.",
    "pip_audit._service.interface.ServiceError",
    "ERROR:pip_audit._cli:Tip: your network may be blocking this service",
)
FEW = 5


def main(options: list[str]) -> int:
    """Return the exit code: 1 for a vulnerability, and for what was not audited unless that need only be said."""
    own = [option for option in options if option != LENIENT]
    not_audited = 0 if LENIENT in options else 1
    try:
        audit = subprocess.run(
            [*PIP_AUDIT, *LOCKED, *own], capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        _say(f"NOT AUDITED for known vulnerabilities: everything; it took more than {SECONDS} s")
        return not_audited
    if not audit.stdout:
        if audit.stderr.strip().rpartition("\n")[2].startswith(NO_ANSWER):
            _say("NOT AUDITED for known vulnerabilities: everything; the vulnerability service does not answer")
            return not_audited
        _say(audit.stderr)
        return 1
    packages = json.loads(audit.stdout)["dependencies"]
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        for found in package["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            _say(f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    if vulnerable or not packages:
        _say(f"audit: {len(vulnerable)} of {len(packages)} packages with known vulnerabilities")
        return 1
    if unknown := [package["name"] for package in packages if "skip_reason" in package]:
        which = ", ".join(unknown) if len(unknown) <= FEW else f"{len(unknown)} of {len(packages)} packages"
        _say(f"NOT AUDITED for known vulnerabilities: {which}; the vulnerability service does not know these versions")
        return not_audited
    _say(f"audit: no known vulnerabilities in {len(packages)} packages")
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
