//! The filters of the list of users (`contracts/openwisp.md` section 15).

use http::Uri;
use shared::directory::UserFilter;
use shared::error::{Error, Result, Rule};
use shared::model::{GroupId, OrganizationId};
use shared::web::Input;
use shared::web::fields::{Field, FieldKind, Reader};

/// The maximum number of words in a search.
const MOST_WORDS: usize = 8;

const SEARCH: Field =
    Field::text("search", "Search").at_most(150).help("Parts of the user name, first name, last name or e-mail.");
const IS_ACTIVE: Field = Field::new("is_active", "Active", FieldKind::Boolean);
const ORGANIZATION: Field = Field::new("organization", "Organization", FieldKind::Reference);
const GROUP: Field = Field::new("group", "Group", FieldKind::Reference);

/// The parameters, in the order of the page.
pub const FILTERS: &[&Field] = &[&SEARCH, &IS_ACTIVE, &ORGANIZATION, &GROUP];

/// Reads them. Empty ones are ignored; of a repeated parameter the last one counts.
///
/// # Errors
/// [`Error::Invalid`] with all violations.
pub fn filter(uri: &Uri) -> Result<UserFilter> {
    let input = Input::of_query(uri);
    let mut reader = Reader::new(&input, true);
    let text = reader.text(&SEARCH).value().unwrap_or_default();
    let words = text.split(|letter: char| letter.is_whitespace() || letter == ',').filter(|word| !word.is_empty());
    let any: Vec<String> = words.map(str::to_owned).collect();
    if any.len() > MOST_WORDS {
        reader.refuse(&SEARCH, Rule::TooMany(MOST_WORDS));
    }
    let filter = UserFilter {
        any,
        is_active: reader.boolean(&IS_ACTIVE).value(),
        organization: reader.uuid(&ORGANIZATION).value().map(|named| OrganizationId(named.id)),
        group: reader.reference(&GROUP).value().map(GroupId),
        ..UserFilter::default()
    };
    let violations = reader.finish();
    if violations.is_empty() { Ok(filter) } else { Err(Error::Invalid(violations)) }
}
