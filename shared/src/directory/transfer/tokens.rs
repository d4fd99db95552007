//! Importing API tokens.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures_util::stream::{self, StreamExt as _};

use super::importer::reason;
use super::{Importer, IssueKind, TokenRecord};
use crate::directory::Directory;
use crate::directory::tokens::token_event;
use crate::error::Result;
use crate::model::{Actor, ApiToken, EventAction, TokenId, User, UserId};
use crate::store::{Basis, TokenWriteOutcome};

/// How many tokens are created concurrently.
const AT_ONCE: usize = 8;

impl Importer<'_> {
    /// Creates the users' tokens that do not exist yet.
    pub(super) async fn take_tokens(&mut self, tokens: Vec<(String, User, TokenRecord)>) -> Result<()> {
        let hashes: BTreeSet<&str> = tokens.iter().map(|(_, _, token)| token.hash.reveal()).collect();
        let here = self.directory.store.tokens_of_hashes(&hashes).await?;
        let mut met = HashSet::new();
        let mut new = Vec::new();
        for (origin, user, token) in tokens {
            let is_first = met.insert(token.hash.reveal().to_owned());
            match here.get(token.hash.reveal()) {
                Some(found) if found.user == user.id => self.report.tokens.here += 1,
                None if is_first => new.push((origin, user, token)),
                _ => {
                    self.report.tokens.refused += 1;
                    self.report.note(IssueKind::Conflict, &origin, "an API token that exists here already");
                }
            }
        }
        let mut of_users: BTreeMap<UserId, Vec<_>> = BTreeMap::new();
        for token in new {
            of_users.entry(token.1.id).or_default().push(token);
        }
        let (directory, dry, actor) = (self.directory, self.dry, self.actor.as_ref());
        let made =
            stream::iter(of_users).map(async |(user, tokens)| make_tokens(directory, dry, actor, user, tokens).await);
        let made: Vec<_> = made.buffer_unordered(AT_ONCE).collect().await;
        for told in made {
            for (origin, refused) in told? {
                match refused {
                    None => self.report.tokens.made += 1,
                    Some((kind, reason)) => {
                        self.report.tokens.refused += 1;
                        self.report.note(kind, &origin, reason);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Creates the tokens of a user, up to the limit; those that are valid longest come first. Returns for each its origin
/// in the source, and why it was not created.
async fn make_tokens(
    directory: &Directory,
    dry: bool,
    actor: Option<&Actor>,
    user: UserId,
    mut tokens: Vec<(String, User, TokenRecord)>,
) -> Result<Vec<(String, Option<(IssueKind, String)>)>> {
    let mut list = match directory.store.tokens(user).await {
        Ok(list) => list,
        Err(error) => {
            let why = format!("an API token: {}", reason(error)?);
            let origins = tokens.into_iter().map(|(origin, ..)| origin);
            return Ok(origins.map(|origin| (origin, Some((IssueKind::Conflict, why.clone())))).collect());
        }
    };
    tokens.sort_by_key(|(_, _, token)| std::cmp::Reverse(token.good_until));
    let mut told = Vec::new();
    let mut room = tokens.first().map_or(0, |(_, user, _)| list.room(user));
    for (origin, user, token) in tokens {
        if room == 0 {
            told.push((origin, Some((IssueKind::LeftOut, "an API token (a user may have at most 100)".to_owned()))));
            continue;
        }
        room -= 1;
        let TokenRecord { hash, id, title, is_active, created, updated, last_used, good_until, made_by_other } = token;
        let id = id.unwrap_or_else(|| TokenId::generate(created, &*directory.ambient));
        let version = user.api_token_version(made_by_other);
        let token = ApiToken {
            id,
            user: user.id,
            title,
            is_active,
            created,
            updated,
            last_used,
            good_until,
            made_by_other,
            version,
        };
        if dry {
            told.push((origin, None));
            continue;
        }
        let event = actor.map(|actor| token_event(EventAction::TokenCreated, actor.clone(), &user, &token));
        let refused = match directory.store.token_insert(&token, &hash, &list, &Basis::default(), event).await {
            Ok(TokenWriteOutcome::Done) => None,
            Ok(TokenWriteOutcome::UserGone) => Some("an API token whose user was deleted".to_owned()),
            Ok(TokenWriteOutcome::Stale) => {
                Some("an API token whose user's tokens changed during the import; run the import again".to_owned())
            }
            Err(error) => Some(format!("an API token: {}", reason(error)?)),
        };
        if refused.is_none() {
            list = list.with(&token, &hash);
        }
        told.push((origin, refused.map(|reason| (IssueKind::Conflict, reason))));
    }
    Ok(told)
}
