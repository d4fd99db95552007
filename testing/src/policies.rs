//! What the policies of `template.yaml` let each function do, and connections that let it do no more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex};

use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use serde_json::json;
use serde_yaml_ng::Value;
use shared::auth::keys::KeySource;
use shared::aws::Parameters;
use shared::store::Connection;
use shared::web::path::decoded_once;
use tower::ServiceExt as _;

use super::gateway::{Route, choose, functions, routes, template};
use super::parameters::{ParameterStore, answer};

tokio::task_local! {
    /// The function whose work this is. Without it nothing is forbidden: the command line has no policy here.
    static FUNCTION: String;
}

/// What stands before the name of a parameter in a policy.
const PARAMETERS: &str = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter";

/// The statements about the table, and about parameters, of each function.
static POLICIES: LazyLock<BTreeMap<String, Vec<Statement>>> = LazyLock::new(|| {
    let template = template();
    let statements = |properties: &Value| {
        let policies = properties["Policies"].as_sequence().expect("policies").iter();
        let listed = policies.flat_map(|policy| {
            let statements = match policy {
                Value::Tagged(name) => &template["Resources"][&name.value]["Properties"]["PolicyDocument"]["Statement"],
                own => &own["Statement"],
            };
            statements.as_sequence().expect("statements")
        });
        listed.map(|statement| Statement::of(statement, &template)).collect()
    };
    functions(&template).into_iter().map(|(name, properties)| (name, statements(properties))).collect()
});

/// The parameter that each function takes its keys from, as its environment says, if it has any.
static KEYS: LazyLock<BTreeMap<String, Option<String>>> = LazyLock::new(|| {
    let template = template();
    let parameter = |properties: &Value| {
        let variables = &properties["Environment"]["Variables"];
        let location =
            ["ROLLCALL_SIGNING_KEYS", "ROLLCALL_VERIFYING_KEYS"].into_iter().find_map(|name| variables.get(name));
        location.map(|location| parameter_in(location, "ssm:", &template).expect("the name of a parameter"))
    };
    functions(&template).into_iter().map(|(name, properties)| (name, parameter(properties))).collect()
});

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| routes(&template()));

/// One statement of a policy.
#[derive(Debug)]
pub struct Statement {
    /// What it allows.
    pub actions: BTreeSet<String>,
    /// With which partition keys; `*` at an end stands for anything.
    pub leading: Option<Vec<String>>,
    /// On which parameter, if it is about one.
    pub parameter: Option<String>,
    /// Whether it is about the table's items, or about a parameter: the rest is what Lambda and SES want.
    pub is_watched: bool,
}

/// One thing that a function does: the action, and the partition key if it is about the table, or the parameter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Act {
    /// The function's name in the template.
    pub function: String,
    /// The action as IAM names it.
    pub action: String,
    /// The partition key.
    pub leading: Option<String>,
    /// The name of a parameter.
    pub parameter: Option<String>,
}

/// Sees what functions do over some connections. A test that made one do what its policy does not allow fails at its end.
#[derive(Debug, Default)]
pub struct Watch {
    acts: Mutex<BTreeSet<Act>>,
    forbidden: Mutex<BTreeSet<Act>>,
}

#[derive(Debug)]
struct Guarded<T> {
    watch: Arc<Watch>,
    inner: T,
}

/// What the policies of a function say.
pub fn policy_of(function: &str) -> &'static [Statement] {
    POLICIES.get(function).unwrap_or_else(|| panic!("no function {function}"))
}

/// The parameter that a function takes its keys from, if it has any.
pub fn parameter_of(function: &str) -> Option<&'static str> {
    KEYS.get(function).unwrap_or_else(|| panic!("no function {function}")).as_deref()
}

/// Does work as that function, under its policy.
pub async fn acting<T>(function: &str, work: impl Future<Output = T>) -> T {
    FUNCTION.scope(function.to_owned(), Box::pin(work)).await
}

/// Routes whose requests are the work of that function.
pub fn under_policy(router: Router, function: &'static str) -> Router {
    router.layer(from_fn_with_state(function, run_under_policy))
}

