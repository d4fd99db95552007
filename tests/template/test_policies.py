"""Each function's role allows what the template says, and the transform adds nothing.

That the functions do just this is seen by the in-process tests: all of them run under these policies,
and `tests/policies.rs` finds what is allowed and never done.
"""

import json

from stack import BASIC, binaries, of_type, source

TABLE = {"Fn::GetAtt": ["Table", "Arn"]}
STREAM = {"Fn::GetAtt": ["Table", "StreamArn"]}
MAILS = {"Fn::GetAtt": ["UnsentMails", "Arn"]}
WORK = {"Fn::GetAtt": ["UnfinishedWork", "Arn"]}
# What Lambda needs to read the stream for a function.
READS_STREAM = [
    {"Effect": "Allow", "Action": ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"], "Resource": STREAM},
    {"Effect": "Allow", "Action": "dynamodb:ListStreams", "Resource": {"Fn::Sub": "${Table.Arn}/stream/*"}},
]
ON_ITEMS = {
    f"dynamodb:{action}"
    for action in [
        "BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem",
    ]
}


def role(stack, binary):
    [name] = [name for name, program in binaries(stack).items() if program == binary]
    return stack["Resources"][f"{name}Role"]["Properties"]


def statements(stack, binary):
    return [statement for policy in role(stack, binary)["Policies"] for statement in policy["PolicyDocument"]["Statement"]]


def listed(value):
    return value if isinstance(value, list) else [value]


def in_order(statements):
    return sorted(json.dumps(statement, sort_keys=True) for statement in statements)


def test_every_function_has_a_role_of_its_own_that_lambda_alone_takes(stack):
    functions = of_type(stack, "AWS::Lambda::Function")
    assert len(functions) == 14
    assert {name: made["Role"] for name, made in functions.items()} == {
        name: {"Fn::GetAtt": [f"{name}Role", "Arn"]} for name in functions
    }
    for made in of_type(stack, "AWS::IAM::Role").values():
        [trust] = made["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": ["lambda.amazonaws.com"]}


def test_the_transform_adds_no_right_but_that_to_tell_of_calls_given_up(stack):
    written = source()["Resources"]
    for name, binary in binaries(stack).items():
        own = [policy["Statement"] for policy in written[name]["Properties"]["Policies"] if "Statement" in policy]
        own = [statement for policy in own for statement in policy]
        if binary == "housekeeping":
            own.append({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": WORK})
        given = statements(stack, binary)
        assert in_order(given) == in_order(own), binary


def test_those_who_sign_read_the_private_keys_those_who_verify_the_public_ones_and_nobody_else_any(stack):
    written = of_type(stack, "AWS::IAM::ManagedPolicy")
    readers = {name: set() for name in written}
    for binary in binaries(stack).values():
        policies = [policy for policy in role(stack, binary)["ManagedPolicyArns"] if policy != BASIC]
        assert len(policies) <= 1, binary
        for policy in policies:
            readers[policy["Ref"]].add(binary)
    # OpenL2M and Edge have no signed tokens, and send no mail.
    assert readers == {
        "ReadSigningKeys": {"auth", "users"},
        "ReadVerifyingKeys": {"deleted", "docs", "emails", "events", "groups", "organizations", "scim"},
    }
    for name, parameter in [("ReadSigningKeys", "SigningKeysParameter"), ("ReadVerifyingKeys", "VerifyingKeysParameter")]:
        [statement] = written[name]["PolicyDocument"]["Statement"]
        assert statement["Action"] == "ssm:GetParameter"
        arn = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${%s}" % parameter
        assert statement["Resource"] == {"Fn::Sub": arn}
    # No role has a right to parameters of its own.
    assert "ssm:" not in repr([statements(stack, binary) for binary in binaries(stack).values()])


def test_items_of_the_table_are_all_that_functions_behind_the_api_have(stack):
    for binary in set(binaries(stack).values()) - {"outbox", "housekeeping"}:
        for statement in statements(stack, binary):
            assert statement["Effect"] == "Allow" and statement["Resource"] == TABLE, binary
            assert set(listed(statement["Action"])) <= ON_ITEMS, binary


def test_the_documentation_reads_credentials_and_counts_and_nothing_else(stack):
    for statement in statements(stack, "docs"):
        keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        assert keys and "*" not in keys
        # A wrong password is an event.
        wanted = {"dynamodb:PutItem"} if keys == ["PENDING#*"] else {"dynamodb:GetItem", "dynamodb:UpdateItem"}
        assert set(listed(statement["Action"])) <= wanted


def test_the_function_outbox_has_mails_webhooks_and_the_log_and_sends_from_one_address(stack):
    moves, webhooks, owners, log, *reads, sends, tells = statements(stack, "outbox")
    assert moves["Action"] == ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query"] and moves["Resource"] == TABLE
    assert moves["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["OUTBOX", "RETRIES"]}}
    on_items = [(webhooks, ["WEBHOOKS", "WEBHOOK#*"]), (owners, ["USER#*"]), (log, ["EVENTLOG", "EVENTLOG#*", "EVENTS#*", "EVENTSBY#*", "PENDING#*"])]
    for statement, keys in on_items:
        assert statement["Resource"] == TABLE and set(listed(statement["Action"])) <= ON_ITEMS
        assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}
    assert owners["Action"] == "dynamodb:GetItem"
    assert reads == READS_STREAM
    assert sends["Action"] == "ses:SendEmail"
    assert sends["Condition"] == {"StringEquals": {"ses:FromAddress": {"Ref": "MailFrom"}}}
    arn, names = sends["Resource"]["Fn::Sub"]
    assert arn == "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/${Identity}"
    assert names == {"Identity": {"Fn::If": ["HasMailIdentity", {"Ref": "MailIdentity"}, {"Ref": "MailFrom"}]}}
    assert (tells["Action"], tells["Resource"]) == ("sqs:SendMessage", MAILS)
    others = set(binaries(stack).values()) - {"outbox"}
    assert "ses:" not in repr([statements(stack, binary) for binary in others])


def test_housekeeping_has_the_table_its_stream_and_its_queue(stack):
    tells, items, *reads = statements(stack, "housekeeping")
    assert items["Resource"] == TABLE and set(items["Action"]) <= ON_ITEMS
    assert reads == READS_STREAM
    assert (tells["Action"], tells["Resource"]) == ("sqs:SendMessage", WORK)
