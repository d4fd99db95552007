//! Acts on deleted users.

use shared::model::UserId;

use super::{Api, Draft, Scene};
use crate::rights::state::Person;

const DELETED: &str = "/api/rollcall/v1/deleted/";

/// A deleted user; rather one whom the caller sees, and who is not stronger.
fn somebody(scene: &Scene<'_>) -> Option<UserId> {
    let Scene { state, dice, caller, .. } = scene;
    let rights = state.rights(caller);
    let ids = |fits: &dyn Fn(&Person) -> bool| -> Vec<UserId> {
        state.deleted.iter().filter(|(_, person)| fits(person)).map(|(id, _)| *id).collect()
    };
    let seen = |person: &Person| state.sees(caller.user.id, Api::OpenWisp, person);
    let weaker = ids(&|person| seen(person) && rights.lacking(&state.rights(person)).is_empty());
    let from = if weaker.is_empty() || dice.percent(25) { ids(&seen) } else { weaker };
    let from = if from.is_empty() || dice.percent(10) { ids(&|_| true) } else { from };
    dice.one(&from).copied()
}

fn of_deleted(id: UserId, rest: &str) -> Draft {
    Draft { path: format!("{DELETED}{id}/{rest}"), body: None, target: Some(id), password: None }
}

pub(super) fn restore(scene: &mut Scene<'_>) -> Option<Draft> {
    Some(of_deleted(somebody(scene)?, "restore/"))
}

pub(super) fn purge(scene: &mut Scene<'_>) -> Option<Draft> {
    Some(of_deleted(somebody(scene)?, ""))
}
