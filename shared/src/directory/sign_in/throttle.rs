//! Limits on guessing secrets (`docs/design.md` section 5), counted in the table so that they apply to all processes.
//!
//! There are two kinds of counters, so that strangers can lock nobody out and cannot learn which names exist:
//!
//! - *By network.* Only the typed text counts, whether or not a user has that name. Beyond these limits the response is 429.
//! - *By account* ([`Guard`]). All names of an account count together, in one item that also contains its known networks.
//!   Beyond these limits a right password gets the response of a wrong one, after the same work, so the response reveals
//!   nothing. An unknown name has an item too, so that it costs the same.
//!
//! An attempt counts as failed before its secret is checked, so that concurrent attempts cannot bypass the limits.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::RequestOrigin;
use crate::auth::crypto::{hex, mac};
use crate::auth::password::Effort;
use crate::directory::{Directory, SystemCaller};
use crate::error::{Error, Result};
use crate::model::ambient::random;
use crate::model::{EventAction, PhoneNumber, Timestamp, UserId, fold, network_of};
use crate::secret::Secret;
use crate::store::{Common, Guard, NewEvent, Subject, resets_of};

const QUARTER: i64 = 15 * 60;
const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// Failures of a network per day.
const OF_A_NETWORK: u32 = 100;
/// Failures of a network per quarter of an hour with one identifier; and against one account, by any name.
const AGAINST_ONE: usize = 10;
/// Consecutive failures against an account, from all networks together, after which only known networks may try.
const IN_A_ROW: u32 = 100;
/// How many days a network stays known after its last login to an account.
const KNOWN_FOR: i64 = 90;
/// The most known networks of an account.
const MOST_NETWORKS: usize = 20;
/// Password reset requests of a network per hour.
const RESETS_OF_A_NETWORK: u32 = 30;
/// Password reset mails to one account per hour.
const RESETS_OF_AN_ACCOUNT: u32 = 3;
/// How long a process caches the shared data, in seconds.
const COMMON_FOR: i64 = 10 * 60;

/// The kind of secret in an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guessed {
    /// The password for a typed name, or the secret of a mailed link.
    Secret,
    /// The API token of a named user. Nobody can guess 160 bits, so these have a separate budget: a client whose token
    /// has expired does not block its user's logins.
    Token,
}

/// An attempt that counts as failed until it is [forgiven](Directory::attempt_forgiven) or [has
/// succeeded](Directory::attempt_succeeded).
#[derive(Debug)]
pub(crate) struct Attempt {
    by_network: Counted,
    by_account: Vec<(Subject, Guard)>,
}

/// The network counter of an attempt, and the attempt's id in all counters.
#[derive(Debug)]
struct Counted {
    whose: String,
    window_end: i64,
    name: String,
    network: String,
    identifier: String,
    /// The id for events if no user has that name.
    nobody: UserId,
    now: Timestamp,
}

/// The data shared by all processes, as this one read it last.
#[derive(Clone, Default)]
pub(crate) struct Commons(Arc<Mutex<Option<(Common, Timestamp)>>>);

/// A short keyed hash of the network of a visit.
fn network(common: &Common, origin: &RequestOrigin) -> String {
    let text = origin.address.as_deref().unwrap_or("unknown");
    let network = text.parse().map_or_else(|_| text.to_owned(), |address| network_of(address).to_string());
    digits(common, b"network", &network)
}

/// A short keyed hash of a text.
fn digits(common: &Common, kind: &[u8], text: &str) -> String {
    hex(&mac(common.key.as_bytes(), &[kind, text.as_bytes()])[..4])
}

/// The form in which identifiers are counted: the same for all spellings of one name, whether or not it exists.
fn folded(identifier: &str) -> String {
    let identifier = identifier.trim();
    if let Some(phone) = PhoneNumber::parse(identifier) {
        return phone.to_string();
    }
    fold(identifier)
}

/// The end of the window that contains a timestamp, in seconds since 1970.
fn window_end(now: Timestamp, window: i64) -> i64 {
    (now.seconds().div_euclid(window) + 1) * window
}

fn throttled(now: Timestamp, until: i64) -> Error {
    Error::Throttled { retry_after: (until - now.seconds()).max(1).unsigned_abs() }
}

/// How many names have this prefix.
fn count(names: &BTreeSet<String>, start: &str) -> usize {
    names.range(start.to_owned()..).take_while(|name| name.starts_with(start)).count()
}

/// The current quarter of an hour, in four digits that repeat only after years.
fn quarter(now: Timestamp) -> String {
    format!("{:04x}", now.seconds().div_euclid(QUARTER) & 0xffff)
}

/// Until when the data of an account is kept.
fn kept_until(now: Timestamp) -> i64 {
    now.plus_seconds(KNOWN_FOR * DAY).seconds()
}

impl Guard {
    /// Whether there was a recent login to the account from that network.
    fn knows(&self, network: &str, today: i64) -> bool {
        self.networks.get(network).is_some_and(|day| today - day <= KNOWN_FOR)
    }

