//! Every call that changes something, with every kind of trouble at every call of the store.
//!
//! A call is made once without trouble, to count its store calls. Then, for each of them and each kind of trouble,
//! it is made again on a fresh subject. Trouble that passes must not show; trouble that lasts must be told as such.
//! Either way the table is sound, and the call is carried out once or not at all.

mod admin_users;
mod organizations;
mod passwords;
mod sets;
mod setting_up;
mod tokens;
mod users;

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use shared::store::RetryPolicy;

use crate::support::invariants::Item;
use crate::support::{Answer, Client, Fault, Faults, Options, Plan, Table, TestApp};

/// For calls that shall succeed.
const PATIENT: RetryPolicy = RetryPolicy { pause: Duration::from_millis(1), deadline: Duration::from_secs(20) };
/// For calls that shall fail.
const HASTY: RetryPolicy = RetryPolicy { pause: Duration::from_millis(1), deadline: Duration::from_millis(300) };

/// A call on a subject of its own.
pub struct Trial {
    request: Box<dyn Fn() -> Request<axum::body::Body>>,
    /// The answer when it is carried out.
    done: StatusCode,
    /// The answer when it was carried out before: the status, and the body if it matters.
    again: (StatusCode, Option<Value>),
    effect: Box<dyn Fn(&Table) -> Effect>,
}

/// What a call has done.
#[derive(Debug, PartialEq)]
pub enum Effect {
    Nothing,
    All,
    /// Anything else.
    Odd(String),
}

/// A table with `admin`, and means to get at it with and without trouble.
pub struct Stage {
    app: TestApp,
    pub admin: Client,
    token: String,
    throttle: bool,
}

/// A function that has just started, and the trouble that it meets.
struct Process {
    client: Client,
    faults: Faults,
}

impl Stage {
    async fn set(throttle: bool) -> Self {
        let app = TestApp::start().await;
        let token = app.token("admin").await;
        let admin = app.bearer(&token);
        Self { app, admin, token, throttle }
    }

    fn process(&self, retry_policy: RetryPolicy) -> Process {
        let faults = Faults::default();
        let hand = faults.clone();
        let connection = Box::new(move |connection| hand.wrap(connection));
        let options = Options { throttle: self.throttle, retry_policy, connection, ..Options::default() };
        Process { client: self.app.another(options).bearer(&self.token), faults }
    }

    fn table(&self) -> Table {
        let table = Table::read(&self.app.engine);
        table.assert_sound();
        table
    }
}

impl Trial {
    /// A call with a JSON body.
    pub fn json(method: Method, path: &str, body: Value, done: StatusCode) -> Self {
        let path = path.to_owned();
        let request = move || {
            let request = Request::builder().method(method.clone()).uri(&path).header(HOST, "rollcall.example");
            let request = request.header(CONTENT_TYPE, "application/json");
            request.body(axum::body::Body::from(body.to_string())).expect("a request")
        };
        let effect = |_: &Table| Effect::Odd("nobody has said what it should be".to_owned());
        Self { request: Box::new(request), done, again: (done, None), effect: Box::new(effect) }
    }

    pub fn again(mut self, status: StatusCode, body: Option<Value>) -> Self {
        self.again = (status, body);
        self
    }

    pub fn effect(mut self, effect: impl Fn(&Table) -> Effect + 'static) -> Self {
        self.effect = Box::new(effect);
        self
    }

    /// The same call with that `Authorization` header in place of its sender's.
    fn authorized(self, header: String) -> Self {
        let request = self.request;
        let request = move || {
            let mut request: Request<axum::body::Body> = request();
            request.headers_mut().insert(AUTHORIZATION, header.parse().expect("a header"));
            request
        };
        Self { request: Box::new(request), ..self }
    }

    /// The effect is that one item becomes another.
    fn turns(self, find: impl Fn(&Table) -> Option<Item> + 'static, before: Option<Item>, after: Option<Item>) -> Self {
        // When it changed is not known in advance.
        let timeless = |item: Option<Item>| {
            item.map(|mut item| {
                item.remove("modified");
                item
            })
        };
        let (before, after) = (timeless(before), timeless(after));
        assert_ne!(before, after);
        self.effect(move |table| match timeless(find(table)) {
            now if now == before => Effect::Nothing,
            now if now == after => Effect::All,
            now => Effect::Odd(format!("should be {before:?} or {after:?} and is {now:?}")),
        })
    }

    async fn send(&self, client: &Client) -> Answer {
        client.send((self.request)()).await
    }

    fn assert_done(&self, answer: &Answer, table: &Table, what: &str) {
        assert_eq!(answer.status, self.done, "{what}: {answer:?}");
        assert_eq!((self.effect)(table), Effect::All, "{what}");
    }
}

