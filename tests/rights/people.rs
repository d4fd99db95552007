//! People in comparison.

use shared::model::ApiToken;

use super::state::Person;

impl Person {
    /// This person without what changes by use, or follows from other records.
    pub(super) fn without_bookkeeping(&self) -> Self {
        let mut person = self.clone();
        person.user.version = 0;
        person.user.modified = person.user.date_joined;
        person.user.has_signed_in = false;
        // They follow from the memberships, from which organizations are active and from who owns them.
        person.user.manages.clear();
        person.user.holds = None;
        // They come in no order that matters.
        person.memberships.sort_by_key(|membership| membership.organization);
        for ApiToken { last_used, .. } in &mut person.tokens {
            *last_used = None;
        }
        person
    }

    /// This person without what everybody may change about oneself in SCIM.
    pub(super) fn without_profile(&self) -> Self {
        let mut person = self.without_bookkeeping();
        let user = &mut person.user;
        user.first_name.clear();
        user.last_name.clear();
        user.extras.own.clear();
        user.details.url.clear();
        user.password = "".into();
        user.token_version = 0;
        user.api_tokens_ended = 0;
        user.others_api_tokens_ended = 0;
        person.tokens.clear();
        person
    }

    /// This person without what regular users of Edge may change about themselves.
    pub(super) fn without_own_fields(&self) -> Self {
        let mut person = self.without_bookkeeping();
        let user = &mut person.user;
        user.first_name.clear();
        user.last_name.clear();
        user.email = None;
        user.email_is_shared = false;
        user.sharing.description.clear();
        user.password = "".into();
        user.token_version = 0;
        person.tokens.clear();
        person
    }
}

/// What is different about a person, in the words of the records.
pub(super) fn difference(was: Option<&Person>, is: Option<&Person>) -> String {
    let (was, is) = match (was, is) {
        (Some(was), Some(is)) => (was, is),
        (Some(was), None) => return format!("{} is gone", was.user.username),
        (None, Some(is)) => return format!("{} is new", is.user.username),
        (None, None) => return "nobody".to_owned(),
    };
    let (before, after) = (told(was), told(is));
    let only = |these: &[String], those: &[String]| {
        let only: Vec<&str> = these.iter().filter(|one| !those.contains(one)).map(String::as_str).collect();
        if only.is_empty() { "nothing".to_owned() } else { only.join(", ") }
    };
    format!("{}: was {}; is {}", was.user.username, only(&before, &after), only(&after, &before))
}

/// Every value of a person, after the names of the fields that lead to it.
fn told(person: &Person) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut values = Vec::new();
    for line in format!("{:#?}", person.without_bookkeeping()).lines() {
        let depth = (line.len() - line.trim_start().len()) / 4;
        names.truncate(depth);
        let text = line.trim().trim_end_matches(',');
        let (name, value) = text.split_once(": ").unwrap_or(("", text));
        let opens = value.ends_with(['{', '[', '(']);
        if !opens && !value.starts_with(['}', ']', ')']) {
            let path = names.iter().map(String::as_str).chain([name]).filter(|name| !name.is_empty());
            let path = path.collect::<Vec<_>>().join(".");
            // Ids of tokens are shown byte by byte, which tells nobody anything.
            if path != "tokens.id" {
                values.push(format!("{path} = {value}"));
            }
        }
        names.push(name.to_owned());
    }
    values
}
