#!/usr/bin/env python3
"""Runs the judges of contracts/scim.md section 8 against ROLLCALL_URL, with the tools on PATH: scim2, scim-sanity.

scim2 must pass as a whole. scim-sanity wants 200 where the contract says 204 or 400; it may fail there and nowhere else.
"""

import json
import os
import subprocess
import sys
import urllib.request

# RFC 7644 section 3.5.2 allows 204 for a PATCH, which Entra ID expects; a member that does not exist is refused.
DECLARED = {"PATCH /Groups/{id}", "PATCH /Groups/{id} add member", "PATCH /Groups/{id} remove members"}


def token(base: str) -> str:
    body = json.dumps({"username": "admin", "password": os.environ["ROLLCALL_ADMIN_PASSWORD"]}).encode()
    request = urllib.request.Request(f"{base}/api/v1/users/token/", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["token"]


def main() -> int:
    base = os.environ["ROLLCALL_URL"]
    secret = token(base)
    environment = os.environ | {"SCIM_CLI_HEADERS": f"Authorization: Bearer {secret}"}
    judged = subprocess.run(["scim2", "--url", f"{base}/scim/v2", "test"], env=environment, capture_output=True, text=True)
    if judged.returncode:
        print(judged.stdout, judged.stderr)
        return 1
    probe = ["scim-sanity", "probe", f"{base}/scim/v2", "--token", secret, "--i-accept-side-effects", "--json-output"]
    answer = json.loads(subprocess.run(probe, capture_output=True, text=True).stdout)
    failed = {result["name"] for result in answer["results"] if result["status"] in ("fail", "error")}
    if failed != DECLARED:
        print(f"scim-sanity fails at {sorted(failed)}, which should be {sorted(DECLARED)}")
        return 1
    return 0


sys.exit(main())