/// Puts calls through every trouble; `prepare` makes one, on a subject that bears the name it is given.
/// Tells how often lasting trouble has left follow-up work.
pub async fn endure(throttle: bool, prepare: impl AsyncFn(&Stage, String) -> Trial) -> usize {
    let stage = Stage::set(throttle).await;
    let trial = prepare(&stage, "calm".to_owned()).await;
    assert_eq!((trial.effect)(&stage.table()), Effect::Nothing);
    let process = stage.process(PATIENT);
    let answer = trial.send(&process.client).await;
    trial.assert_done(&answer, &stage.table(), "without trouble");
    let calls = process.faults.calls();
    assert_eq!(repeat(&stage, &trial).await, trial.again.0);

    let mut left_work = 0;
    for (call, operation) in calls.iter().enumerate() {
        // A directory of few users, so that all of it is read quickly.
        let stage = Stage::set(throttle).await;
        for (number, fault) in Fault::QUICK.into_iter().filter(|fault| fault.fits(operation)).enumerate() {
            let what = format!("{fault:?} at call {call}, {operation}");
            let (once, long) = (Plan::At { call, fault, lasting: false }, Plan::At { call, fault, lasting: true });
            let trial = prepare(&stage, format!("long{number}")).await;
            let effect = lasting(&stage, &trial, long, &what).await;
            if effect == Effect::Nothing && !throttle {
                // The same call again, when the trouble is no longer lasting.
                passing(&stage, &trial, once, &format!("{what}, lasting and then")).await;
            } else {
                let again = if effect == Effect::All { trial.again.0 } else { trial.done };
                assert_eq!(repeat(&stage, &trial).await, again, "{what}, repeated");
                let trial = prepare(&stage, format!("once{number}")).await;
                passing(&stage, &trial, once, &what).await;
            }
            left_work += usize::from(stage.table().work_left() > 0);
            stage.app.cleanup().await.expect("the work done");
            assert_eq!(stage.table().work_left(), 0, "{what}");
        }
    }
    left_work
}

/// Trouble that passes does not show.
async fn passing(stage: &Stage, trial: &Trial, plan: Plan, what: &str) {
    let process = stage.process(PATIENT);
    process.faults.follow(plan);
    let answer = trial.send(&process.client).await;
    assert_eq!(process.faults.struck(), 1, "{what}, once: {:?}", process.faults.calls());
    trial.assert_done(&answer, &stage.table(), &format!("{what}, once"));
}

/// Trouble that lasts is told.
async fn lasting(stage: &Stage, trial: &Trial, plan: Plan, what: &str) -> Effect {
    let process = stage.process(HASTY);
    process.faults.follow(plan);
    let answer = trial.send(&process.client).await;
    assert!(process.faults.struck() > 0, "{what}, lasting: {:?}", process.faults.calls());
    let effect = (trial.effect)(&stage.table());
    // What is left may be follow-up work, whose failure does not make the call a failure.
    if answer.status != trial.done || effect != Effect::All {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{what}, lasting: {answer:?}");
        assert_eq!(answer.header("retry-after"), Some("1"), "{what}, lasting");
        assert_eq!(answer.json(), json!({"detail": "Service temporarily unavailable, try again later."}), "{what}");
    }
    assert!(!matches!(effect, Effect::Odd(_)), "{what}, lasting: {effect:?}");
    effect
}

/// The answer to a call that is made again; it has been carried out then, now or before.
async fn repeat(stage: &Stage, trial: &Trial) -> StatusCode {
    let answer = trial.send(&stage.process(PATIENT).client).await;
    assert_eq!((trial.effect)(&stage.table()), Effect::All);
    if let Some(body) = &trial.again.1 {
        assert_eq!(answer.json(), *body);
    }
    answer.status
}

/// A lost answer that nobody tells of costs the time of one try, not the call.
#[tokio::test]
async fn silence_is_waited_out() {
    let stage = Stage::set(false).await;
    let retry_policy = RetryPolicy { deadline: Duration::from_secs(4), ..PATIENT };
    let process = stage.process(retry_policy);
    // The second one has its numbers already, as the third will.
    for name in ["joan", "jill"] {
        process.faults.follow(Plan::Calm);
        process.client.create_user(name, &json!({})).await;
    }
    let call = process.faults.calls().iter().position(|name| name == "TransactWriteItems").expect("a transaction");
    process.faults.follow(Plan::At { call, fault: Fault::Silence, lasting: false });
    let jane = process.client.create_user("jane", &json!({})).await;
    assert_eq!(process.faults.calls()[call], "TransactWriteItems");
    assert_eq!(stage.table().user_named("jane").expect("jane")["id"], jane["id"]);
}
