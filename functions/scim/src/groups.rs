//! `/Groups` (`contracts/scim.md` sections 2 to 5).

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::Path;
use http::StatusCode;
use serde_json::{Map, Value, json};
use shared::Error;
use shared::dialect::scim::{MEDIA_TYPE, Problem, Reason, Scim};
use shared::directory::{Directory, Draft, Expected, MemberChanges, PageRange};
use shared::error::{Entity, Rule, Violation};
use shared::model::{Action, Change, Field, Group, GroupChanges, GroupId, Model, UserId};
use shared::web::body::UnparsedBody;

use crate::answer::{Answer, Result, if_match, tag};
use crate::context::Context;
use crate::filter::{Comparison, Condition, Target};
use crate::list::{Found, Listed, condition, page, sort, sorted_by};
use crate::query::{Query, Shape};
use crate::schema::{GROUP, GROUP_URN};
use crate::{body, patch};

/// Groups with more members are shown without them, unless a client asks for members.
const MOST_MEMBERS: usize = 5000;

/// `GET /Groups`.
pub async fn list_groups(context: Context) -> Result<Answer> {
    let query = Query::of_uri(&context.uri)?;
    shown(&query, list(&context, &query, false).await?)
}

/// `POST /Groups/.search`.
pub async fn search(context: Context, UnparsedBody { body, .. }: UnparsedBody<Scim>) -> Result<Answer> {
    let query = Query::of_body(&body.read_json(MEDIA_TYPE).await?)?;
    shown(&query, list(&context, &query, false).await?)
}

#[expect(clippy::unnecessary_wraps, reason = "it ends handlers")]
fn shown(query: &Query, mut page: Listed) -> Result<Answer> {
    page.resources = page.resources.into_iter().map(|group| query.shape.of(&GROUP, group)).collect();
    Ok(Answer::ok(page.body()))
}

/// `POST /Groups`.
pub async fn create(context: Context, UnparsedBody { body, .. }: UnparsedBody<Scim>) -> Result<Answer> {
    let body = body.read_json(MEDIA_TYPE).await?;
    create_from(&context, body, &Shape::of_uri(&context.uri)).await
}

/// `GET /Groups/{id}`.
pub async fn read(context: Context, Path(id): Path<String>) -> Result<Answer> {
    let group = context.directory.group(&context.caller, Action::View, group_id(&id)?).await?;
    Ok(answer(&context, StatusCode::OK, &group, &Shape::of_uri(&context.uri)).await?.unless_known(&context.headers))
}

/// `PUT /Groups/{id}`.
pub async fn replace(
    context: Context,
    Path(id): Path<String>,
    UnparsedBody { body, .. }: UnparsedBody<Scim>,
) -> Result<Answer> {
    let expected = if_match(&context.headers);
    let group = context.directory.group_to_fill(&context.caller, group_id(&id)?).await?;
    let body = body.read_json(MEDIA_TYPE).await?;
    let group = replace_by(&context, group, body, &expected).await?;
    answer(&context, StatusCode::OK, &group, &Shape::of_uri(&context.uri)).await
}

/// `PATCH /Groups/{id}`: 204, or 200 if `attributes` says what to show.
pub async fn change(
    context: Context,
    Path(id): Path<String>,
    UnparsedBody { body, .. }: UnparsedBody<Scim>,
) -> Result<Answer> {
    let expected = if_match(&context.headers);
    let group = context.directory.group_to_fill(&context.caller, group_id(&id)?).await?;
    let body = body.read_json(MEDIA_TYPE).await?;
    let group = change_by(&context, group, &body, &expected).await?;
    let shape = Shape::of_uri(&context.uri);
    if shape.attributes.is_empty() {
        return Ok(Answer::nothing());
    }
    answer(&context, StatusCode::OK, &group, &shape).await
}

/// `DELETE /Groups/{id}`.
pub async fn delete(context: Context, Path(id): Path<String>) -> Result<Answer> {
    delete_at(&context, &id, &if_match(&context.headers)).await
}

/// A text that is no number is no group's id.
pub fn group_id(text: &str) -> Result<GroupId, Error> {
    let number = text.parse().ok().filter(|number: &u64| number.to_string() == text);
    number.map(GroupId).ok_or(Error::NotFound(Entity::Group))
}