async fn run_under_policy(State(function): State<&'static str>, request: Request, next: Next) -> Response {
    acting(function, next.run(request)).await
}

/// Routes whose requests are each the work of the function that the API's routes choose. `routers` are those of all functions,
/// by the parameter that keys come from.
pub fn under_policies(routers: BTreeMap<Option<&'static str>, Router>) -> Router {
    let routers = Arc::new(routers);
    Router::new().fallback(async move |request: Request| {
        // The gateway looks at decoded paths.
        let path = decoded_once(request.uri().clone()).path().to_owned();
        let route = choose(&ROUTES, request.method().as_str(), &path).expect("a route");
        let router = &routers[&parameter_of(&route.function)];
        acting(&route.function, router.clone().oneshot(request)).await
    })
}

/// The name of a parameter that a setting of the template makes, after `beginning`, of one of the template's own parameters.
fn parameter_in(value: &Value, beginning: &str, template: &Value) -> Option<String> {
    let Value::Tagged(text) = value else { return None };
    let name = text.value.as_str()?.strip_prefix(beginning)?.strip_prefix("${")?.strip_suffix('}')?;
    template["Parameters"][name]["Default"].as_str().map(ToOwned::to_owned)
}

impl Statement {
    fn of(statement: &Value, template: &Value) -> Self {
        assert_eq!(statement["Effect"], "Allow");
        let texts = |value: &Value| -> Vec<String> {
            let list = value.as_sequence().cloned().unwrap_or_else(|| vec![value.clone()]);
            list.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
        };
        let leading = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
        let leading = (!leading.is_null()).then(|| texts(leading));
        let actions: BTreeSet<String> = texts(&statement["Action"]).into_iter().collect();
        let on_items = matches!(&statement["Resource"], Value::Tagged(name) if name.value == "Table.Arn");
        let has_other_condition = leading.is_none() && statement.get("Condition").is_some();
        assert!(
            !on_items || !has_other_condition,
            "conditions about the table should be on leading keys: {statement:?}"
        );
        let parameter = parameter_in(&statement["Resource"], PARAMETERS, template);
        let is_watched = on_items || parameter.is_some();
        let on_parameters = actions.iter().any(|action| action.starts_with("ssm:"));
        assert!(!on_parameters || parameter.is_some(), "a parameter should be named: {statement:?}");
        Self { actions, leading, parameter, is_watched }
    }

    /// Whether it allows that.
    pub fn allows(&self, act: &Act) -> bool {
        let fits = |pattern: &String, key: &str| match pattern.strip_suffix('*') {
            Some(beginning) => key.starts_with(beginning),
            None => key == pattern,
        };
        self.is_watched
            && self.actions.contains(&act.action)
            && self.parameter == act.parameter
            && match (&self.leading, &act.leading) {
                (None, _) => true,
                (Some(patterns), Some(key)) => patterns.iter().any(|pattern| fits(pattern, key)),
                (Some(_), None) => false,
            }
    }
}

impl Watch {
    /// A connection on which functions do what their policies allow.
    pub fn over(self: &Arc<Self>, connection: Connection) -> Connection {
        let http = SharedHttpClient::new(Guarded { watch: self.clone(), inner: connection.http });
        Connection { http, ..connection }
    }

    /// The keys in a parameter, for those who may read it; without one, none.
    pub fn key_source(self: &Arc<Self>, parameter: Option<&str>, parameters: &ParameterStore) -> KeySource {
        let Some(name) = parameter else { return KeySource::Nowhere };
        let inner = SharedHttpClient::new(parameters.clone());
        let http = SharedHttpClient::new(Guarded { watch: self.clone(), inner });
        let credentials = SharedCredentialsProvider::new(Credentials::new("local", "local", None, None, "local"));
        KeySource::Parameter(name.to_owned(), Parameters::new("local", credentials, http, None))
    }

    /// What functions have done.
    pub fn acts(&self) -> BTreeSet<Act> {
        self.acts.lock().expect("the acts").clone()
    }

    /// What was forbidden, for a test that wants it to be: it does not fail for that.
    pub fn take_forbidden(&self) -> BTreeSet<Act> {
        std::mem::take(&mut self.forbidden.lock().expect("the acts"))
    }

