"""The template as it is written, as CloudFormation gets it, and what is in it."""

import json
import os
import re
from pathlib import Path

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

# The translator asks for a region, and for nothing of it.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
ROOT = Path(__file__).parents[2]
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


class ManagedPolicies:
    """The one policy of AWS that SAM asks for."""

    def load(self):
        return {"AWSLambdaBasicExecutionRole": BASIC}

    get_managed_policy_map = load


def source():
    """`template.yaml`, with `!Ref` and its like written out."""
    return json.loads(json.dumps(yaml_parse((ROOT / "template.yaml").read_text())))


def transformed(**parameters):
    """The template after the transform, as `sam package` hands it in: with the code in a bucket."""
    template = source()
    template["Globals"]["Function"]["CodeUri"] = "s3://code/function.zip"
    done = transform(template, {"MailFrom": "rollcall@site.example", **parameters}, ManagedPolicies())
    return json.loads(json.dumps(done))


def of_type(stack, kind):
    """Resources of a type: their names and properties."""
    return {name: made["Properties"] for name, made in stack["Resources"].items() if made["Type"] == kind}


def binaries(stack):
    """The functions: their names in the template and those of their programs."""
    return {
        name: made["Metadata"]["BuildProperties"]["Binary"]
        for name, made in stack["Resources"].items()
        if made["Type"] == "AWS::Lambda::Function"
    }


def routes(stack):
    """The route keys of the API, and the program behind each."""
    found = {}
    for path, methods in stack["Resources"]["Api"]["Properties"]["Body"]["paths"].items():
        for method, operation in methods.items():
            uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            function = re.search(r"\$\{(\w+)\.Arn\}/invocations$", uri).group(1)
            any_method = method == "x-amazon-apigateway-any-method"
            key = path if path == "$default" else f"{'ANY' if any_method else method.upper()} {path}"
            found[key] = binaries(stack)[function]
    return found
