//! Webhooks.

use super::LIST_QUERIES;
use crate::docs::operations::{Answer, Body, Operation, Shape, of};

pub const CREATE_WEBHOOK: Operation = Operation {
    method: "POST",
    path: "/api/rollcall/v1/webhooks/",
    id: "createWebhook",
    tag: "Webhooks",
    summary: "Create a webhook",
    description: "Events from now on are sent to its URL, signed as [Standard Webhooks](https://www.standardwebhooks.com) says. Only this response has the secret.",
    queries: &[],
    body: Some(Body {
        name: "NewWebhook",
        fields: None,
        partial: false,
        extra: "{}",
        example: r#"{"url": "https://hooks.example/rollcall", "actions": []}"#,
    }),
    answer: Answer {
        status: 201,
        says: "The webhook with its secret.",
        shape: Shape::One("WebhookWithSecret", of::<events::WebhookWithSecret>),
    },
    refuses: &[],
    at: "/api/rollcall/v1/webhooks/",
    keeps: &[
        ("/id", "webhook", "019aab41-9d0a-7c11-8e52-4b6f0a91d3c7"),
        ("/secret", "webhook_secret", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
    ],
};

pub const LIST_WEBHOOKS: Operation = Operation {
    method: "GET",
    path: "/api/rollcall/v1/webhooks/",
    id: "listWebhooks",
    tag: "Webhooks",
    summary: "List webhooks",
    description: "Oldest first, without their secrets.",
    queries: LIST_QUERIES,
    body: None,
    answer: Answer {
        status: 200,
        says: "A page of webhooks.",
        shape: Shape::Page("Webhook", of::<events::WebhookResponse>),
    },
    refuses: &[],
    at: "/api/rollcall/v1/webhooks/",
    keeps: &[],
};

pub const READ_WEBHOOK: Operation = Operation {
    method: "GET",
    path: "/api/rollcall/v1/webhooks/{webhook}/",
    id: "readWebhook",
    tag: "Webhooks",
    summary: "Read a webhook",
    description: "Without its secret.",
    queries: &[],
    body: None,
    answer: Answer { status: 200, says: "The webhook.", shape: Shape::One("Webhook", of::<events::WebhookResponse>) },
    refuses: &[],
    at: "/api/rollcall/v1/webhooks/{webhook}/",
    keeps: &[],
};

pub const UPDATE_WEBHOOK: Operation = Operation {
    method: "PATCH",
    path: "/api/rollcall/v1/webhooks/{webhook}/",
    id: "updateWebhook",
    tag: "Webhooks",
    summary: "Change, pause or resume a webhook",
    description: "While it is paused, events wait; whoever resumes it becomes its owner.",
    queries: &[],
    body: Some(Body {
        name: "WebhookChanges",
        fields: None,
        partial: true,
        extra: "{}",
        example: r#"{"actions": ["user.created", "user.updated", "user.deleted"]}"#,
    }),
    answer: Answer {
        status: 200,
        says: "The changed webhook.",
        shape: Shape::One("Webhook", of::<events::WebhookResponse>),
    },
    refuses: &[],
    at: "/api/rollcall/v1/webhooks/{webhook}/",
    keeps: &[],
};

pub const ROTATE_WEBHOOK_SECRET: Operation = Operation {
    method: "POST",
    path: "/api/rollcall/v1/webhooks/{webhook}/secret/",
    id: "rotateWebhookSecret",
    tag: "Webhooks",
    summary: "Get a new secret",
    description: "For a day, requests have signatures by both the new and the old secret. Only this response has the new one.",
    queries: &[],
    body: None,
    answer: Answer {
        status: 200,
        says: "The webhook with its new secret.",
        shape: Shape::One("WebhookWithSecret", of::<events::WebhookWithSecret>),
    },
    refuses: &[],
    at: "/api/rollcall/v1/webhooks/{webhook}/secret/",
    keeps: &[("/secret", "webhook_secret", "whsec_3v0Jm7XqkqQ9cJ2S0hQ9Yq1oWb4Rk8Tn")],
};

pub const LIST_DELIVERIES: Operation = Operation {
    method: "GET",
    path: "/api/rollcall/v1/webhooks/{webhook}/deliveries/",
    id: "listDeliveries",
    tag: "Webhooks",
    summary: "List deliveries",
    description: "The newest events first. Deliveries that are done are kept for a week.",
    queries: &["before", "limit_of_deliveries"],
    body: None,
    answer: Answer { status: 200, says: "Deliveries.", shape: Shape::One("DeliveryList", of::<events::DeliveryList>) },
    refuses: &[400],
    at: "/api/rollcall/v1/webhooks/{webhook}/deliveries/?limit=1",
    keeps: &[],
};

pub const REDELIVER: Operation = Operation {
    method: "POST",
    path: "/api/rollcall/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver/",
    id: "redeliver",
    tag: "Webhooks",
    summary: "Send an event again",
    description: "Or at once, if it waits for its next attempt.",
    queries: &[],
    body: None,
    answer: Answer {
        status: 200,
        says: "The delivery, which waits.",
        shape: Shape::One("Delivery", of::<events::DeliveryResponse>),
    },
    refuses: &[],
    at: "/api/rollcall/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver/",
    keeps: &[],
};

pub const DELETE_WEBHOOK: Operation = Operation {
    method: "DELETE",
    path: "/api/rollcall/v1/webhooks/{webhook}/",
    id: "deleteWebhook",
    tag: "Webhooks",
    summary: "Delete a webhook",
    description: "With its deliveries.",
    queries: &[],
    body: None,
    answer: Answer { status: 204, says: "Deleted.", shape: Shape::Nothing },
    refuses: &[],
    at: "/api/rollcall/v1/webhooks/{webhook}/",
    keeps: &[],
};
