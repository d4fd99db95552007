"""A deployment to a stand-in of AWS, a first superuser, and requests through the deployed routes to real programs.

The programs come from `cargo build`. `docs/aws-checklist.md` lists what only AWS can show.
"""

import base64
import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import boto3
import pytest
from gateway import chosen
from runtime_api import Lambda
from stack import ROOT, binaries, routes

PROGRAMS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
REGION = "us-east-1"
SIGNING, VERIFYING = "/rollcall/signing-keys", "/rollcall/verifying-keys"
PASSWORD = "Orchid-lantern-42"
# One function signs, and has the private keys, as has the one of users; the others only verify.
TAKE_TOKENS = ["/api/v1/users/user/", "/api/v1/users/group/", "/api/v1/users/organization/", "/api/v1/docs.json"]


def make_keys(folder, *arguments):
    """What `rollcall signing-keys` prints, and the public set that it writes."""
    public = folder / "verifying-keys.json"
    command = [PROGRAMS / "rollcall", "signing-keys", *arguments, "--public", public]
    signing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return signing, public.read_text()


def put_keys(cloud, signing, verifying):
    """Writes both parameters in the order of `docs/operating.md`: those who verify get a key before anything is signed with it."""
    ssm = cloud.client("ssm")
    ssm.put_parameter(Name=VERIFYING, Type="String", Value=verifying, Overwrite=True)
    ssm.put_parameter(Name=SIGNING, Type="SecureString", Value=signing, Overwrite=True)


class Cloud:
    """The stand-in, and clients of it."""

    def __init__(self, url):
        self.url = url
        # What points a program to it.
        self.environment = {f"AWS_ENDPOINT_URL_{service}": url for service in ("DYNAMODB", "SSM", "SESV2")}
        self.environment |= {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}

    def client(self, service):
        return boto3.client(
            service, region_name=REGION, endpoint_url=self.url, aws_access_key_id="none", aws_secret_access_key="none"
        )


# The stand-in fails to pass binary attributes on to functions. AWS passes them on as base64.
STAND_IN = """
import base64, functools, json, types
from moto.awslambda import models
from moto.server import main
as_text = lambda value: base64.b64encode(value).decode()
models.json = types.SimpleNamespace(**{**vars(json), "dumps": functools.partial(json.dumps, default=as_text)})
main()
"""


@pytest.fixture(scope="module")
def cloud():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", STAND_IN, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
            break
        except OSError:
            assert server.poll() is None, "the stand-in has ended"
            time.sleep(0.1)
    yield Cloud(url)
    server.kill()
    server.wait()


@pytest.fixture(scope="module")
def deployed(cloud, stack, tmp_path_factory):
    """The names that the resources of the template got."""
    program = io.BytesIO()
    with zipfile.ZipFile(program, "w") as archive:
        archive.writestr("bootstrap", "the stand-in starts no function")
    cloud.client("s3").create_bucket(Bucket="code")
    cloud.client("s3").put_object(Bucket="code", Key="function.zip", Body=program.getvalue())
    put_keys(cloud, *make_keys(tmp_path_factory.mktemp("keys")))
    formation = cloud.client("cloudformation")
    formation.create_stack(
        StackName="rollcall",
        TemplateBody=json.dumps(stack),
        Parameters=[{"ParameterKey": "MailFrom", "ParameterValue": "rollcall@site.example"}],
        Capabilities=["CAPABILITY_IAM"],
    )
    [made] = formation.describe_stacks(StackName="rollcall")["Stacks"]
    assert made["StackStatus"] == "CREATE_COMPLETE"
    resources = formation.list_stack_resources(StackName="rollcall")["StackResourceSummaries"]
    return {made["LogicalResourceId"]: made["PhysicalResourceId"] for made in resources}


