//! How much there may be of everything, through every door (`docs/using.md`, "Limits").

mod bodies;
mod lists;
mod names;
mod store;
mod texts;
mod tokens;

use http::StatusCode;

use crate::support::Answer;

/// What is told of a text of more than so many characters.
fn too_long(most: usize) -> String {
    format!("Ensure this field has no more than {most} characters.")
}

/// What is told of a list of more than so many entries.
fn too_many(most: usize) -> String {
    format!("Ensure this field has no more than {most} elements.")
}

#[track_caller]
fn refused(answer: &Answer, told: &serde_json::Value) {
    assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, told.clone()));
}
