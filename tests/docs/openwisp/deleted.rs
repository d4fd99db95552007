//! Deleted users, and exports of persons.

use crate::docs::operations::{Answer, Operation, Shape, of};

const TAG: &str = "Deleted users, and exports";

pub const EXPORT_USER: Operation = Operation {
    method: "GET",
    path: "/api/rollcall/v1/users/{id}/export/",
    id: "exportUser",
    tag: TAG,
    summary: "Export everything about a user",
    description: "One document with everything that is stored about the user, without secrets. It has the newest 10,000 \
                  login attempts. Works for deleted users, too.\n\nOnly superusers can export other users.",
    queries: &[],
    body: None,
    answer: Answer {
        status: 200,
        says: "Everything about the user.",
        shape: Shape::One("Person", of::<deleted::PersonResponse>),
    },
    refuses: &[403],
    at: "/api/rollcall/v1/users/{jane}/export/",
    keeps: &[],
};

pub const LIST_DELETED: Operation = Operation {
    method: "GET",
    path: "/api/rollcall/v1/deleted/",
    id: "listDeletedUsers",
    tag: TAG,
    summary: "List deleted users",
    description: "The last deleted first. A page may be shorter than `page_size` although there is a next one.",
    queries: &["page_size", "after_mark"],
    body: None,
    answer: Answer {
        status: 200,
        says: "A part of the list.",
        shape: Shape::Continued("DeletedUserRow", of::<deleted::DeletedRowResponse>),
    },
    refuses: &[],
    at: "/api/rollcall/v1/deleted/",
    keeps: &[],
};

pub const READ_DELETED: Operation = Operation {
    method: "GET",
    path: "/api/rollcall/v1/deleted/{id}/",
    id: "readDeletedUser",
    tag: TAG,
    summary: "Read a deleted user",
    description: "As far as it decides whom to restore.",
    queries: &[],
    body: None,
    answer: Answer {
        status: 200,
        says: "The deleted user.",
        shape: Shape::One("DeletedUser", of::<deleted::DeletedUserResponse>),
    },
    refuses: &[],
    at: "/api/rollcall/v1/deleted/{jane}/",
    keeps: &[],
};

pub const RESTORE_DELETED: Operation = Operation {
    method: "POST",
    path: "/api/rollcall/v1/deleted/{id}/restore/",
    id: "restoreDeletedUser",
    tag: TAG,
    summary: "Restore a deleted user",
    description: "Brings back ids, password, addresses, groups and memberships. Tokens and sessions stay ended. \
                  Callers must hold every right that the user gets back.",
    queries: &[],
    body: None,
    answer: Answer {
        status: 200,
        says: "The user is back.",
        shape: Shape::One("RestoredUser", of::<deleted::RestoredResponse>),
    },
    refuses: &[409],
    at: "/api/rollcall/v1/deleted/{jane}/restore/",
    keeps: &[],
};

pub const PURGE_DELETED: Operation = Operation {
    method: "DELETE",
    path: "/api/rollcall/v1/deleted/{id}/",
    id: "purgeDeletedUser",
    tag: TAG,
    summary: "Purge a deleted user",
    description: "Deletes everything that is left of the user, for good. Callers must hold every right that the user had.",
    queries: &[],
    body: None,
    answer: Answer { status: 204, says: "Purged.", shape: Shape::Nothing },
    refuses: &[],
    at: "/api/rollcall/v1/deleted/{jane}/",
    keeps: &[],
};
