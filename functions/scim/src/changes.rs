//! From what a user shall look like to what the directory is asked for (`contracts/scim.md` sections 3 and 10).

use serde_json::{Map, Value};
use shared::directory::Draft;
use shared::error::{Rule, Violation};
use shared::model::{
    Change, EmailAddress, Extras, Field, Flags, NewUser, OpenWispDetails, PhoneNumber, UserChanges, Username, is_url,
    parse_date,
};
use shared::secret::Secret;

use crate::extras;
use crate::schema::{ENTERPRISE_URN, ROLLCALL_URN};
use crate::user::{NAME_EXTRAS, VERBATIM, emails_with};

/// The longest password, in characters.
const MAX_PASSWORD: usize = 128;

/// What a user is and shall be.
struct Difference<'a> {
    before: &'a Map<String, Value>,
    after: &'a Map<String, Value>,
    violations: Vec<Violation>,
}

/// The new user with these attributes.
pub fn new_user(after: &Map<String, Value>) -> Draft<NewUser> {
    let Draft { content, violations } = changes(&Map::new(), after, &Extras::default());
    let mut emails = content.emails.unwrap_or_default().into_iter();
    let set = |change: Change<_>| if let Change::Set(value) = change { Some(value) } else { None };
    let content = NewUser {
        username: content.username,
        email: emails.next(),
        other_emails: emails.collect(),
        email_verified: true,
        password: content.password,
        may_lack_password: true,
        first_name: content.first_name.unwrap_or_default(),
        last_name: content.last_name.unwrap_or_default(),
        url: content.details.url.unwrap_or_default(),
        phones: content.phones.unwrap_or_default(),
        expiration_date: match content.expiration_date {
            Change::Set(day) => Some(day),
            Change::Keep | Change::Clear => None,
        },
        may_be_expired: true,
        flags: Flags::active().changed(content.flags),
        external_id: set(content.external_id),
        extras: content.extras.unwrap_or_default(),
        has_caseless_name: true,
        ..NewUser::default()
    };
    Draft { content, violations }
}

/// The changes that make a user with these extras look so. What both have in common is not touched.
pub fn changes(before: &Map<String, Value>, after: &Map<String, Value>, extras: &Extras) -> Draft<UserChanges> {
    let mut difference = Difference { before, after, violations: Vec::new() };
    let mut new_extras = extras::read(extras);
    let mut content = UserChanges {
        username: difference.username(),
        has_caseless_name: true,
        external_id: difference.external_id(),
        password: difference.password(),
        first_name: difference.name("givenName"),
        last_name: difference.name("familyName"),
        emails: difference.emails(&mut new_extras),
        phones: difference.phones(&mut new_extras),
        details: OpenWispDetails { url: difference.url(&mut new_extras), ..OpenWispDetails::default() },
        may_be_expired: true,
        ..UserChanges::default()
    };
    if difference.differs("active") {
        content.flags.is_active = after.get("active").and_then(Value::as_bool);
    }
    if difference.differs(ROLLCALL_URN) {
        content.expiration_date = difference.last_day();
    }
    difference.other_extras(&mut new_extras);
    content.extras = Some(extras::keep(new_extras)).filter(|new| new != extras);
    Draft { content, violations: difference.violations }
}

