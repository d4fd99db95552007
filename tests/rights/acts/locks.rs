//! Acts that end locks.

use super::{Api, Draft, Scene, of_user};

pub(super) fn unlock(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::OpenWisp)?;
    Some(of_user(person, format!("/api/rollcall/v1/users/{}/unlock/", person.user.id), None))
}
