"""Requests reach the function whose router serves their path, in both spellings."""

import json
import re

from gateway import chosen
from stack import ROOT, binaries, of_type, routes, source, transformed

# Passwords, new ones, and the keys of mailed links are sent to these.
SECRETS = ["/api/v1/users/token/", "/api/v1/users/token", "/api/users/token/", "/api/users/token", "/api/v1/users/password/reset/"]
SECRETS += ["/api/v1/users/password/reset/confirm/", "/api/v1/users/user/password/change/", "/api/v1/users/user/password/change"]
SECRETS += ["/accounts/login/", "/accounts/me/", "/accounts/password/reset/key/a-b/", "/accounts/confirm-email/x/"]
METHODS = {"get", "head", "post", "put", "patch", "delete", "options"}


def of_event(path):
    """An event's function, method and path. The in-process tests send each to its function, which answers."""
    event = json.loads(path.read_text())
    http = event["requestContext"]["http"]
    functions = sorted((folder.name for folder in (ROOT / "functions").iterdir() if folder.is_dir()), key=len)
    function = [name for name in functions if path.name.startswith(f"{name}-")][-1]
    return function, http["method"], http["path"]


# those of outbox and of housekeeping come from a stream or a schedule.
EVENTS = [
    of_event(path)
    for path in sorted((ROOT / "events").glob("*.json"))
    if not path.stem.startswith(("outbox-", "housekeeping-"))
]


def documented():
    """Every method of every path in the OpenAPI document, which is written from the routers: with an event's path."""
    paths = json.loads((ROOT / "functions/docs/openapi.json").read_text())["paths"]
    for pattern, operations in paths.items():
        form = re.compile(re.sub(r"\{\w+\}", "[^/]+", pattern.rstrip("/")) + "/?")
        for method in METHODS & operations.keys():
            # HEAD and OPTIONS have no events of their own.
            verbs = {"head": {"GET"}, "options": {verb.upper() for verb in operations}}.get(method, {method.upper()})
            found = {(function, path) for function, verb, path in EVENTS if verb in verbs and form.fullmatch(path)}
            yield pattern, method.upper(), found


def spellings(path):
    """With the final slash and without."""
    return {path, path.rstrip("/") or "/"}


def test_no_route_key_ends_in_a_slash_and_there_is_a_default(stack):
    keys = routes(stack)
    assert "$default" in keys
    assert [key for key in keys if key.endswith("/")] == []
    assert len(keys) <= 300


def test_every_event_of_the_template_became_a_route(stack):
    """SAM drops what it cannot make a route of, without a word."""
    wanted = set()
    for made in source()["Resources"].values():
        for event in made["Properties"].get("Events", {}).values() if made["Type"] == "AWS::Serverless::Function" else []:
            if event["Type"] == "HttpApi":
                route = event["Properties"]
                wanted.add(f"{route['Method']} {route['Path']}" if "Path" in route else "$default")
    assert set(routes(stack)) == wanted


def test_every_documented_operation_has_an_event():
    operations = list(documented())
    assert len(operations) > 80
    assert [f"{method} {pattern}" for pattern, method, found in operations if not found] == []


def test_every_event_reaches_its_function_by_one_route_in_both_spellings(stack):
    keys = routes(stack)
    assert len(EVENTS) > 90
    for function, method, path in EVENTS:
        for spelling in spellings(path):
            best = chosen(keys, method, spelling)
            assert len(best) == 1, f"{method} {spelling} fits {best} alike"
            assert keys[best[0]] == function, f"{method} {spelling} goes by {best[0]}"


def test_unknown_paths_reach_a_function_of_the_api_they_would_belong_to(stack):
    keys = routes(stack)
    for path, function in [
        ("/", "users"),
        ("/nothing", "users"),
        ("/api/v1/nothing/", "users"),
        ("/api/nothing/", "admin-users"),
        ("/api/users/1/nothing/", "edge-users"),
    ]:
        [key] = chosen(keys, "GET", path)
        assert keys[key] == function, path


def test_the_gateway_may_call_the_function_of_each_route(stack):
    """A route without a permission answers 500."""
    allowed = {}
    for permission in of_type(stack, "AWS::Lambda::Permission").values():
        if permission["Principal"] == "apigateway.amazonaws.com":
            arn, names = permission["SourceArn"]["Fn::Sub"]
            assert names == {"__ApiId__": {"Ref": "Api"}, "__Stage__": "*"}
            [_, rest] = arn.split("${__ApiId__}/${__Stage__}/")
            allowed.setdefault(binaries(stack)[permission["FunctionName"]["Ref"]], []).append(rest)
    for key, function in routes(stack).items():
        # The path of the ARN is the route's, with a star for what varies.
        path = key.split(" ")[-1]
        wanted = "*" + re.sub(r"\{[^}]+\}", "*", path)
        rest = allowed[function]
        assert wanted in rest or "*" in rest, f"{key} has none in {rest}"


