//! Acts on memberships, one by one.

use serde_json::json;

use super::{Api, Draft, Person, Scene, USER, of_user};

pub fn join(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::OpenWisp)?;
    Some(of_user(person, format!("{USER}{}/organization/", person.user.id), Some(scene.membership())))
}

/// The path of one of somebody's memberships; rather of one in an organization that the caller manages.
fn membership_of(scene: &Scene<'_>, person: &Person) -> Option<String> {
    let managed = scene.state.managed_by(scene.caller.user.id);
    let all: Vec<_> = person.memberships.iter().map(|membership| membership.organization).collect();
    let seen: Vec<_> = all.iter().copied().filter(|id| managed.contains(id)).collect();
    let from = if seen.is_empty() || scene.dice.percent(25) { all } else { seen };
    let id = scene.dice.one(&from).map(ToString::to_string).or_else(|| scene.organization())?;
    Some(format!("{USER}{}/organization/{id}/", person.user.id))
}

pub fn change_membership(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::OpenWisp)?;
    Some(of_user(person, membership_of(scene, person)?, Some(json!({"is_admin": scene.dice.percent(50)}))))
}

pub fn leave(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::OpenWisp)?;
    Some(of_user(person, membership_of(scene, person)?, None))
}
