//! Lists of users and groups: filtered, sorted, in pages by number or by cursor (`contracts/scim.md` section 4).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use shared::dialect::scim::{Problem, Reason};
use shared::directory::{Directory, PageRange, UserDetail, UserFilter};
use shared::model::{Action, Model, UserRow, fold};

use crate::answer::Result;
use crate::context::Context;
use crate::filter::{self, Condition, Place};
use crate::index::{Source, source};
use crate::query::{MOST, Query};
use crate::schema::{GROUP, Schema, USER};
use crate::user::{Names, resource};
use crate::{extras, groups};

/// The schema of lists.
const LIST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// A page of a list.
#[derive(Debug, Default)]
pub struct Listed {
    /// Its resources.
    pub resources: Vec<Map<String, Value>>,
    /// How many the list has.
    pub total: u64,
    /// How many come before the page; `None` in a page by cursor.
    pub skipped: Option<u64>,
    /// The cursor of the next page.
    pub cursor: Option<String>,
}

impl Listed {
    /// The body of a response.
    pub fn body(self) -> Value {
        let Self { resources, total, skipped, cursor } = self;
        let mut body = json!({
            "schemas": [LIST_URN],
            "totalResults": total,
            "itemsPerPage": resources.len(),
        });
        if let Some(skipped) = skipped {
            body["startIndex"] = json!(skipped + 1);
        }
        if let Some(next) = cursor {
            body["nextCursor"] = json!(next);
        }
        body["Resources"] = json!(resources);
        body
    }
}

/// A resource, and its place in the list.
pub struct Found {
    /// Where it is.
    pub position: String,
    /// All of it.
    pub resource: Map<String, Value>,
}

/// The condition in a query.
///
/// # Errors
/// [`Reason::InvalidFilter`].
pub fn condition(schema: &Schema, query: &Query, lenient: bool) -> Result<Option<Condition>, Problem> {
    let Some(text) = &query.filter else { return Ok(None) };
    let invalid = |why: String| Reason::InvalidFilter.because(format!("The filter has no meaning: {why}."));
    let filter = filter::filter(text).map_err(|why| invalid(why.0))?;
    Condition::of(schema, &filter, lenient).map(Some).map_err(invalid)
}

/// By what a list is sorted, if the schema has that.
pub fn sorted_by(schema: &Schema, query: &Query) -> Option<Place> {
    let path = filter::path(query.sort_by.as_ref()?).ok()?;
    filter::place(schema, &path.name).filter(|_| path.filter.is_none())
}

/// Sorts what was found: what has no value comes last, or first in descending order (RFC 7644 section 3.4.2.3).
pub fn sort(found: &mut [Found], place: Place, descending: bool) {
    let key = |found: &Found| {
        let values = place.values(&found.resource);
        let text = values.first().map(|value| value.as_str().map_or_else(|| value.to_string(), fold));
        (text.is_none(), text)
    };
    found.sort_by_cached_key(key);
    if descending {
        found.reverse();
    }
}

/// A page of a list that is in memory.
///
/// # Errors
/// As [`Query::position`].
pub fn page(query: &Query, kind: &str, found: Vec<Found>, is_sorted: bool, context: &Context) -> Result<Listed> {
    let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
    if query.cursor.is_none() {
        let skip = usize::try_from(query.skip()).unwrap_or(usize::MAX);
        let resources = found.into_iter().skip(skip).take(query.limit()).map(|found| found.resource).collect();
        return Ok(Listed { resources, total, skipped: Some(query.skip()), cursor: None });
    }
    let (begin, limit) = match query.position(kind, context.now())? {
        None => (0, query.limit()),
        // In the order of the list, it does not matter whether the last one is still there.
        Some((after, limit)) if !is_sorted => {
            (found.iter().position(|found| found.position < after).unwrap_or(found.len()), limit)
        }
        Some((after, limit)) => {
            let last = found.iter().position(|found| found.position == after);
            (last.ok_or_else(|| Reason::InvalidCursor.because("The list has changed. Begin again."))? + 1, limit)
        }
    };
    let end = begin.saturating_add(limit).min(found.len());
    let next = (limit > 0 && end < found.len())
        .then(|| query.cursor_after(kind, &found[end - 1].position, limit, context.now()));
    let resources = found.into_iter().skip(begin).take(limit).map(|found| found.resource).collect();
    Ok(Listed { resources, total, skipped: None, cursor: next })
}

/// A page of the users whom the caller sees.
///
/// # Errors
/// [`Reason::TooMany`] for a filter that no index helps with, among very many users; [`Reason::InvalidFilter`].
pub async fn users(context: &Context, query: &Query, lenient: bool) -> Result<Listed> {
    context.must(Action::View, Model::User)?;
    let condition = condition(&USER, query, lenient)?;
    let sorted = sorted_by(&USER, query);
    let rows = match (&condition, sorted) {
        (None, None) => return all_users(context, query).await,
        (None, Some(_)) => match all_up_to(context).await? {
            // Among very many users, they come in the order of the list (section 4).
            None => return all_users(context, query).await,
            Some(rows) => rows,
        },
        (Some(condition), _) => candidates(context, source(condition).as_ref()).await?,
    };
    let resources = resources(context, rows, query.needs_changes()).await?;
    let mut found: Vec<Found> = resources
        .into_iter()
        .filter(|found| condition.as_ref().is_none_or(|condition| condition.holds(&found.resource)))
        .collect();
    if let Some(place) = sorted {
        sort(&mut found, place, query.descending);
    }
    page(query, USER.name, found, sorted.is_some(), context)
}