def test_the_stage_is_the_default_one_and_limited(stack):
    [stage] = of_type(stack, "AWS::ApiGatewayV2::Stage").values()
    assert stack["Parameters"]["StageName"]["Default"] == "$default"
    assert stage["StageName"] == {"Ref": "StageName"} and stage["AutoDeploy"] is True
    assert stage["DefaultRouteSettings"] == {
        "DetailedMetricsEnabled": True,
        "ThrottlingRateLimit": {"Ref": "RequestsPerSecond"},
        "ThrottlingBurstLimit": {"Ref": "RequestsPerSecond"},
    }
    assert stage["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": ["AccessLogs", "Arn"]}
    line = json.loads(stage["AccessLogSettings"]["Format"])
    assert line["status"] == "$context.status" and line["route"] == "$context.routeKey"
    # Paths can hold the keys of mailed links. Messages are put in as they are, so that quotes in them would end the JSON.
    assert [value for value in line.values() if re.search("path|message", value, re.IGNORECASE)] == []


def test_routes_that_take_secrets_have_limits_of_their_own(stack):
    [stage] = of_type(stack, "AWS::ApiGatewayV2::Stage").values()
    limited = {key for key, function in routes(stack).items() if function == "auth" and not key.startswith("ANY /api/rollcall/")}
    assert set(stage["RouteSettings"]) == limited
    for settings in stage["RouteSettings"].values():
        limit = {"Ref": "SignInsPerSecond"}
        assert settings == {"DetailedMetricsEnabled": True, "ThrottlingRateLimit": limit, "ThrottlingBurstLimit": limit}
    keys = [chosen(routes(stack), "POST", path) for path in SECRETS]
    assert [key for key in keys if key[0] not in limited] == []


def test_with_a_domain_the_api_has_no_other_address(stack):
    body = stack["Resources"]["Api"]["Properties"]["Body"]
    [servers] = body["servers"] if "servers" in body else [body]
    assert servers["x-amazon-apigateway-endpoint-configuration"] == {"disableExecuteApiEndpoint": {"Fn::If": ["HasDomain", True, False]}}


def test_another_stage_and_a_domain_change_nothing_about_routes(stack):
    other = transformed(StageName="prod", DomainName="users.site.example", CertificateArn="arn:aws:acm:us-east-1:1:certificate/1")
    assert routes(other) == routes(stack)
    [mapping] = of_type(other, "AWS::ApiGatewayV2::ApiMapping").values()
    [stage] = [name for name, made in other["Resources"].items() if made["Type"] == "AWS::ApiGatewayV2::Stage"]
    assert mapping == {"ApiId": {"Ref": "Api"}, "DomainName": {"Ref": "Domain"}, "Stage": {"Ref": stage}}


def test_the_matcher_knows_the_rules():
    keys = ["$default", "ANY /todos", "GET /todos", "ANY /pets/{proxy+}", "GET /pets/{type}/{id}", "GET /pets/dog/1"]
    keys += ["ANY /api/{proxy+}", "ANY /api/v1/{proxy+}", "ANY /api/v1/user/{id}/email/{proxy+}", "ANY /api/v1/user/{proxy+}"]
    for method, path, key in [
        ("GET", "/todos", "GET /todos"),
        ("POST", "/todos", "ANY /todos"),
        ("GET", "/todos/", "$default"),
        ("GET", "/pets", "$default"),
        ("GET", "/pets/", "ANY /pets/{proxy+}"),
        ("GET", "/pets/dog/1", "GET /pets/dog/1"),
        ("GET", "/pets/dog/2", "GET /pets/{type}/{id}"),
        ("POST", "/pets/dog/2", "ANY /pets/{proxy+}"),
        ("GET", "/api/v1/x/y/", "ANY /api/v1/{proxy+}"),
        ("GET", "/api/v1/user/7/", "ANY /api/v1/user/{proxy+}"),
        ("GET", "/api/v1/user/7/email/", "ANY /api/v1/user/{id}/email/{proxy+}"),
    ]:
        assert chosen(keys, method, path) == [key], f"{method} {path}"
    assert len(chosen(["ANY /a/{x}", "ANY /a/{y}"], "GET", "/a/1")) == 2
