//! Texts that exceed the limits: texts that make sense without their end are cut, all others are dropped.

use crate::model::{
    self, ApiToken, EdgeProfile, EmailAddress, Extras, MAX_TEXT, OpenWispDetails, Organization, SwitchProfile, User,
    is_longer,
};

use super::UserRecord;

/// What happens to a text that is too long.
#[derive(Clone, Copy)]
enum Fate {
    Cut,
    LeftOut,
}

/// Shortens the texts of a user that are too long, and those of the tokens. Returns what was lost.
pub(super) fn shorten(user_record: &mut UserRecord) -> Vec<String> {
    let UserRecord { user, tokens, .. } = user_record;
    let mut lost = Vec::new();
    let OpenWispDetails { bio, url, company, location, notes } = &mut user.details;
    let texts = [
        ("bio", bio, MAX_TEXT, Fate::Cut),
        ("notes", notes, MAX_TEXT, Fate::Cut),
        ("description", &mut user.sharing.description, MAX_TEXT, Fate::Cut),
        ("company", company, OpenWispDetails::MAX_COMPANY, Fate::Cut),
        ("location", location, OpenWispDetails::MAX_LOCATION, Fate::Cut),
        ("url", url, OpenWispDetails::MAX_URL, Fate::LeftOut),
        ("last_ldap_dn", &mut user.profile.last_ldap_dn, SwitchProfile::MAX_LDAP_DN, Fate::LeftOut),
    ];
    lost.extend(texts.into_iter().filter_map(|(name, text, most, fate)| bound(name, text, most, fate)));
    if let Some(name) = &mut user.sharing.organization {
        lost.extend(bound("organization", name, EdgeProfile::MAX_ORGANIZATION, Fate::Cut));
    }
    if bound("theme", &mut user.profile.theme, SwitchProfile::MAX_THEME, Fate::LeftOut).is_some() {
        user.profile.theme = SwitchProfile::default().theme;
        lost.push(format!("its theme (longer than {} characters)", SwitchProfile::MAX_THEME));
    }
    if user.external_id.as_ref().is_some_and(|id| is_longer(id, User::MAX_EXTERNAL_ID)) {
        user.external_id = None;
        lost.push(format!("its external id (longer than {} characters)", User::MAX_EXTERNAL_ID));
    }
    if user.extras.size() > Extras::MAX_BYTES {
        user.extras = Extras::default();
        lost.push(format!("its extras (larger than {} bytes)", Extras::MAX_BYTES));
    }
    for token in tokens {
        lost.extend(bound("title of an API token", &mut token.title, ApiToken::MAX_TITLE, Fate::Cut));
    }
    lost
}

/// The same for an organization. Its name and slug are not changed.
pub(super) fn shorten_organization(organization: &mut Organization) -> Vec<String> {
    let texts = [
        ("description", &mut organization.description, MAX_TEXT, Fate::Cut),
        ("email", &mut organization.email, EmailAddress::MAX, Fate::LeftOut),
        ("url", &mut organization.url, Organization::MAX_URL, Fate::LeftOut),
    ];
    texts.into_iter().filter_map(|(name, text, most, fate)| bound(name, text, most, fate)).collect()
}

fn bound(name: &str, text: &mut String, most: usize, fate: Fate) -> Option<String> {
    if !is_longer(text, most) {
        return None;
    }
    Some(match fate {
        Fate::Cut => {
            model::shorten(text, most);
            format!("the end of its {name} (longer than {most} characters)")
        }
        Fate::LeftOut => {
            text.clear();
            format!("its {name} (longer than {most} characters)")
        }
    })
}
