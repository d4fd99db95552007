"""What others know to be wrong with templates: SAM, cfn-lint and checkov find nothing that is not explained."""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from stack import ROOT

TOOLS = Path(sys.executable).parent
QUIET = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}


def run(*command):
    return subprocess.run(
        [TOOLS / command[0], *command[1:]], cwd=ROOT, env={**os.environ, **QUIET}, capture_output=True, text=True
    )


def test_cfn_lint_finds_nothing():
    done = run("cfn-lint", "template.yaml")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_sam_takes_the_template_and_finds_nothing():
    done = run("sam", "validate", "--lint")
    assert done.returncode == 0 and "is a valid SAM Template" in done.stdout, done.stdout + done.stderr


def test_sam_builds_each_program_for_the_architecture_that_is_asked_for():
    for asked, built in [({}, "arm64"), ({"Architecture": "x86_64"}, "x86_64")]:
        stacks, _ = SamLocalStackProvider.get_stacks(str(ROOT / "template.yaml"), parameter_overrides=asked)
        functions = list(SamFunctionProvider(stacks).get_all())
        assert {function.metadata["BuildProperties"]["Binary"] for function in functions} == {
            folder.name for folder in (ROOT / "functions").iterdir() if folder.is_dir()
        }
        assert [function.architectures for function in functions] == [[built]] * len(functions)


def test_checkov_finds_what_is_explained_and_nothing_else():
    waived = set(yaml.safe_load((ROOT / "tests/template/checkov.yaml").read_text())["skip-check"])
    done = run("checkov", "-f", "template.yaml", "--framework", "cloudformation", "--skip-download", "--compact", "-o", "json")
    report = json.loads(done.stdout)
    assert report["summary"]["passed"] > 20 and report["summary"]["parsing_errors"] == 0
    found = {f"{failed['check_id']} {failed['resource']}" for failed in report["results"]["failed_checks"]}
    assert {name for name in found if name.split()[0] not in waived} == set()
    assert {name.split()[0] for name in found} == waived, "a waiver is needed no more"
