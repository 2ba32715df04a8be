"""Takes out of an SBOM what differs from run to run, so that the same lock always gives the same file."""

import json
import sys

sbom = json.load(sys.stdin)
del sbom["serialNumber"], sbom["metadata"]["timestamp"]
json.dump(sbom, sys.stdout, indent=2)
sys.stdout.write("\n")
