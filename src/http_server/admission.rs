//! Admission control: permits for connections and for requests, in total and per client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use shared::model::network_of;
use tokio::sync::{OwnedSemaphorePermit as Place, Semaphore};

use super::{Limits, Share};

/// The available permits.
pub(super) struct Admission {
    limits: Limits,
    all: Places,
    clients: Mutex<HashMap<IpAddr, Arc<Places>>>,
}

/// The permits of one client, or of all together.
struct Places {
    connections: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    large_bodies: Arc<Semaphore>,
}

/// The permit of a connection, released when dropped.
pub(super) struct Seat {
    admission: Arc<Admission>,
    client: IpAddr,
    places: Arc<Places>,
    _connection: [Place; 2],
}

impl Admission {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        let all = Places::new(&limits, |share| share.all);
        Arc::new(Self { limits, all, clients: Mutex::default() })
    }

    /// A permit for a connection, if available, in total and for this client.
    pub(super) fn seat(self: &Arc<Self>, peer: IpAddr, is_proxy: bool) -> Option<Seat> {
        let client = network_of(peer);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let of_client =
            || Arc::new(Places::new(&self.limits, |share| if is_proxy { share.all } else { share.of_client }));
        let places = clients.get(&client).cloned().unwrap_or_else(of_client);
        let connection = [place(&places.connections)?, place(&self.all.connections)?];
        clients.insert(client, places.clone());
        Some(Seat { admission: self.clone(), client, places, _connection: connection })
    }
}

impl Seat {
    /// A permit for a request, as soon as one is available for this client and in total. `None` if that takes too long.
    pub(super) async fn turn(&self, of_stranger: bool) -> Option<[Place; 2]> {
        let turns = |places: &Places| if of_stranger { places.strangers.clone() } else { places.requests.clone() };
        let turn = async {
            let own = turns(&self.places).acquire_owned().await.ok()?;
            let common = turns(&self.admission.all).acquire_owned().await.ok()?;
            Some([own, common])
        };
        tokio::time::timeout(self.admission.limits.turn, turn).await.ok().flatten()
    }

    /// A permit for a large body, if available now.
    pub(super) fn large_body(&self) -> Option<[Place; 2]> {
        Some([place(&self.places.large_bodies)?, place(&self.admission.all.large_bodies)?])
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut clients = self.admission.clients.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's reference, and that of this last connection.
        if Arc::strong_count(&self.places) == 2 {
            clients.remove(&self.client);
        }
    }
}

impl Places {
    fn new(limits: &Limits, count: impl Fn(Share) -> usize) -> Self {
        let Limits { connections, requests, strangers, large_bodies, .. } = *limits;
        let [connections, requests, strangers, large_bodies] =
            [connections, requests, strangers, large_bodies].map(|share| Arc::new(Semaphore::new(count(share))));
        Self { connections, requests, strangers, large_bodies }
    }
}

fn place(places: &Arc<Semaphore>) -> Option<Place> {
    places.clone().try_acquire_owned().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_client_has_so_many_places_and_leaves_none_taken() {
        let limits = Limits { connections: Share { all: 4, of_client: 2 }, ..Limits::of_network() };
        let admission = Admission::new(limits);
        let seat = |text, is_proxy| admission.seat(address(text), is_proxy);
        let first = [seat("2001:db8::1", false), seat("2001:db8::2", false)];
        assert!(first.iter().all(Option::is_some));
        assert!(seat("2001:db8::3", false).is_none(), "the same network");
        let others = [seat("10.0.0.1", false), seat("::ffff:10.0.0.1", false)];
        assert!(others.iter().all(Option::is_some));
        assert!(seat("10.0.0.2", false).is_none(), "no place is left at all");
        drop(first);
        assert!(seat("2001:db8::3", false).is_some());
        drop(others);
        assert!(admission.clients.lock().expect("the map").is_empty());

        let proxy = [0; 4].map(|_| seat("10.0.0.9", true));
        assert!(proxy.iter().all(Option::is_some));
        assert!(seat("10.0.0.9", true).is_none());
    }

    #[tokio::test]
    async fn a_turn_that_does_not_come_is_told() {
        let turn = std::time::Duration::from_millis(50);
        let limits = Limits { strangers: Share { all: 3, of_client: 2 }, turn, ..Limits::of_network() };
        let admission = Admission::new(limits);
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|text| admission.seat(address(text), false).expect("a seat"));
        let (first, _second) = (one.turn(true).await, one.turn(true).await);
        assert!(one.turn(true).await.is_none(), "the client has its share");
        let _third = other.turn(true).await.expect("a turn");
        assert!(other.turn(true).await.is_none(), "all turns are taken");
        assert!(other.turn(false).await.is_some(), "who shows a token waits for no stranger");
        drop(first);
        assert!(other.turn(true).await.is_some());
    }
}