    /// The networks to delete when another one is recorded: outdated ones, and the oldest beyond the limit.
    fn forgotten(&self, network: &str, today: i64) -> Vec<&String> {
        let mut others: Vec<_> = self.networks.iter().filter(|(other, _)| *other != network).collect();
        others.sort_by_key(|(_, day)| std::cmp::Reverse(**day));
        let kept = others.iter().take(MOST_NETWORKS - 1).take_while(|(_, day)| today - **day <= KNOWN_FOR).count();
        others.into_iter().skip(kept).map(|(other, _)| other).collect()
    }
}

impl Directory {
    /// Counts an attempt to guess a secret against its network; `None` if attempts are not limited.
    ///
    /// # Errors
    /// [`Error::Throttled`] at the limit; then nothing was counted.
    pub(crate) async fn attempt(
        &self,
        what: Guessed,
        identifier: &str,
        origin: &RequestOrigin,
    ) -> Result<Option<Attempt>> {
        if !self.settings.throttle {
            return Ok(None);
        }
        let now = self.ambient.now();
        let common = self.common().await?;
        let network = network(&common, origin);
        let nobody = self.id_of(identifier, None).await?;
        let identifier = digits(&common, b"identifier", &folded(identifier));
        let kind = match what {
            Guessed::Secret => "SECRETS",
            Guessed::Token => "TOKENS",
        };
        let together = format!("{identifier}{}", quarter(now));
        let counted = Counted {
            whose: format!("{kind}#{network}"),
            window_end: window_end(now, DAY),
            name: format!("{together}{}", hex(&random::<4>(&*self.ambient))),
            network,
            identifier,
            nobody,
            now,
        };
        let Counted { whose, window_end: day_end, name, .. } = &counted;
        let found = Box::pin(self.store.throttle_count(whose, *day_end, name, OF_A_NETWORK)).await?;
        let names = found.ok_or_else(|| throttled(now, *day_end))?;
        if count(&names, &together) > AGAINST_ONE {
            self.store.throttle_refund(whose, *day_end, name).await?;
            return Err(throttled(now, window_end(now, QUARTER)));
        }
        Ok(Some(Attempt { by_network: counted, by_account: Vec::new() }))
    }