class Gateway:
    """Requests by the deployed API's routes to programs with their functions' environments."""

    def __init__(self, cloud, deployed, stack):
        self.cloud, self.lambdas = cloud, {}
        self.programs = {deployed[name]: binary for name, binary in binaries(stack).items()}
        api = cloud.client("apigatewayv2")
        self.api = api.create_api(Name="rollcall", ProtocolType="HTTP")["ApiId"]
        body = json.dumps(stack["Resources"]["Api"]["Properties"]["Body"])
        arns = {"AWS::Partition": "aws", "AWS::Region": REGION}
        for name in binaries(stack):
            arns[f"{name}.Arn"] = f"arn:aws:lambda:{REGION}:123456789012:function:{deployed[name]}"
        for name, value in arns.items():
            body = body.replace("${%s}" % name, value)
        paths = json.loads(body)["paths"]
        for operation in [operation for methods in paths.values() for operation in methods.values()]:
            integration = operation["x-amazon-apigateway-integration"]
            integration["uri"] = integration["uri"]["Fn::Sub"]
        api.reimport_api(ApiId=self.api, Body=json.dumps({"openapi": "3.0.1", "info": {"title": "rollcall"}, "paths": paths}))
        integrations = {made["IntegrationId"]: made for made in api.get_integrations(ApiId=self.api)["Items"]}
        self.routes = {}
        for route in api.get_routes(ApiId=self.api)["Items"]:
            uri = integrations[route["Target"].removeprefix("integrations/")]["IntegrationUri"]
            key = route["RouteKey"].replace("X-AMAZON-APIGATEWAY-ANY-METHOD ", "ANY ")
            self.routes["$default" if key == "ANY $default" else key] = uri.split(":function:")[1].removesuffix("/invocations")

    def function(self, name):
        """The program of a function, started when it is first asked."""
        if name not in self.lambdas:
            made = self.cloud.client("lambda").get_function_configuration(FunctionName=name)
            environment = {**self.cloud.environment, **made["Environment"]["Variables"]}
            self.lambdas[name] = Lambda(PROGRAMS / self.programs[name], environment)
        return self.lambdas[name]

    def invoke(self, binary, event):
        """What a function that no route leads to answers."""
        [name] = [name for name, program in self.programs.items() if program == binary]
        return self.function(name).invoke(event)

    def ask(self, method, path, body=None, token=None):
        """Status and JSON of the answer to a request."""
        [key] = chosen(self.routes, method, path)
        headers = {"host": "abcdef1234.execute-api.us-east-1.amazonaws.com", "x-forwarded-proto": "https", "accept": "application/json"}
        headers |= {"content-type": "application/json"} if body else {}
        headers |= {"authorization": f"Bearer {token}"} if token else {}
        http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "pytest"}
        event = {
            "version": "2.0",
            "routeKey": key,
            "rawPath": path,
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": self.api,
                "domainName": headers["host"],
                "domainPrefix": "abcdef1234",
                "http": http,
                "requestId": "JKJaXmPLvHcESHA=",
                "routeKey": key,
                "stage": "$default",
                "time": "22/Nov/2026:12:00:00 +0000",
                "timeEpoch": 1795348800000,
            },
            "isBase64Encoded": False,
        }
        if body:
            event["body"] = json.dumps(body)
        answer = self.function(self.routes[key]).invoke(event)
        return answer["statusCode"], json.loads(answer["body"])

    def restart(self, binary):
        """Ends a function; the next request starts it anew."""
        [name] = [name for name, program in self.programs.items() if program == binary]
        self.lambdas.pop(name).stop()

    def stop(self):
        while self.lambdas:
            self.lambdas.popitem()[1].stop()


