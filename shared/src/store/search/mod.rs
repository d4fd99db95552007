//! The search index: finds users by characters in their fields, in list order, at a cost that does not grow with the
//! directory.
//!
//! For every trigram of a value, and for every single character, the user has a posting in a *list* with the order of the list
//! of users. A posting contains the value, so candidates are checked without reading users. Some 25 postings are in one item,
//! a *block* ([`blocks`]). A change of a user does not write to the lists: it leaves a recent change ([`recent`]), and a job
//! merges many of them at once ([`packing`]). Groups, organizations and inactive users have lists of the same order with an item
//! for each user. Several filters are intersected with a leapfrog join: each list seeks to the furthest place of the others.
//!
//! The rows of the page are checked, so a posting that should not be there costs a read but never gives a wrong row.

mod batch;
mod blocks;
mod changes;
mod groups;
mod list;
mod memory;
mod packing;
mod ranks;
mod rebuilding;
mod recent;
mod terms;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use futures_util::future::{try_join, try_join_all};

use self::blocks::Posting;
pub(super) use self::groups::GroupEntries;
use self::list::{AFTER_PLACES, Kind, List, Source};
use self::memory::Recent;
pub(super) use self::memory::RecentCache;
pub use self::rebuilding::{search_changes, search_items, search_items_of_earlier_releases};
pub(super) use self::recent::write_search;
pub use self::terms::SearchField;
use self::terms::{Place, Term};
use super::item::key_of;
use super::keys::{self, List as Lists};
use super::requests::{Bound, Range};
use super::{Member, Store};
use crate::error::{Error, Result};
use crate::model::{GroupId, OrganizationId, fold};

/// How many trigrams of a pattern are probed to find a rare one.
const PROBED: usize = 4;
/// The fewest candidates whose activity is checked at once.
const FEWEST: usize = 100;

/// Search conditions for users, all of which must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Parts, and the fields of which one must contain it, ignoring case; no part is empty.
    pub parts: Vec<(Vec<SearchField>, String)>,
    /// Whether the user is active.
    pub is_active: Option<bool>,
    /// A group that the user is in.
    pub group: Option<GroupId>,
    /// Organizations; the user must be a member of one of them.
    pub organizations: Option<Vec<OrganizationId>>,
}

/// A condition, and the source of its candidates.
struct Condition {
    /// The text that a field must contain, if the postings have fields.
    part: Option<String>,
    source: Source,
}

impl Condition {
    /// Users in any of these lists, whose items hold no field text.
    fn of_lists(partitions: impl IntoIterator<Item = String>) -> Self {
        let lists = partitions.into_iter().map(|pk| List::new(Kind::Entries, pk, String::new())).collect();
        Self { part: None, source: Source { lists, recent: VecDeque::new() } }
    }
}

impl Store {
    /// At most `limit` users who match `search`, oldest first. There must be a condition. Check the rows at the positions: an index that
    /// is damaged may name others.
    ///
    /// # Errors
    /// When the store is unavailable, or an item of the index is malformed.
    #[boxed]
    pub async fn search(&self, search: &Search, limit: usize) -> Result<Vec<Member>> {
        let counts = async {
            match search.is_active {
                Some(true) => self.user_counts().await.map(Some),
                Some(false) | None => Ok(None),
            }
        };
        let (counts, (mut conditions, recent)) = try_join(counts, self.conditions(search)).await?;
        if let Some(counts) = counts.as_ref().filter(|_| conditions.is_empty()) {
            conditions.push(Condition::of_lists(counts.years().map(|year| Lists::Users.positions(year))));
        }
        let Some(counts) = counts else { return self.candidates(&mut conditions, &recent, limit).await };
        let (mut found, mut at_once) = (Vec::new(), limit.max(FEWEST));
        loop {
            let candidates = self.candidates(&mut conditions, &recent, at_once).await?;
            let is_last = candidates.len() < at_once;
            found.extend(self.active_among(&counts, candidates).await?);
            if is_last || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
            at_once = at_once.saturating_mul(2);
        }
    }

    /// The conditions of a search, and the changes that lists do not contain yet.
    async fn conditions(&self, search: &Search) -> Result<(Vec<Condition>, Arc<Recent>)> {
        let Search { parts, is_active, group, organizations } = search;
        let parts: Vec<(&[SearchField], String)> =
            parts.iter().map(|(fields, part)| (&fields[..], fold(part))).collect();
        let (recent, sources) =
            if parts.is_empty() { (Arc::default(), Vec::new()) } else { self.sources(&parts).await? };
        let found = |((fields, part), lists): ((&[SearchField], String), Vec<List>)| {
            let recent = recent.matching(fields, &part);
            Condition { part: Some(part), source: Source { lists, recent } }
        };
        let mut conditions: Vec<Condition> = parts.into_iter().zip(sources).map(found).collect();
        if let Some(group) = group {
            conditions.push(Condition::of_lists([keys::grouped(*group)]));
        }
        if let Some(organizations) = organizations {
            conditions.push(Condition::of_lists(organizations.iter().map(|&id| keys::members(id))));
        }
        if *is_active == Some(false) {
            conditions.push(Condition::of_lists([keys::INACTIVE.to_owned()]));
        }
        Ok((conditions, recent))
    }