/// Creates the group of a body.
pub async fn create_from(context: &Context, body: Map<String, Value>, shape: &Shape) -> Result<Answer> {
    context.must(Action::Add, Model::Group)?;
    let Context { directory, caller, .. } = context;
    let sent = body::resource(&GROUP, body)?;
    let mut changes = MemberChanges::default();
    changes.join(members_in(sent.get("members"))?);
    let plan = directory.plan_members(caller, None, &changes).await?;
    let group = directory.create_group(caller, own_changes(&Map::new(), &sent)).await?;
    directory.change_members(caller, group.id, plan).await?;
    answer(context, StatusCode::CREATED, &group, shape).await
}

/// Makes a group look like a body.
pub async fn replace_by(
    context: &Context,
    group: Group,
    body: Map<String, Value>,
    expected: &Expected,
) -> Result<Group> {
    let sent = body::resource(&GROUP, body)?;
    let mut members = MemberChanges::default();
    members.replace(members_in(sent.get("members"))?);
    let draft = own_changes(&own(&group), &sent);
    write(context, group, draft, &members, expected).await
}

/// Applies the operations of a body to a group.
pub async fn change_by(
    context: &Context,
    group: Group,
    body: &Map<String, Value>,
    expected: &Expected,
) -> Result<Group> {
    let before = own(&group);
    let mut after = before.clone();
    let mut members = MemberChanges::default();
    for step in patch::steps(&GROUP, body)? {
        match &step.target {
            Target::Place(place, condition) if place.attribute.name == "members" => {
                if place.part.is_some() {
                    return Err(Reason::InvalidPath.because("Members come and go as a whole.").into());
                }
                change_members(&mut members, step.verb, condition.as_ref(), &step.value)?;
            }
            _ => step.apply(&mut after)?,
        }
    }
    let draft = own_changes(&before, &after);
    write(context, group, draft, &members, expected).await
}

/// Deletes a group.
pub async fn delete_at(context: &Context, id: &str, expected: &Expected) -> Result<Answer> {
    context.must(Action::Delete, Model::Group)?;
    let Context { directory, caller, .. } = context;
    let group = directory.group(caller, Action::Delete, group_id(id)?).await?;
    let expected = directory.expected_group(caller, &group, MOST_MEMBERS, expected).await?;
    directory.delete_group(caller, group, &expected).await?;
    Ok(Answer::nothing())
}

/// Writes a group and its members: nothing if any of it is refused.
async fn write(
    context: &Context,
    group: Group,
    draft: Draft<GroupChanges>,
    members: &MemberChanges,
    expected: &Expected,
) -> Result<Group> {
    let Context { directory, caller, .. } = context;
    let expected = directory.expected_group(caller, &group, MOST_MEMBERS, expected).await?;
    let plan =
        if members.is_empty() { None } else { Some(directory.plan_members(caller, Some(&group), members).await?) };
    let Draft { content: GroupChanges { name, external_id, .. }, violations } = &draft;
    let is_touched = name.is_some() || *external_id != Change::Keep || !violations.is_empty();
    let group = if is_touched {
        directory.change_group(caller, group, draft, &expected).await?
    } else if expected == Expected::any() {
        group
    } else {
        // Of all who change this version, one alone succeeds.
        directory.renew_group(caller, group).await?
    };
    if let Some(plan) = plan {
        directory.change_members(caller, group.id, plan).await?;
    }
    Ok(group)
}

/// A group without its members.
fn own(group: &Group) -> Map<String, Value> {
    let mut own = Map::from_iter([("displayName".to_owned(), json!(group.name))]);
    own.extend(group.external_id.as_ref().map(|id| ("externalId".to_owned(), json!(id))));
    own
}

/// The changes of a group's own attributes.
fn own_changes(before: &Map<String, Value>, after: &Map<String, Value>) -> Draft<GroupChanges> {
    let mut content = GroupChanges::default();
    let mut violations = Vec::new();
    let mut refuse = |field, rule| violations.push(Violation { field, rule });
    let text = |name: &str| after.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match text("displayName") {
        None => refuse(Field::GroupName, Rule::Required),
        Some(name) if name.chars().count() > Group::MAX_NAME => {
            refuse(Field::GroupName, Rule::TooLong(Group::MAX_NAME));
        }
        Some(name) if before.get("displayName").and_then(Value::as_str) != Some(name) => {
            content.name = Some(name.to_owned());
        }
        Some(_) => {}
    }
    if before.get("externalId") != after.get("externalId") {
        content.external_id = Change::to(text("externalId").map(ToOwned::to_owned));
        let most = shared::model::User::MAX_EXTERNAL_ID;
        if text("externalId").is_some_and(|id| id.chars().count() > most) {
            refuse(Field::ExternalId, Rule::TooLong(most));
        }
    }
    Draft { content, violations }
}