    /// Counts an attempt against its account, or against a name that no user has. `false` beyond the limit: then it has
    /// failed, whatever the secret.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(crate) async fn attempt_on(&self, attempt: Option<&mut Attempt>, account: Option<UserId>) -> Result<bool> {
        let Some(Attempt { by_network, by_account }) = attempt else { return Ok(true) };
        let Counted { network, identifier, nobody, now, .. } = &*by_network;
        let subject = account.map_or_else(|| Subject::Nobody(identifier.clone()), Subject::User);
        let together = format!("{network}{}", quarter(*now));
        let name = by_network.name_for(&together);
        // Counts for unknown names decide nothing: they only cost the same, and expire soon.
        let until = if account.is_some() { kept_until(*now) } else { window_end(*now, DAY) };
        let guard = Box::pin(self.store.guard_count(&subject, &name, IN_A_ROW, until)).await?;
        // The last one that counts is an event, for unknown names too: otherwise this attempt would reveal who exists.
        if !guard.is_full && u32::try_from(guard.attempts.len()) == Ok(IN_A_ROW) {
            let actor = SystemCaller::Housekeeping.actor();
            let target = Self::target_of(account.unwrap_or(*nobody), None);
            self.store.event_insert(NewEvent::new(EventAction::UserLocked, actor, target)).await?;
        }
        let may = if guard.is_full {
            guard.knows(network, now.seconds().div_euclid(DAY))
        } else {
            count(&guard.attempts, &together) <= AGAINST_ONE
        };
        if let (false, Some(user)) = (may, account) {
            tracing::warn!(user.id = %user, "too many failed attempts: rejected without checking the password");
        }
        by_account.push((subject, guard));
        Ok(may)
    }

    /// Uncounts an attempt: it has not failed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(crate) async fn attempt_forgiven(&self, attempt: Option<Attempt>) -> Result<()> {
        let Some(Attempt { by_network, by_account }) = attempt else { return Ok(()) };
        let Counted { whose, window_end, name, network, now, .. } = &by_network;
        let own_name = by_network.name_for(&format!("{network}{}", quarter(*now)));
        for (subject, _) in &by_account {
            self.store.guard_refund(subject, &own_name).await?;
        }
        self.store.throttle_refund(whose, *window_end, name).await
    }

    /// Uncounts an attempt: it was a login of that user. It clears the user's consecutive failures and makes this
    /// network known.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(crate) async fn attempt_succeeded(&self, attempt: Option<Attempt>, user: UserId) -> Result<()> {
        let Some(mut attempt) = attempt else { return Ok(()) };
        let Counted { network, now, .. } = &attempt.by_network;
        let today = now.seconds().div_euclid(DAY);
        let own = attempt.by_account.iter().position(|(subject, _)| *subject == Subject::User(user));
        let guard = own.map(|own| attempt.by_account.swap_remove(own).1).unwrap_or_default();
        let (network, now) = (network.clone(), *now);
        let forgotten = guard.forgotten(&network, today);
        let end = Box::pin(self.store.guard_end(user, (&network, today), &forgotten, kept_until(now)));
        futures_util::future::try_join(end, Box::pin(self.attempt_forgiven(Some(attempt)))).await.map(|_| ())
    }

    /// The id of a user, or for an unknown name an unpredictable id that no user has. Attempts are recorded for that id
    /// too, so that they cost the same.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(super) async fn id_of(&self, username: &str, user: Option<UserId>) -> Result<UserId> {
        let common = self.common().await?;
        let digest = mac(common.key.as_bytes(), &[b"nobody", folded(username).as_bytes()]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Ok(user.unwrap_or(UserId(uuid::Builder::from_custom_bytes(bytes).into_uuid())))
    }

    /// Counts a password reset request of a network.
    ///
    /// # Errors
    /// [`Error::Throttled`] at the limit.
    pub(crate) async fn reset_asked(&self, origin: &RequestOrigin) -> Result<()> {
        if !self.settings.throttle {
            return Ok(());
        }
        let (now, common) = (self.ambient.now(), self.common().await?);
        let (whose, end) = (format!("RESETS#{}", network(&common, origin)), window_end(now, HOUR));
        let name = hex(&random::<4>(&*self.ambient));
        let found = self.store.throttle_count(&whose, end, &name, RESETS_OF_A_NETWORK).await?;
        found.map(drop).ok_or_else(|| throttled(now, end))
    }

    /// Counts a password reset mail to a user; `name` identifies the request, so that it counts once. `false` at the
    /// hourly limit.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(crate) async fn reset_mailed(&self, user: UserId, name: &str) -> Result<bool> {
        if !self.settings.throttle {
            return Ok(true);
        }
        let (whose, end) = (resets_of(user), window_end(self.ambient.now(), HOUR));
        Ok(self.store.throttle_count(&whose, end, name, RESETS_OF_AN_ACCOUNT).await?.is_some())
    }

    /// The highest cost of a stored password hash.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(crate) async fn most_effort(&self) -> Result<Effort> {
        Ok(Effort::read(&self.common().await?.efforts))
    }

    /// Records the cost of some stored password hashes, so that failures of other users take as long.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(crate) async fn note_effort(&self, effort: Effort) -> Result<()> {
        let effort = effort.bounded();
        let known = self.most_effort().await?.max(self.hasher.own_effort());
        let more = effort.beyond(known).kinds().map(|(_, more)| more > 0);
        for ((kind, amount), _) in effort.kinds().into_iter().zip(more).filter(|(_, is_more)| *is_more) {
            Box::pin(self.store.effort_note(kind, amount)).await?;
        }
        if more.contains(&true) {
            *self.commons.0.lock().await = None;
        }
        Ok(())
    }

    /// The data shared by all processes; a process reads it every ten minutes.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(super) async fn common(&self) -> Result<Common> {
        let mut known = self.commons.0.lock().await;
        let now = self.ambient.now();
        if let Some((common, until)) = &*known
            && now < *until
        {
            return Ok(common.clone());
        }
        let new_key = Secret::from(hex(&random::<32>(&*self.ambient)));
        let common = Box::pin(self.store.throttle_common(&new_key)).await?;
        *known = Some((common.clone(), now.plus_seconds(COMMON_FOR)));
        Ok(common)
    }
}

impl Counted {
    /// The id of this attempt, with a prefix that groups related attempts.
    fn name_for(&self, together: &str) -> String {
        let own = self.name.len().saturating_sub(8);
        format!("{together}{}", &self.name[own..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_count_together() {
        for (one, other, same) in [
            ("jane", " jane ", true),
            ("jane@mail.example", "JANE@Mail.Example", true),
            ("+39 333 123 4567", "+393331234567", true),
            ("Jane", "jane", true),
            ("jane", "joan", false),
            ("", " ", true),
        ] {
            assert_eq!(folded(one) == folded(other), same, "{one} {other}");
        }
    }

    #[test]
    fn the_networks_of_a_user_are_few_and_the_latest() {
        let networks = (0..25).map(|index| (format!("{index:02}"), 1000 + index)).collect();
        let guard = Guard { networks, ..Guard::default() };
        let forgotten: Vec<_> = guard.forgotten("07", 1030).into_iter().map(String::as_str).collect();
        assert_eq!(forgotten, ["04", "03", "02", "01", "00"]);
        assert!(guard.knows("00", 1090) && !guard.knows("00", 1091) && !guard.knows("25", 1000));
        assert_eq!(guard.forgotten("30", 1110).len(), 20, "what was 90 days ago is forgotten as well");
    }
}