impl Difference<'_> {
    fn differs(&self, name: &str) -> bool {
        self.before.get(name) != self.after.get(name)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.after.get(name).and_then(Value::as_str).map(ToOwned::to_owned)
    }

    fn refuse(&mut self, field: Field, rule: Rule) {
        self.violations.push(Violation { field, rule });
    }

    fn username(&mut self) -> Option<Username> {
        let Some(text) = self.text("userName").filter(|text| !text.is_empty()) else {
            self.refuse(Field::Username, Rule::Required);
            return None;
        };
        if !self.differs("userName") {
            return None;
        }
        let name = Username::of_provider(&text);
        if name.is_none() {
            self.refuse(Field::Username, Rule::NotUsername);
        }
        name
    }

    fn external_id(&self) -> Change<String> {
        match self.text("externalId").filter(|id| !id.is_empty()) {
            _ if !self.differs("externalId") => Change::Keep,
            Some(id) => Change::Set(id),
            None => Change::Clear,
        }
    }

    fn password(&mut self) -> Option<Secret> {
        let text = self.text("password")?;
        match text.chars().count() {
            0 => self.refuse(Field::Password, Rule::Blank),
            1..=MAX_PASSWORD => return Some(text.into()),
            _ => self.refuse(Field::Password, Rule::TooLong(MAX_PASSWORD)),
        }
        None
    }

    fn name(&self, part: &str) -> Option<String> {
        let of = |user: &Map<String, Value>| {
            user.get("name").and_then(|name| name[part].as_str()).unwrap_or_default().to_owned()
        };
        Some(of(self.after)).filter(|name| *name != of(self.before))
    }

    fn emails(&mut self, extras: &mut Map<String, Value>) -> Option<Vec<EmailAddress>> {
        if !self.differs("emails") {
            return None;
        }
        let mut entries = self.after.get("emails").and_then(Value::as_array).cloned().unwrap_or_default();
        let sent = entries.clone();
        // The primary one comes first.
        entries.sort_by_key(|entry| entry["primary"] != true);
        let mut emails = Vec::new();
        for entry in &entries {
            match entry["value"].as_str().map(EmailAddress::parse) {
                Some(Some(email)) => emails.push(email),
                Some(None) => self.refuse(Field::Email, Rule::NotEmail),
                None => self.refuse(Field::Email, Rule::Required),
            }
        }
        let plain = emails_with(&[], emails.first(), &[]);
        if sent.is_empty() || sent == plain {
            extras.remove("emails");
        } else {
            extras.insert("emails".to_owned(), Value::Array(sent));
        }
        Some(emails)
    }

    fn phones(&self, extras: &mut Map<String, Value>) -> Option<Vec<PhoneNumber>> {
        if !self.differs("phoneNumbers") {
            return None;
        }
        self.copy("phoneNumbers", extras);
        let entries = self.after.get("phoneNumbers").and_then(Value::as_array);
        let texts = entries.into_iter().flatten().filter_map(|entry| entry["value"].as_str());
        // RFC 3966
        Some(texts.filter_map(|text| PhoneNumber::parse(text.trim_start_matches("tel:"))).collect())
    }

    /// A page that is a URL is OpenWISP's too.
    fn url(&self, extras: &mut Map<String, Value>) -> Option<String> {
        if !self.differs("profileUrl") {
            return None;
        }
        extras.remove("profileUrl");
        let text = self.text("profileUrl").unwrap_or_default();
        if text.is_empty() || (is_url(&text) && text.chars().count() <= OpenWispDetails::MAX_URL) {
            return Some(text);
        }
        extras.insert("profileUrl".to_owned(), Value::String(text));
        Some(String::new())
    }

    fn last_day(&mut self) -> Change<shared::model::Date> {
        let day = |user: &Map<String, Value>| {
            user.get(ROLLCALL_URN).and_then(|own| own["expirationDate"].as_str()).unwrap_or_default().to_owned()
        };
        let text = day(self.after);
        if text == day(self.before) {
            return Change::Keep;
        }
        if text.is_empty() {
            return Change::Clear;
        }
        if let Some(day) = parse_date(&text).filter(|_| text.len() == "YYYY-MM-DD".len()) {
            Change::Set(day)
        } else {
            self.refuse(Field::ExpirationDate, Rule::NotDate);
            Change::Keep
        }
    }

    fn other_extras(&self, extras: &mut Map<String, Value>) {
        for name in VERBATIM.into_iter().chain([ENTERPRISE_URN]).filter(|name| self.differs(name)) {
            self.copy(name, extras);
        }
        let parts = |user: &Map<String, Value>| -> Map<String, Value> {
            let name = user.get("name").and_then(Value::as_object);
            let kept = name.into_iter().flatten().filter(|(part, _)| NAME_EXTRAS.contains(&part.as_str()));
            kept.map(|(part, value)| (part.clone(), value.clone())).collect()
        };
        let name = parts(self.after);
        if name != parts(self.before) {
            if name.is_empty() {
                extras.remove("name");
            } else {
                extras.insert("name".to_owned(), Value::Object(name));
            }
        }
    }

    fn copy(&self, name: &str, extras: &mut Map<String, Value>) {
        match self.after.get(name) {
            Some(value) => extras.insert(name.to_owned(), value.clone()),
            None => extras.remove(name),
        };
    }
}