/// What an operation says about members.
fn change_members(
    members: &mut MemberChanges,
    verb: patch::Verb,
    condition: Option<&Condition>,
    value: &Value,
) -> Result<(), Problem> {
    if let Some(condition) = condition {
        let mut named = BTreeSet::new();
        if !equal_values(condition, &mut named) {
            return Err(Reason::InvalidPath.because("Members are named by `value eq`."));
        }
        match verb {
            patch::Verb::Remove => members.leave(named.iter().filter_map(|id| UserId::parse(id)).collect()),
            patch::Verb::Add | patch::Verb::Replace => members.join(known_ids(named)?),
        }
        return Ok(());
    }
    let attribute = crate::schema::find(GROUP.attributes, "members");
    let sent = attribute.map(|attribute| body::sent(attribute, value.clone())).transpose()?.flatten();
    match verb {
        patch::Verb::Add => members.join(members_in(sent.as_ref())?),
        patch::Verb::Replace => members.replace(members_in(sent.as_ref())?),
        // With values, these alone (section 7, number 9).
        patch::Verb::Remove if !value.is_null() => {
            members.leave(values_in(sent.as_ref()).filter_map(|id| UserId::parse(&id)).collect());
        }
        patch::Verb::Remove => members.replace(BTreeSet::new()),
    }
    Ok(())
}

/// Collects the values of `value eq "…" or value eq "…"`; `false` if a condition is another one.
fn equal_values(condition: &Condition, values: &mut BTreeSet<String>) -> bool {
    match condition {
        Condition::Or(left, right) => equal_values(left, values) && equal_values(right, values),
        other => match other.only_equal() {
            Some((part, Value::String(text))) if part.name == "value" => {
                values.insert(text.clone());
                true
            }
            _ => false,
        },
    }
}

fn values_in(members: Option<&Value>) -> impl Iterator<Item = String> {
    let entries = members.and_then(Value::as_array).into_iter().flatten();
    entries.map(|entry| entry["value"].as_str().unwrap_or_default().to_owned())
}

/// The users whom a list of members names.
fn members_in(members: Option<&Value>) -> Result<BTreeSet<UserId>, Problem> {
    let entries = members.and_then(Value::as_array).into_iter().flatten();
    if entries.clone().any(|entry| entry["type"].as_str().is_some_and(|kind| !kind.eq_ignore_ascii_case("User"))) {
        return Err(Reason::InvalidValue.because("members: Only users can be members."));
    }
    known_ids(values_in(members).collect())
}

fn known_ids(ids: BTreeSet<String>) -> Result<BTreeSet<UserId>, Problem> {
    let id = |text: String| {
        UserId::parse(&text).ok_or_else(|| Reason::InvalidValue.because(format!("members: There is no user {text:?}.")))
    };
    ids.into_iter().map(id).collect()
}

/// A page of the groups.
///
/// # Errors
/// [`Reason::InvalidFilter`].
pub async fn list(context: &Context, query: &Query, lenient: bool) -> Result<Listed> {
    context.must(Action::View, Model::Group)?;
    let Context { directory, caller, root, .. } = context;
    let condition = condition(&GROUP, query, lenient)?;
    let groups = match condition.as_ref().and_then(|condition| named_by(condition)) {
        Some(("displayName", name)) => directory.group_by_name(caller, name).await?.into_iter().collect(),
        Some((_, id)) => match group_id(id) {
            Ok(id) => match directory.group(caller, Action::View, id).await {
                Ok(group) => vec![group],
                Err(Error::NotFound(_)) => Vec::new(),
                Err(error) => return Err(error.into()),
            },
            Err(_) => Vec::new(),
        },
        None => directory.groups(caller, PageRange::ALL).await?.items,
    };
    let mut members = BTreeMap::new();
    if let Some(condition) = &condition {
        let mut ids = BTreeSet::new();
        member_values(condition, &mut ids)?;
        members = members_of(context, ids).await?;
    }
    let mut groups: BTreeMap<GroupId, Group> = groups.into_iter().map(|group| (group.id, group)).collect();
    let position = |id: &GroupId| format!("{:016x}", u64::MAX - id.0);
    let of = |group: &Group| Found {
        position: position(&group.id),
        resource: resource(group, members.get(&group.id).map(Vec::as_slice), root),
    };
    let mut found: Vec<Found> = groups.values().map(of).collect();
    found.retain(|found| condition.as_ref().is_none_or(|condition| condition.holds(&found.resource)));
    let sorted = sorted_by(&GROUP, query);
    if let Some(place) = sorted {
        sort(&mut found, place, query.descending);
    }
    let mut page = page(query, GROUP.name, found, sorted.is_some(), context)?;
    for resource in &mut page.resources {
        let id = resource["id"].as_str().and_then(|id| group_id(id).ok());
        if let Some(group) = id.and_then(|id| groups.remove(&id)) {
            *resource = whole(context, &group, &query.shape).await?;
        }
    }
    Ok(page)
}

