//! The sequencer against a model: random histories of writers, sequencers and readers, of whom some stop anywhere.
//!
//! `ROLLCALL_HISTORIES` says how many.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use shared::directory::{LogRange, SystemCaller};
use shared::model::{Actor, ActorKind, EventAction, EventTarget, LogPosition, UserId};
use shared::store::{NewEvent, Store};
use uuid::Uuid;

use crate::support::{FakeEnvironment, Options, Table, TestApp};

const RETENTION: i64 = 400 * 24 * 60 * 60;
/// How many users the events of a history are about.
const USERS: u64 = 3;

/// An event that was acknowledged: its user, and its number among those of the user.
type Acknowledged = (UserId, u64);

/// What the tasks of all histories have done.
#[derive(Default)]
struct Done {
    acknowledged: Vec<Acknowledged>,
    /// Those that may have been written, also later: their writer stopped before the answer.
    begun: BTreeSet<Acknowledged>,
    /// What each reader got in a history, in order.
    read: BTreeMap<usize, Vec<Acknowledged>>,
}

type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

struct Random(Arc<FakeEnvironment>);

impl Random {
    fn below(&self, most: u64) -> u64 {
        self.0.draw() % most
    }
}

fn event(user: UserId, number: u64) -> NewEvent {
    let actor = Actor::system(ActorKind::System, "test");
    NewEvent { version: Some(number), ..NewEvent::new(EventAction::UserUpdated, actor, EventTarget::user(user, None)) }
}

/// One after the other, some events about a user.
async fn write(store: Store, done: Arc<Mutex<Done>>, user: UserId, first: u64, count: u64) {
    for number in first..first + count {
        done.lock().expect("done").begun.insert((user, number));
        store.event_insert(event(user, number)).await.expect("an event");
        let mut done = done.lock().expect("done");
        done.begun.remove(&(user, number));
        done.acknowledged.push((user, number));
    }
}

async fn sequence(store: Store) {
    store.events_sequence(RETENTION, 3).await.expect("a sequence");
}

/// Reads what follows a cursor, and keeps the cursor.
async fn read(store: Store, done: Arc<Mutex<Done>>, reader: usize, cursor: Arc<Mutex<Option<LogPosition>>>) {
    store.events_sequence(RETENTION, 3).await.expect("a sequence");
    take(&store, &done, reader, &cursor).await;
}

async fn take(store: &Store, done: &Mutex<Done>, reader: usize, cursor: &Mutex<Option<LogPosition>>) {
    let after = *cursor.lock().expect("a cursor");
    let range = LogRange { after, before: None, ascending: true };
    let segments = store.segments(range, 2).await.expect("segments");
    // From here on, nothing interrupts it: the reader has the events and keeps the cursor.
    for logged in segments.into_iter().flat_map(|segment| segment.events) {
        *cursor.lock().expect("a cursor") = Some(logged.position);
        let user = UserId::parse(&logged.event.target.id).expect("a user");
        let number = logged.event.version.expect("a number");
        done.lock().expect("done").read.entry(reader).or_default().push((user, number));
    }
}

/// Polls tasks in random order, one step at a time; each may stop for ever before any step.
async fn run(mut tasks: Vec<Task<'_>>, random: &Random) {
    while !tasks.is_empty() {
        let chosen = usize::try_from(random.below(tasks.len() as u64)).expect("small");
        if random.below(60) == 0 {
            // A crash.
            drop(tasks.swap_remove(chosen));
            continue;
        }
        let is_over = poll_fn(|context| Poll::Ready(tasks[chosen].as_mut().poll(context).is_ready())).await;
        if is_over {
            drop(tasks.swap_remove(chosen));
        } else if random.below(4) == 0 {
            tokio::task::yield_now().await;
        }
    }
}

fn histories() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "how long it may take is a matter of the environment")]
    std::env::var("ROLLCALL_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

/// Each reader gets every event once, and those of a user in their order, whatever happens.
#[tokio::test]
async fn every_reader_gets_every_event_exactly_once() {
    const READERS: usize = 2;
    let app = TestApp::start().await;
    let random = Random(app.environment.clone());
    app.directory.sequence_events(SystemCaller::Operator).await.expect("a sequence");
    let users: Vec<UserId> = (1..=USERS).map(|number| UserId(Uuid::from_u128(number.into()))).collect();
    let mut next = BTreeMap::<UserId, u64>::new();
    let start = app.directory.store().segments(LogRange::default(), 1).await.expect("a segment");
    let start = start.first().and_then(|segment| segment.events.first()).map(|logged| logged.position);
    let cursors: Vec<_> = (0..READERS).map(|_| Arc::new(Mutex::new(start))).collect();
    let done = Arc::new(Mutex::new(Done::default()));
    let mut all = vec![BTreeSet::new(); READERS];
    let processes = [app.another(Options::default()), app.another(Options::default())];
    for history in 0..histories() {
        let mut tasks: Vec<Task<'_>> = Vec::new();
        for &user in &users {
            let count = random.below(3);
            let first = *next.entry(user).or_insert(1);
            *next.entry(user).or_default() += count;
            let store = processes[usize::try_from(random.below(2)).expect("small")].directory.store().clone();
            tasks.push(Box::pin(write(store, done.clone(), user, first, count)));
        }
        for _ in 0..random.below(3) {
            let store = processes[usize::try_from(random.below(2)).expect("small")].directory.store().clone();
            tasks.push(Box::pin(sequence(store)));
        }
        for (reader, cursor) in cursors.iter().enumerate().take(usize::try_from(random.below(3)).expect("small")) {
            let store = processes[reader % 2].directory.store().clone();
            tasks.push(Box::pin(read(store, done.clone(), reader, cursor.clone())));
        }
        app.environment.advance(i64::try_from(random.below(3)).expect("small") - 1);
        run(tasks, &random).await;
        sequence(app.directory.store().clone()).await;
        for (reader, cursor) in cursors.iter().enumerate() {
            // Until nothing is left.
            loop {
                let before = *cursor.lock().expect("a cursor");
                take(app.directory.store(), &done, reader, cursor).await;
                if *cursor.lock().expect("a cursor") == before {
                    break;
                }
            }
        }
        let mut done = done.lock().expect("done");
        let acknowledged = std::mem::take(&mut done.acknowledged);
        for (reader, all) in all.iter_mut().enumerate() {
            let seen = done.read.remove(&reader).unwrap_or_default();
            for event in &seen {
                assert!(all.insert(*event), "reader {reader} of history {history} got {event:?} twice");
                let may_be = acknowledged.contains(event) || done.begun.contains(event);
                assert!(may_be, "reader {reader} of history {history} got {event:?}, which nobody wrote");
            }
            for event in &acknowledged {
                assert!(all.contains(event), "reader {reader} of history {history} missed {event:?}");
            }
            for &user in &users {
                let of_user = seen.iter().filter(|event| event.0 == user && acknowledged.contains(event));
                let numbers: Vec<u64> = of_user.map(|(_, number)| *number).collect();
                assert!(numbers.is_sorted(), "reader {reader} of history {history}: {numbers:?}");
            }
        }
        if history % 500 == 0 {
            Table::read(&app.engine).assert_sound();
        }
    }
    Table::read(&app.engine).assert_sound();
    let crashed_writes = done.lock().expect("done").begun.len();
    println!("{} histories, {crashed_writes} writers stopped in the middle of a write", histories());
}