    /// Notes what is about to be done, and says whether it may be.
    fn admits(&self, request: &HttpRequest) -> bool {
        let Ok(function) = FUNCTION.try_with(Clone::clone) else { return true };
        let acts = acts_of(&function, request);
        let may = |act: &&Act| policy_of(&act.function).iter().any(|statement| statement.allows(act));
        let forbidden: Vec<Act> = acts.iter().filter(|act| !may(act)).cloned().collect();
        let admitted = forbidden.is_empty();
        if !admitted {
            // Whoever fails before the end of the test shall know why.
            eprintln!("policies of the template forbid {forbidden:?}");
        }
        self.forbidden.lock().expect("the acts").extend(forbidden);
        self.acts.lock().expect("the acts").extend(acts);
        admitted
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let forbidden = self.forbidden.lock().expect("the acts");
        assert!(forbidden.is_empty() || std::thread::panicking(), "policies of the template forbid {forbidden:?}");
    }
}

/// What a call to DynamoDB or Parameter Store does, as policies name it.
fn acts_of(function: &str, request: &HttpRequest) -> Vec<Act> {
    let target = request.headers().get("x-amz-target").expect("a target");
    let (service, operation) = target.split_once('.').expect("an operation");
    let body: serde_json::Value =
        serde_json::from_slice(request.body().bytes().expect("a body in memory")).expect("JSON");
    let act = |action: String, leading: Option<&serde_json::Value>| Act {
        function: function.to_owned(),
        action,
        leading: leading.map(|key| key["S"].as_str().expect("a partition key").to_owned()),
        parameter: None,
    };
    let on_table = |operation: &str, key: &serde_json::Value| act(format!("dynamodb:{operation}"), Some(&key["pk"]));
    if service == "AmazonSSM" {
        let parameter = body["Name"].as_str().expect("the name of a parameter").to_owned();
        return vec![Act { parameter: Some(parameter), ..act(format!("ssm:{operation}"), None) }];
    }
    let of_tables = || body["RequestItems"].as_object().expect("tables").values();
    match operation {
        "GetItem" | "DeleteItem" | "UpdateItem" => vec![on_table(operation, &body["Key"])],
        "PutItem" => vec![on_table(operation, &body["Item"])],
        "Query" => vec![act("dynamodb:Query".to_owned(), Some(&body["ExpressionAttributeValues"][":pk"]))],
        "BatchGetItem" => {
            let keys = of_tables().flat_map(|table| table["Keys"].as_array().expect("keys"));
            keys.map(|key| on_table(operation, key)).collect()
        }
        "BatchWriteItem" => {
            let writes = of_tables().flat_map(|table| table.as_array().expect("writes"));
            let item = |write: &serde_json::Value| match write.get("PutRequest") {
                Some(put) => on_table(operation, &put["Item"]),
                None => on_table(operation, &write["DeleteRequest"]["Key"]),
            };
            writes.map(item).collect()
        }
        // There is no action for it but those of its parts.
        "TransactWriteItems" => {
            let parts = body["TransactItems"].as_array().expect("parts").iter();
            let one = |(kind, part): (&String, &serde_json::Value)| match kind.as_str() {
                "Put" => on_table("PutItem", &part["Item"]),
                "Delete" => on_table("DeleteItem", &part["Key"]),
                "Update" => on_table("UpdateItem", &part["Key"]),
                "ConditionCheck" => on_table("ConditionCheckItem", &part["Key"]),
                other => panic!("{other} is not expected in a transaction"),
            };
            parts.flat_map(|part| part.as_object().expect("a part")).map(one).collect()
        }
        other => vec![act(format!("dynamodb:{other}"), None)],
    }
}

impl HttpClient for Guarded<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Guarded { watch: self.watch.clone(), inner })
    }
}

impl HttpConnector for Guarded<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.watch.admits(&request) {
            return self.inner.call(request);
        }
        let body = json!({ "__type": "com.amazon.coral.service#AccessDeniedException", "Message": "Not authorized." });
        HttpConnectorFuture::ready(Ok(answer(400, &body)))
    }
}