/// The attribute and the value, if a condition names one group.
fn named_by(condition: &Condition) -> Option<(&'static str, &str)> {
    if let Condition::And(left, right) = condition {
        return named_by(left).or_else(|| named_by(right));
    }
    let (attribute, value) = condition.only_equal()?;
    ["displayName", "id"].contains(&attribute.name).then(|| value.as_str().map(|text| (attribute.name, text)))?
}

/// Collects the members that a filter names.
fn member_values(condition: &Condition, ids: &mut BTreeSet<UserId>) -> Result<(), Problem> {
    let other = || Reason::InvalidFilter.because("Members are compared by `members.value eq`.");
    match condition {
        Condition::And(left, right) | Condition::Or(left, right) => {
            member_values(left, ids)?;
            member_values(right, ids)
        }
        Condition::Not(inner) => member_values(inner, ids),
        Condition::Compare(place, comparison, value) if place.attribute.name == "members" => {
            let is_value = place.part.is_none_or(|part| part.name == "value") && *comparison == Comparison::Eq;
            ids.extend(value.as_str().and_then(UserId::parse));
            if is_value { Ok(()) } else { Err(other()) }
        }
        Condition::Entry(_, inner) => {
            let mut values = BTreeSet::new();
            let is_named = equal_values(inner, &mut values);
            ids.extend(values.iter().filter_map(|id| UserId::parse(id)));
            if is_named { Ok(()) } else { Err(other()) }
        }
        Condition::Present(place) if place.attribute.name == "members" => Err(other()),
        Condition::Present(_) | Condition::Compare(..) | Condition::Never => Ok(()),
    }
}

/// The groups of some users, each with those of the users who are in it.
async fn members_of(context: &Context, ids: BTreeSet<UserId>) -> Result<BTreeMap<GroupId, Vec<UserId>>> {
    let mut members: BTreeMap<GroupId, Vec<UserId>> = BTreeMap::new();
    for id in ids {
        match context.directory.user(&context.caller, id).await {
            Ok(detail) => {
                for group in detail.user.groups {
                    members.entry(group).or_default().push(id);
                }
            }
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(members)
}

/// A group with its members, if they are shown.
async fn whole(context: &Context, group: &Group, shape: &Shape) -> Result<Map<String, Value>> {
    let Context { directory, caller, root, .. } = context;
    let (is_shown, is_asked_for) = shape.shows("members");
    let most = if is_asked_for { usize::MAX } else { MOST_MEMBERS };
    let members = if is_shown { directory.group_members(caller, group.id, most).await? } else { None };
    Ok(resource(group, members.as_deref(), root))
}

/// A group on the wire.
fn resource(group: &Group, members: Option<&[UserId]>, root: &str) -> Map<String, Value> {
    let mut shown =
        Map::from_iter([("schemas".to_owned(), json!([GROUP_URN])), ("id".to_owned(), json!(group.id.to_string()))]);
    shown.extend(own(group));
    if let Some(members) = members.filter(|members| !members.is_empty()) {
        let member = |id: &UserId| json!({"value": id, "$ref": format!("{root}/Users/{id}"), "type": "User"});
        shown.insert("members".to_owned(), members.iter().map(member).collect());
    }
    let version = members.map_or(group.version, |members| Directory::group_version(group, members));
    let location = format!("{root}/Groups/{}", group.id);
    let mut meta = json!({"resourceType": "Group", "location": location, "version": tag(version)});
    for (name, moment) in [("created", group.created), ("lastModified", group.modified)] {
        if let Some(moment) = moment {
            meta[name] = json!(moment.rfc3339());
        }
    }
    shown.insert("meta".to_owned(), meta);
    shown
}

/// A response about a group.
async fn answer(context: &Context, status: StatusCode, group: &Group, shape: &Shape) -> Result<Answer> {
    let whole = Answer::resource(status, whole(context, group, shape).await?);
    let shown = whole.body.and_then(|body| match body {
        Value::Object(group) => Some(Value::Object(shape.of(&GROUP, group))),
        _ => None,
    });
    Ok(Answer { body: shown, ..whole })
}
