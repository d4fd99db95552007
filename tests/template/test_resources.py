"""Table, stream, schedules, queues, alarms and the rest are as meant."""

import json
import re
import subprocess
import tomllib

import pytest
from samcli.yamlhelper import yaml_parse
from stack import ROOT, binaries, of_type, routes, source, transformed

QUEUES = {"UnsentMails": "outbox", "UnfinishedWork": "housekeeping"}


def arn(name):
    return {"Fn::GetAtt": [name, "Arn"]}


def test_the_table(stack):
    made = stack["Resources"]["Table"]
    table = made["Properties"]
    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["DeletionProtectionEnabled"] is True
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    assert table["KeySchema"] == keys
    assert table["AttributeDefinitions"] == [{"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in keys]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert "GlobalSecondaryIndexes" not in table and "TableName" not in table
    assert [name for name, made in stack["Resources"].items() if made["Type"].startswith("AWS::DynamoDB")] == ["Table"]


def test_the_table_alone_can_be_cut_out_for_a_restored_one():
    """With the command of `docs/operating.md`."""
    text = (ROOT / "docs" / "operating.md").read_text()
    [command] = re.findall(r"^\((echo Resources:.*)\) > table.yaml$", text, re.MULTILINE)
    cut = subprocess.run(["sh", "-c", command], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert yaml_parse(cut) == {"Resources": {"Table": source()["Resources"]["Table"]}}


def test_the_stream_has_two_readers_that_give_up_into_their_queues(stack):
    readers = of_type(stack, "AWS::Lambda::EventSourceMapping")
    # A stream takes no more.
    assert len(readers) == 2
    for queue, binary in QUEUES.items():
        [reader] = [made for made in readers.values() if binaries(stack)[made["FunctionName"]["Ref"]] == binary]
        assert reader["EventSourceArn"] == {"Fn::GetAtt": ["Table", "StreamArn"]}
        assert reader["StartingPosition"] == "TRIM_HORIZON"
        assert reader["BisectBatchOnFunctionError"] is True
        assert 0 < reader["MaximumRetryAttempts"] <= 20
        # Six hours, while the stream keeps a day and the outbox three.
        assert reader["MaximumRecordAgeInSeconds"] == 6 * 60 * 60
        assert reader["DestinationConfig"] == {"OnFailure": {"Destination": arn(queue)}}
        [each] = reader["FilterCriteria"]["Filters"]
        assert json.loads(each["Pattern"])["dynamodb"]["Keys"]["pk"]["S"] == {"outbox": ["OUTBOX"], "housekeeping": ["RESETS", "WORK"]}[binary]


def test_housekeeping_is_called_every_hour_and_when_a_day_begins(stack):
    rules = rules_of(stack, "Housekeeping")
    assert sorted(made["ScheduleExpression"] for made in rules.values()) == ["cron(1 0 * * ? *)", "rate(1 hour)"]
    for made in rules.values():
        [target] = made["Targets"]
        assert target["DeadLetterConfig"] == {"Arn": arn("UnfinishedWork")}
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600}
    invocation = invocation_of(stack, "Housekeeping")
    assert (invocation["MaximumRetryAttempts"], invocation["MaximumEventAgeInSeconds"]) == (2, 3600)
    assert invocation["DestinationConfig"] == {"OnFailure": {"Destination": arn("UnfinishedWork")}}
    assert sorted(map(repr, may_call(stack, "Housekeeping"))) == sorted(repr(arn(name)) for name in rules)


def test_the_outbox_is_called_every_minute_and_a_failed_call_is_left_to_the_next(stack):
    [(name, rule)] = rules_of(stack, "Outbox").items()
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    [target] = rule["Targets"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    assert "DeadLetterConfig" not in target
    invocation = invocation_of(stack, "Outbox")
    assert (invocation["MaximumRetryAttempts"], invocation["MaximumEventAgeInSeconds"]) == (0, 60)
    assert may_call(stack, "Outbox") == [arn(name)]


def rules_of(stack, function):
    """The schedules that call a function."""
    rules = of_type(stack, "AWS::Events::Rule")
    return {name: made for name, made in rules.items() if made["Targets"][0]["Arn"] == arn(function)}


def invocation_of(stack, function):
    """How often the function is called again for an event that came without waiting for its answer."""
    made = of_type(stack, "AWS::Lambda::EventInvokeConfig").values()
    [invocation] = [each for each in made if each["FunctionName"] == {"Ref": function}]
    return invocation


def may_call(stack, function):
    """Which schedules a function lets call it."""
    permissions = of_type(stack, "AWS::Lambda::Permission").values()
    called = [made for made in permissions if made["Principal"] == "events.amazonaws.com"]
    return [made["SourceArn"] for made in called if made["FunctionName"] == {"Ref": function}]


def test_the_rules_alone_may_write_into_the_queue_of_unfinished_work(stack):
    [policy] = of_type(stack, "AWS::SQS::QueuePolicy").values()
    assert policy["Queues"] == [{"Ref": "UnfinishedWork"}]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (statement["Principal"], statement["Action"]) == ({"Service": "events.amazonaws.com"}, "sqs:SendMessage")
    rules = rules_of(stack, "Housekeeping")
    allowed = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert sorted(map(repr, allowed)) == sorted(repr(arn(name)) for name in rules)


def test_queues_keep_for_two_weeks_and_are_encrypted(stack):
    queues = of_type(stack, "AWS::SQS::Queue")
    assert set(queues) == set(QUEUES)
    for queue in queues.values():
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 60 * 60
        assert queue["SqsManagedSseEnabled"] is True


def watched(stack):
    """What alarms look at: namespace, metric and the resource."""
    for name, alarm in of_type(stack, "AWS::CloudWatch::Alarm").items():
        metrics = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
        for metric in metrics or [alarm]:
            for dimension in metric.get("Dimensions", [{"Value": None}]):
                value = dimension["Value"]
                resource = value and (value.get("Ref") or value["Fn::GetAtt"][0])
                yield metric["Namespace"] if isinstance(metric["Namespace"], str) else "own", metric["MetricName"], resource


def test_alarms_watch_errors_throttles_queues_lateness_and_refused_mails(stack):
    seen = set(watched(stack))
    serving = {name for name, binary in binaries(stack).items() if binary not in ("outbox", "housekeeping")}
    assert seen == (
        {("AWS/Lambda", "Errors", name) for name in binaries(stack)}
        | {("AWS/Lambda", "Throttles", name) for name in serving}
        | {("AWS/Lambda", "IteratorAge", name) for name in ("Outbox", "Housekeeping")}
        | {("AWS/SQS", "ApproximateNumberOfMessagesVisible", name) for name in QUEUES}
        | {("AWS/DynamoDB", f"{kind}ThrottleEvents", "Table") for kind in ("Read", "Write")}
        | {("own", name, None) for name in ("RefusedMails", "RefusedSignIns", "LimitedRequests", "FailedWork")}
        | {("AWS/ApiGateway", "5xx", "Api")}
    )


def test_alarms_are_quiet_without_trouble_and_told_to_the_topic(stack):
    for name, alarm in of_type(stack, "AWS::CloudWatch::Alarm").items():
        assert alarm["TreatMissingData"] == "notBreaching", name
        assert alarm["AlarmActions"] == {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold" and alarm["AlarmDescription"]
        if "Metrics" in alarm:
            # One expression, and ten metrics at most.
            results = [each for each in alarm["Metrics"] if each.get("ReturnData", True)]
            assert [each["Expression"] for each in results] == ["SUM(METRICS())"]
            assert len(alarm["Metrics"]) - 1 <= 10


def test_a_mail_that_was_not_sent_is_told_from_the_line_that_the_outbox_logs(stack):
    made = of_type(stack, "AWS::Logs::MetricFilter")["RefusedMails"]
    [text] = re.findall(r'^\{ \$\.message = "(.*)\*" \}$', made["FilterPattern"])
    lines = re.findall(r'warn!\((?:.*, )?"(.*)"\)', (ROOT / "functions/outbox/src/lib.rs").read_text())
    assert len(lines) == 3 and all(line.startswith(text) for line in lines)
    assert made["LogGroupName"] == {"Ref": "Logs"}
    [to] = made["MetricTransformations"]
    alarm = of_type(stack, "AWS::CloudWatch::Alarm")["MailsRefused"]
    assert (to["MetricNamespace"], to["MetricName"]) == (alarm["Namespace"], alarm["MetricName"])


def test_bursts_of_refusals_are_told_from_the_lines_of_the_gateway(stack):
    [stage] = of_type(stack, "AWS::ApiGatewayV2::Stage").values()
    line = json.loads(stage["AccessLogSettings"]["Format"])
    alarms = of_type(stack, "AWS::CloudWatch::Alarm")
    for name, alarm in [("RefusedSignIns", "SignInsRefused"), ("LimitedRequests", "RequestsLimited")]:
        made = of_type(stack, "AWS::Logs::MetricFilter")[name]
        assert made["LogGroupName"] == {"Ref": "AccessLogs"}
        assert set(re.findall(r"\$\.(\w+) = ", made["FilterPattern"])) <= set(line)
        [to] = made["MetricTransformations"]
        assert (to["MetricNamespace"], to["MetricName"]) == (alarms[alarm]["Namespace"], alarms[alarm]["MetricName"])
    # The two routes where a wrong password is answered with 400.
    assert {key for key in routes(stack) if "token" in key and "tokens" not in key} >= {"ANY /api/v1/users/token", "ANY /api/users/token"}


def test_concurrency_is_reserved_where_that_is_asked_for(stack):
    for name, binary in binaries(stack).items():
        reserved = stack["Resources"][name]["Properties"].get("ReservedConcurrentExecutions")
        of_api = {"Fn::If": ["HasConcurrency", {"Ref": "FunctionConcurrency"}, {"Ref": "AWS::NoValue"}]}
        assert reserved == ({"Ref": "AWS::NoValue"} if binary in ("outbox", "housekeeping") else of_api), name
    assert stack["Parameters"]["FunctionConcurrency"]["Default"] == ""


def test_failed_work_is_told_from_the_event_that_housekeeping_logs(stack):
    made = of_type(stack, "AWS::Logs::MetricFilter")["FailedWork"]
    [event] = re.findall(r'^\{ \$\.event = "(.*)" \}$', made["FilterPattern"])
    assert f'event = "{event}"' in (ROOT / "shared/src/directory/cleanup.rs").read_text()
    assert made["LogGroupName"] == {"Ref": "Logs"}
    [to] = made["MetricTransformations"]
    alarm = of_type(stack, "AWS::CloudWatch::Alarm")["WorkFails"]
    assert (to["MetricNamespace"], to["MetricName"]) == (alarm["Namespace"], alarm["MetricName"])


def test_the_dashboard_is_json_about_what_is_there(stack):
    [made] = of_type(stack, "AWS::CloudWatch::Dashboard").values()
    text, names = made["DashboardBody"]["Fn::Sub"]
    joint, functions = names["Functions"]["Fn::Join"]
    resources = stack["Resources"]
    known = {name for name in resources} | {f"{name}.QueueName" for name in QUEUES} | {"AWS::Region", "AWS::StackName"}

    def filled(text, more=()):
        def value(match):
            assert match[1] in known or match[1] in more, match[1]
            return dict(more).get(match[1], match[1])

        return re.sub(r"\$\{([^}]+)\}", value, text)

    every = joint.join(filled(function["Fn::Sub"]) for function in functions)
    widgets = json.loads(filled(text, {"Functions": every}))["widgets"]
    assert len(widgets) == 8
    searches = [row[0]["expression"] for widget in widgets for row in widget["properties"].get("metrics", []) if "expression" in row[0]]
    for search in searches:
        assert set(re.findall(r'"(\w+)"', search)) - {"Errors", "Throttles"} == set(binaries(stack))
    assert len(searches) == 2


def test_functions_log_into_one_group_and_all_logs_end(stack):
    for function in of_type(stack, "AWS::Lambda::Function").values():
        assert function["LoggingConfig"] == {"LogGroup": {"Ref": "Logs"}}
    groups = of_type(stack, "AWS::Logs::LogGroup")
    assert set(groups) == {"Logs", "AccessLogs"}
    for name in groups:
        made = stack["Resources"][name]
        assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())


def test_functions_get_settings_that_the_program_knows_and_no_secret(stack):
    known = set(re.findall(r'"(ROLLCALL_\w+|RUST_LOG)"', (ROOT / "shared/src/config.rs").read_text()))
    keys = {name: {} for name in binaries(stack)}
    for name in ("Auth", "Users"):
        keys[name] = {"ROLLCALL_SIGNING_KEYS": {"Fn::Sub": "ssm:${SigningKeysParameter}"}}
    for name in ("Deleted", "Docs", "Emails", "Events", "Groups", "Organizations", "Scim"):
        keys[name] = {"ROLLCALL_VERIFYING_KEYS": {"Fn::Sub": "ssm:${VerifyingKeysParameter}"}}
    for name, function in of_type(stack, "AWS::Lambda::Function").items():
        given = function["Environment"]["Variables"]
        assert set(given) <= known, name
        assert {"ROLLCALL_TABLE", "ROLLCALL_TOKEN_TTL", "RUST_LOG"} <= set(given)
        assert {setting: value for setting, value in given.items() if setting.endswith("_KEYS")} == keys[name]
        assert (function["Runtime"], function["Architectures"]) == ("provided.al2023", [{"Ref": "Architecture"}])
        assert {"Key": "Application", "Value": "rollcall"} in function["Tags"]


def test_a_request_is_not_waited_for_longer_than_the_gateway_does(stack):
    for name, binary in binaries(stack).items():
        if binary not in ("outbox", "housekeeping"):
            assert stack["Resources"][name]["Properties"]["Timeout"] < 30


def test_every_parameter_is_used_and_described(stack):
    text = (ROOT / "template.yaml").read_text()
    for name, parameter in stack["Parameters"].items():
        assert parameter["Description"], name
        assert re.search(rf"!Ref {name}\b|\$\{{{name}\}}", text), name
    operating = (ROOT / "docs" / "operating.md").read_text()
    assert [name for name in stack["Parameters"] if f"`{name}`" not in operating] == []
    assert [name for name in of_type(stack, "AWS::CloudWatch::Alarm") if f"`{name}`" not in operating] == []


def test_outputs_tell_where_it_is_and_what_to_do_first(stack):
    assert set(stack["Outputs"]) >= {"Url", "TableName", "FirstSuperuser", "DomainTarget", "DashboardUrl"}
    assert "create-superuser" in stack["Outputs"]["FirstSuperuser"]["Value"]["Fn::Sub"]


def profiles():
    return {name: made for name, made in tomllib.loads((ROOT / "samconfig.toml").read_text()).items() if name != "version"}


@pytest.mark.parametrize("profile", profiles())
def test_profiles_give_parameters_that_the_template_takes(profile):
    made = profiles()[profile]
    deploy = made["deploy"]["parameters"]
    given = dict(pair.split("=", 1) for pair in deploy["parameter_overrides"])
    built = dict(pair.split("=", 1) for pair in made.get("build", {}).get("parameters", {}).get("parameter_overrides", []))
    # What is built is what is deployed.
    assert built.get("Architecture") == given.get("Architecture")
    parameters = source()["Parameters"]
    for name, value in given.items():
        parameter = parameters[name]
        assert re.search(parameter.get("AllowedPattern", ""), value), name
        assert value in map(str, parameter.get("AllowedValues", [value])), name
    assert {name for name, parameter in parameters.items() if "Default" not in parameter} <= given.keys()
    assert deploy["capabilities"] == "CAPABILITY_IAM"
    assert transformed(**given)["Resources"]