@pytest.fixture(scope="module")
def superuser(cloud, deployed):
    """The first superuser, as the output of the stack says."""
    command = [PROGRAMS / "rollcall", "create-superuser", "admin", "--email", "admin@site.example", "--aws"]
    environment = {"PATH": os.environ["PATH"], **cloud.environment, "ROLLCALL_TABLE": deployed["Table"]}
    done = subprocess.run(command, input=f"{PASSWORD}\n", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return "admin"


@pytest.fixture(scope="module")
def gateway(cloud, deployed, stack):
    made = Gateway(cloud, deployed, stack)
    yield made
    made.stop()


def test_what_the_stand_in_holds_is_what_the_template_says(cloud, deployed, stack):
    table = cloud.client("dynamodb").describe_table(TableName=deployed["Table"])["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    mappings = cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert {made["EventSourceArn"] for made in mappings} == {table["LatestStreamArn"]}
    assert {made["FunctionArn"].rsplit(":", 1)[1] for made in mappings} == {deployed["Outbox"], deployed["Housekeeping"]}
    for name in binaries(stack):
        made = cloud.client("lambda").get_function_configuration(FunctionName=deployed[name])
        assert made["Environment"]["Variables"]["ROLLCALL_TABLE"] == deployed["Table"]
        assert made["Role"].endswith(f":role/{deployed[name + 'Role']}")


def test_the_deployed_routes_are_those_of_the_template(gateway, stack):
    assert {key: gateway.programs[name] for key, name in gateway.routes.items()} == routes(stack)


def test_the_first_superuser_signs_in_and_uses_the_directory(gateway, superuser):
    status, answer = gateway.ask("POST", "/api/v1/users/token/", {"username": superuser, "password": "wrong"})
    assert status == 400 and "token" not in answer
    status, answer = gateway.ask("POST", "/api/v1/users/token/", {"username": superuser, "password": PASSWORD})
    assert status == 200, answer
    status, page = gateway.ask("GET", "/api/v1/users/user/", token=answer["token"])
    assert (status, page["count"]) == (200, 1), page
    [user] = page["results"]
    assert (user["username"], user["email"], user["is_superuser"]) == (superuser, "admin@site.example", True)
    new = {"username": "jane", "email": "jane@site.example", "password": "Lantern-orchid-24"}
    status, jane = gateway.ask("POST", "/api/v1/users/user/", new, token=answer["token"])
    assert status == 201, jane
    status, seen = gateway.ask("GET", f"/api/v1/users/user/{jane['id']}/", token=answer["token"])
    assert (status, seen["username"]) == (200, "jane")
    assert gateway.ask("GET", "/api/v1/users/user/")[0] == 401
    assert gateway.ask("GET", "/nothing")[0] == 404


def test_a_mail_goes_from_the_outbox_to_ses_and_housekeeping_finds_a_kept_house(cloud, deployed, gateway, superuser):
    token = gateway.ask("POST", "/api/v1/users/token/", {"username": superuser, "password": PASSWORD})[1]["token"]
    new = {"username": "joe", "email": "joe@site.example", "password": "Lantern-orchid-24", "email_verified": False}
    assert gateway.ask("POST", "/api/v1/users/user/", new, token=token)[0] == 201

    table = cloud.client("dynamodb")

    def mails(partition):
        values = {":pk": {"S": partition}}
        found = table.query(TableName=deployed["Table"], KeyConditionExpression="pk = :pk", ExpressionAttributeValues=values)
        return {item["to"]["S"]: item for item in found["Items"]}

    item = mails("OUTBOX")["joe@site.example"]
    change = {
        "ApproximateCreationDateTime": 1795348800,
        "Keys": {"pk": item["pk"], "sk": item["sk"]},
        "NewImage": item,
        "SequenceNumber": "100",
        "SizeBytes": 1,
        "StreamViewType": "NEW_IMAGE",
    }
    [pattern] = [made["Pattern"] for made in outbox_filter(cloud, deployed)]
    assert json.loads(pattern) == {"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [item["pk"]["S"]]}}}}
    record = {"eventID": "1", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": REGION}
    event = {"Records": [{**record, "dynamodb": change}]}

    # Until the address is verified, the mail is put off.
    assert gateway.invoke("outbox", event) is None
    assert mails("OUTBOX") == {}
    waits = mails("RETRIES")["joe@site.example"]
    due, name = waits["sk"]["S"].split("#")
    assert waits["tries"] == {"N": "1"} and name == item["sk"]["S"].split("#")[1]
    cloud.client("sesv2").create_email_identity(EmailIdentity="rollcall@site.example")
    # As if its time had come.
    table.delete_item(TableName=deployed["Table"], Key={"pk": waits["pk"], "sk": waits["sk"]})
    table.put_item(TableName=deployed["Table"], Item={**waits, "sk": {"S": f"{'0' * len(due)}#{name}"}})
    assert gateway.invoke("outbox", {}) is None
    assert "joe@site.example" not in mails("RETRIES")
    assert cloud.client("ses").get_send_quota()["SentLast24Hours"] == 1
    assert gateway.invoke("housekeeping", {}) is None


def outbox_filter(cloud, deployed):
    """What the function is told of, as it was deployed."""
    mappings = cloud.client("lambda").list_event_source_mappings(FunctionName=deployed["Outbox"])["EventSourceMappings"]
    return mappings[0]["FilterCriteria"]["Filters"]


def key_of(token):
    """The name of the key that signed a token."""
    head = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


def test_the_public_parameter_has_the_same_keys_and_no_private_part(cloud, deployed):
    ssm = cloud.client("ssm")
    signing, verifying = (
        json.loads(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])["keys"] for name in (SIGNING, VERIFYING)
    )
    assert [(key["kid"], key["x"]) for key in verifying] == [(key["kid"], key["x"]) for key in signing]
    assert all("d" in key for key in signing) and not any("d" in key for key in verifying)


def test_a_public_set_is_for_all_to_read_and_never_written_over(tmp_path):
    make_keys(tmp_path)
    public = tmp_path / "verifying-keys.json"
    assert public.stat().st_mode & 0o777 == 0o644 & ~current_umask()
    before = public.read_text()
    again = subprocess.run([PROGRAMS / "rollcall", "signing-keys", "--public", public], capture_output=True, text=True)
    assert (again.returncode, again.stdout) == (1, "") and "verifying-keys.json exists" in again.stderr
    assert public.read_text() == before


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_tokens_stay_good_when_keys_are_rotated_once_and_end_with_the_second_time(cloud, gateway, superuser, tmp_path):
    ssm = cloud.client("ssm")
    login = {"username": superuser, "password": PASSWORD}
    tokens = [gateway.ask("POST", "/api/v1/users/token/", login)[1]["token"]]
    for turn, good in enumerate([[True, True], [False, True, True]]):
        folder = tmp_path / str(turn)
        folder.mkdir()
        present = folder / "keys.json"
        present.write_text(ssm.get_parameter(Name=SIGNING, WithDecryption=True)["Parameter"]["Value"])
        put_keys(cloud, *make_keys(folder, "--rotate", present))
        # Functions that start from now on.
        gateway.stop()
        tokens.append(gateway.ask("POST", "/api/v1/users/token/", login)[1]["token"])
        for path in TAKE_TOKENS:
            statuses = [gateway.ask("GET", path, token=token)[0] for token in tokens]
            # The documentation refuses with 403.
            assert set(statuses) <= {200, 401, 403} and [status == 200 for status in statuses] == good, (path, statuses)
    assert len({key_of(token) for token in tokens}) == 3


def test_functions_that_run_take_tokens_of_a_new_key(cloud, gateway, superuser, tmp_path):
    """Those that only verify find it in the public parameter, since that is written first."""
    login = {"username": superuser, "password": PASSWORD}
    token = gateway.ask("POST", "/api/v1/users/token/", login)[1]["token"]
    for path in TAKE_TOKENS:
        assert gateway.ask("GET", path, token=token)[0] == 200, path
    present = tmp_path / "keys.json"
    present.write_text(cloud.client("ssm").get_parameter(Name=SIGNING, WithDecryption=True)["Parameter"]["Value"])
    put_keys(cloud, *make_keys(tmp_path, "--rotate", present))
    # They ask again after ten seconds.
    time.sleep(11)
    gateway.restart("auth")
    new = gateway.ask("POST", "/api/v1/users/token/", login)[1]["token"]
    assert key_of(new) != key_of(token)
    for path in TAKE_TOKENS:
        assert [gateway.ask("GET", path, token=made)[0] for made in (token, new)] == [200, 200], path