async fn all_up_to(context: &Context) -> Result<Option<Vec<UserRow>>> {
    Ok(context.directory.users_up_to(&context.caller, &UserFilter::default(), MOST).await?)
}

/// All users, by their place in the list.
async fn all_users(context: &Context, query: &Query) -> Result<Listed> {
    let Context { directory, caller, .. } = context;
    if query.cursor.is_none() {
        let range = PageRange::From { skip: query.skip(), limit: query.limit() };
        let page = directory.users(caller, &UserFilter::default(), range).await?;
        let total = page.total.number();
        let resources = resources(context, page.items, query.needs_changes()).await?;
        let resources = resources.into_iter().map(|found| found.resource).collect();
        return Ok(Listed { resources, total, skipped: Some(query.skip()), cursor: None });
    }
    let (after, limit) = match query.position(USER.name, context.now())? {
        None => (None, query.limit()),
        Some((after, limit)) => (Some(after), limit),
    };
    // One more tells whether there is a next page.
    let page = directory.users_from(caller, after.as_deref(), limit.saturating_add(1)).await?;
    let total = page.total.number();
    let mut rows = page.items;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(Directory::position_of);
    let next = next.map(|position| query.cursor_after(USER.name, &position, limit, context.now()));
    let resources = resources(context, rows, query.needs_changes()).await?;
    Ok(Listed {
        resources: resources.into_iter().map(|found| found.resource).collect(),
        total,
        skipped: None,
        cursor: next,
    })
}

/// The users who can meet a filter, newest first.
async fn candidates(context: &Context, source: Option<&Source>) -> Result<Vec<UserRow>> {
    let too_many = || {
        Reason::TooMany.because(format!(
            "More than {MOST} users can match. Compare userName, externalId, emails or names with a longer value."
        ))
    };
    let mut rows = Vec::new();
    let mut waiting = vec![source];
    while let Some(source) = waiting.pop() {
        let Context { directory, caller, .. } = context;
        match source {
            None => rows.extend(all_up_to(context).await?.ok_or_else(too_many)?),
            Some(Source::Any(sources)) => waiting.extend(sources.iter().map(Some)),
            Some(Source::Key(key)) => {
                let details = directory.users_by_key(caller, key).await?;
                rows.extend(details.iter().map(|UserDetail { user, memberships, .. }| user.row(memberships)));
            }
            Some(Source::Search(filter)) => {
                rows.extend(directory.users_up_to(caller, filter, MOST).await?.ok_or_else(too_many)?);
            }
        }
        if rows.len() > MOST {
            return Err(too_many().into());
        }
    }
    rows.sort_by_cached_key(|row| std::cmp::Reverse(Directory::position_of(row)));
    rows.dedup_by_key(|row| row.id);
    Ok(rows)
}

/// Users as the caller sees them.
///
/// # Errors
/// When the store is unavailable.
pub async fn resources(context: &Context, rows: Vec<UserRow>, changes: bool) -> Result<Vec<Found>> {
    let Context { directory, caller, root, .. } = context;
    let rows = directory.with_details(rows, |row| changes || has_several_emails(row)).await?;
    let groups: BTreeSet<_> = rows.iter().flat_map(|row| &row.groups).copied().collect();
    let organizations = rows.iter().flat_map(|row| &row.memberships).map(|membership| membership.organization);
    let organizations: BTreeSet<_> = organizations.collect();
    let names = Names {
        groups: if groups.is_empty() { BTreeMap::new() } else { directory.group_names(&groups).await? },
        organizations: if organizations.is_empty() {
            BTreeMap::new()
        } else {
            directory.organization_names(&organizations).await?
        },
    };
    let found =
        |row: &UserRow| Found { position: Directory::position_of(row), resource: resource(row, caller, root, &names) };
    Ok(rows.iter().map(found).collect())
}

/// Whether a user had several addresses when SCIM was last told about them. Rows have none.
fn has_several_emails(row: &UserRow) -> bool {
    extras::read(&row.extras).get("emails").and_then(Value::as_array).is_some_and(|list| list.len() > 1)
}

/// A page of users, then groups: what a search of the root finds (RFC 7644 section 3.4.2.1).
///
/// # Errors
/// As for each of them; [`Reason::InvalidCursor`] for a cursor.
pub async fn both(context: &Context, query: &Query) -> Result<Listed> {
    if query.cursor.is_some() {
        return Err(Reason::InvalidCursor.because("Search /Users or /Groups with a cursor.").into());
    }
    if condition(&USER, query, false).is_err() {
        // What neither of them has is a mistake.
        condition(&GROUP, query, false)?;
    }
    let mut users = users(context, query, true).await?;
    let rest = Query {
        start: query.skip().saturating_sub(users.total) + 1,
        count: Some(query.limit() - users.resources.len()),
        ..query.clone()
    };
    let groups = groups::list(context, &rest, true).await?;
    users.resources = users.resources.into_iter().map(|user| query.shape.of(&USER, user)).collect();
    users.resources.extend(groups.resources.into_iter().map(|group| query.shape.of(&GROUP, group)));
    users.total += groups.total;
    Ok(users)
}