    /// The recent changes, and for each part lists that were read after them.
    async fn sources(&self, parts: &[(&[SearchField], String)]) -> Result<(Arc<Recent>, Vec<Vec<List>>)> {
        let lists = async |recent: &Recent| {
            let kinds = if recent.is_migrated { &[Kind::Blocks][..] } else { &[Kind::Blocks, Kind::Entries] };
            try_join_all(parts.iter().map(|(fields, part)| self.lists_of_fields(kinds, fields, part))).await
        };
        if let Some(known) = self.recent_known() {
            let (recent, lists) = try_join(self.recent(), lists(&known)).await?;
            // Otherwise a merge has ended, and the lists may have been read before it, the changes after it.
            if (recent.merges, recent.is_migrated) == (known.merges, known.is_migrated) {
                return Ok((recent, lists));
            }
        }
        let recent = self.recent().await?;
        let lists = lists(&recent).await?;
        Ok((recent, lists))
    }

    /// The lists of users of whom one of the fields may contain a folded part.
    async fn lists_of_fields(&self, kinds: &[Kind], fields: &[SearchField], part: &str) -> Result<Vec<List>> {
        let all = kinds.iter().flat_map(|kind| fields.iter().map(|field| self.lists(*kind, *field, part)));
        Ok(try_join_all(all).await?.concat())
    }

    /// At most `limit` more users who meet all conditions.
    async fn candidates(&self, conditions: &mut [Condition], recent: &Recent, limit: usize) -> Result<Vec<Member>> {
        let mut candidates = Vec::new();
        while candidates.len() < limit
            && let Some(candidate) = self.next_candidate(conditions, recent).await?
        {
            candidates.push(Member { position: candidate.position(), user: candidate.id() });
        }
        Ok(candidates)
    }

    /// The next user who meets all conditions.
    async fn next_candidate(&self, conditions: &mut [Condition], recent: &Recent) -> Result<Option<Place>> {
        let nothing = Recent::default();
        let hidden = |part: &Option<String>| if part.is_some() { recent } else { &nothing };
        'places: loop {
            let mut furthest = None;
            for Condition { part, source } in &mut *conditions {
                let Some(head) = source.head(self, hidden(part)).await? else { return Ok(None) };
                furthest = furthest.max(Some(head));
            }
            let Some(furthest) = furthest else { return Ok(None) };
            for Condition { part, source } in &mut *conditions {
                source.skip_to(self, furthest).await?;
                match source.head(self, hidden(part)).await? {
                    None => return Ok(None),
                    Some(head) if head > furthest => continue 'places,
                    Some(_) => {}
                }
            }
            let mut fits = true;
            for Condition { part, source } in &mut *conditions {
                let contains = |posting: &Posting| part.as_ref().is_none_or(|part| posting.value.contains(part));
                fits &= source.take(self, furthest, hidden(part), contains).await?;
            }
            if fits {
                return Ok(Some(furthest));
            }
        }
    }

    /// The lists of candidates whose field contains a folded part.
    async fn lists(&self, kind: Kind, field: SearchField, part: &str) -> Result<Vec<List>> {
        let letters: Vec<char> = part.chars().collect();
        Ok(match letters[..] {
            [letter] => vec![kind.list(Term::letter(field, letter))],
            [first, second] => self.lists_of_pair(kind, Term::trigram(field, first, second, None)).await?,
            _ => vec![self.rarest(kind, field, &letters).await?],
        })
    }

    /// The lists for two characters, one for each third character that occurs.
    async fn lists_of_pair(&self, kind: Kind, pair: Term) -> Result<Vec<List>> {
        let pk = kind.partition(pair);
        let mut lists = Vec::new();
        let mut after = String::new();
        loop {
            let bound = if after.is_empty() { Bound::Whole } else { Bound::After(&after) };
            let items = self.query(Range { pk: &pk, bound, ascending: true }, 1).await?;
            let Some(key) = items.first().map(key_of) else { return Ok(lists) };
            let damaged = || Error::internal(format!("malformed key: {key}"));
            let third = keys::third_of(&key.sk).ok_or_else(damaged)?;
            // After all places with this third character.
            after = format!("{third}{AFTER_PLACES}");
            lists.push(List::new(kind, pk.clone(), third.to_owned()));
        }
    }

    /// A trigram list with few postings, for three or more characters.
    async fn rarest(&self, kind: Kind, field: SearchField, letters: &[char]) -> Result<List> {
        let trigrams: BTreeSet<Term> =
            letters.windows(3).map(|three| Term::trigram(field, three[0], three[1], three.get(2).copied())).collect();
        let step = trigrams.len().div_ceil(PROBED).max(1);
        let mut lists: Vec<List> = trigrams.into_iter().step_by(step).map(|term| kind.list(term)).collect();
        try_join_all(lists.iter_mut().map(|list| list.fill(self))).await?;
        // A list that has ended is the shortest; otherwise, the one whose piece reaches furthest has the fewest
        // postings.
        lists.sort_by(|a, b| {
            let ended = b.has_ended().cmp(&a.has_ended());
            let by_length = if a.has_ended() { a.len().cmp(&b.len()) } else { b.reach().cmp(&a.reach()) };
            ended.then(by_length)
        });
        lists.into_iter().next().ok_or_else(|| Error::internal("a trigram needs three characters"))
    }
}
