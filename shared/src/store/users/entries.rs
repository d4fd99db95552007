//! The entries by which users are found who may have a value in common.

use std::collections::BTreeSet;

use crate::model::User;
use crate::store::keys::{self, Key};

/// The entries by which a user is found. The claim of a name in lower case is its own entry.
pub(in crate::store) fn entries(user: &User) -> BTreeSet<Key> {
    let is_folded = user.username.folded() == user.username.as_str();
    let name = (!user.has_caseless_name && !is_folded).then(|| keys::caseless_name_of(&user.username, user.id));
    let external_id = user.external_id.as_ref().map(|id| keys::external_id(id, user.id));
    name.into_iter().chain(external_id).collect()
}
