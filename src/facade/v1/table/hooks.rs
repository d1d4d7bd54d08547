//! The endpoints of subscriptions to events: a part of the table.

use actix_web::http::Method;

use crate::facade::v1::endpoint::{Access, Body, Endpoint, optional, required, shape};
use crate::facade::v1::hook;
use crate::model::scope::Scope;

const HOOK_BODY: &str = r#"{"url":"https://example.com/events","events":["record.finished"]}"#;
const HOOK_EXAMPLE: &str = r#"{"id":"9f1c2b7de0a4451c8f0d6b1a5c3e7f90","url":"https://example.com/events","events":["record.finished"],"flow_id":null,"description":"","enabled":true,"reason":null,"failing_since":null,"date_created":"2026-01-15T12:00:00+00:00","date_modified":"2026-01-15T12:00:00+00:00"}"#;
const KEYED_EXAMPLE: &str = r#"{"id":"9f1c2b7de0a4451c8f0d6b1a5c3e7f90","url":"https://example.com/events","events":["record.finished"],"flow_id":null,"description":"","enabled":true,"reason":null,"failing_since":null,"date_created":"2026-01-15T12:00:00+00:00","date_modified":"2026-01-15T12:00:00+00:00","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}"#;
const HOOKS_EXAMPLE: &str = r#"{"hooks":[{"id":"9f1c2b7de0a4451c8f0d6b1a5c3e7f90","url":"https://example.com/events","events":["record.finished"],"flow_id":null,"description":"","enabled":true,"reason":null,"failing_since":null,"date_created":"2026-01-15T12:00:00+00:00","date_modified":"2026-01-15T12:00:00+00:00"}],"total":1}"#;
const REMOVED_EXAMPLE: &str = r#"{"id":"9f1c2b7de0a4451c8f0d6b1a5c3e7f90"}"#;
const DELIVERY_EXAMPLE: &str = r#"{"id":"msg_0198c1a27d4e7c1b9d553b1f3c0f8a11","event":"record.finished","status":"delivered","failures":0,"date_next":null,"date_created":"2026-01-15T12:00:00+00:00","date_ended":"2026-01-15T12:00:00+00:00"}"#;
const DELIVERIES_EXAMPLE: &str = r#"{"deliveries":[{"id":"msg_0198c1a27d4e7c1b9d553b1f3c0f8a11","event":"record.finished","status":"delivered","failures":0,"date_next":null,"date_created":"2026-01-15T12:00:00+00:00","date_ended":"2026-01-15T12:00:00+00:00"}],"offset":0,"limit":10}"#;
const WHOLE_EXAMPLE: &str = r#"{"delivery":{"id":"msg_0198c1a27d4e7c1b9d553b1f3c0f8a11","event":"record.finished","status":"delivered","failures":0,"date_next":null,"date_created":"2026-01-15T12:00:00+00:00","date_ended":"2026-01-15T12:00:00+00:00"},"attempts":[{"at":"2026-01-15T12:00:00.000Z","attempt":1,"outcome":"delivered","duration_ms":12,"status":204}],"body":{"id":"msg_0198c1a27d4e7c1b9d553b1f3c0f8a11","type":"record.finished","timestamp":"2026-01-15T12:00:00.000Z","data":{"uuid":"order-4711","flow":{"id":1,"name":"Leads"},"status":"finished","record":{"client":[]}}}}"#;
const SAMPLE_EXAMPLE: &str = r#"[{"id":"msg_0198c1a27d4e7c1b9d553b1f3c0f8a11","type":"record.finished","timestamp":"2026-01-15T12:00:00.000Z","data":{"uuid":"order-4711","flow":{"id":1,"name":"Leads"},"status":"finished","record":{"client":[]}}}]"#;

pub(super) const ADD: Endpoint = Endpoint {
    method: Method::POST,
    path: "/v1/hooks",
    id: "addHook",
    summary: "Subscribes to events",
    doc: "Messages that tell of the events go to `url` from then on, signed with `secret`, which is answered here alone. Whoever has a key of its own to be used gives it in the body.",
    access: Access::Scope(Scope::Hook),
    parameters: &[],
    body: Body::Value(shape::<hook::HookBody>(), HOOK_BODY),
    status: 201,
    message: "The subscription has been added successfully",
    resource: shape::<hook::ShownHook>(),
    example: KEYED_EXAMPLE,
    failures: &[404, 409],
    run: |call| Box::pin(hook::add(call)),
};

pub(super) const LIST: Endpoint = Endpoint {
    method: Method::GET,
    path: "/v1/hooks",
    id: "listHooks",
    summary: "Lists subscriptions",
    doc: "Answers the customer's subscriptions, oldest first.",
    access: Access::Scope(Scope::HookRead),
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "The subscriptions have been retrieved successfully",
    resource: shape::<hook::ShownHooks>(),
    example: HOOKS_EXAMPLE,
    failures: &[],
    run: |call| Box::pin(hook::list(call)),
};

pub(super) const REMOVE_NAMED: Endpoint = Endpoint {
    method: Method::DELETE,
    path: "/v1/hooks",
    id: "deleteHook",
    summary: "Removes a subscription",
    doc: "Removes the subscription that the body or the address names, with what was to be sent to it.",
    access: Access::Scope(Scope::Hook),
    parameters: &[required(&hook::HOOK_ID)],
    body: Body::Parameters,
    status: 200,
    message: "The subscription has been removed successfully",
    resource: shape::<hook::RemovedHook>(),
    example: REMOVED_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(hook::remove(call)),
};

pub(super) const SAMPLE: Endpoint = Endpoint {
    method: Method::GET,
    path: "/v1/hooks/sample",
    id: "getSampleMessages",
    summary: "Answers what messages look like",
    doc: "Answers messages as receivers get them, with made-up content, for clients that show their users samples.",
    access: Access::Scope(Scope::HookRead),
    parameters: &[required(&hook::EVENT)],
    body: Body::None,
    status: 200,
    message: "The sample has been made successfully",
    resource: shape::<Vec<hook::SampleMessage>>(),
    example: SAMPLE_EXAMPLE,
    failures: &[],
    run: |call| Box::pin(hook::sample(call)),
};

pub(super) const GET: Endpoint = Endpoint {
    method: Method::GET,
    path: "/v1/hooks/{id}",
    id: "getHook",
    summary: "Gets a subscription",
    doc: "Answers the subscription with where it stands.",
    access: Access::Scope(Scope::HookRead),
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "The subscription has been retrieved successfully",
    resource: shape::<hook::ShownHook>(),
    example: HOOK_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(hook::get(call)),
};

pub(super) const UPDATE: Endpoint = Endpoint {
    method: Method::PUT,
    path: "/v1/hooks/{id}",
    id: "updateHook",
    summary: "Changes a subscription",
    doc: "Changes what the body names. A subscription that is enabled again goes on with the messages that waited.",
    access: Access::Scope(Scope::Hook),
    parameters: &[],
    body: Body::Value(shape::<hook::HookChanges>(), r#"{"enabled":true}"#),
    status: 200,
    message: "The subscription has been updated successfully",
    resource: shape::<hook::ShownHook>(),
    example: HOOK_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(hook::update(call)),
};

pub(super) const REMOVE: Endpoint = Endpoint {
    method: Method::DELETE,
    path: "/v1/hooks/{id}",
    id: "deleteHookById",
    summary: "Removes a subscription",
    doc: "Removes the subscription, with what was to be sent to it.",
    access: Access::Scope(Scope::Hook),
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "The subscription has been removed successfully",
    resource: shape::<hook::RemovedHook>(),
    example: REMOVED_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(hook::remove(call)),
};

pub(super) const ROTATE: Endpoint = Endpoint {
    method: Method::POST,
    path: "/v1/hooks/{id}/rotate",
    id: "rotateHookSecret",
    summary: "Gives a subscription another signing key",
    doc: "Answers the new key. For 24 hours messages carry two signatures, one under the key before it.",
    access: Access::Scope(Scope::Hook),
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "The signing key has been replaced successfully",
    resource: shape::<hook::ShownHook>(),
    example: KEYED_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(hook::rotate(call)),
};

pub(super) const DELIVERIES: Endpoint = Endpoint {
    method: Method::GET,
    path: "/v1/hooks/{id}/deliveries",
    id: "listDeliveries",
    summary: "Lists messages to a subscriber",
    doc: "Answers what was sent, newest first. Messages that are over are kept for as long as the settings say.",
    access: Access::Scope(Scope::HookRead),
    parameters: &[optional(&hook::MOST_MESSAGES), optional(&hook::PASSED_MESSAGES)],
    body: Body::None,
    status: 200,
    message: "The messages have been retrieved successfully",
    resource: shape::<hook::ShownDeliveries>(),
    example: DELIVERIES_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(hook::deliveries(call)),
};

pub(super) const DELIVERY: Endpoint = Endpoint {
    method: Method::GET,
    path: "/v1/hooks/{id}/deliveries/{message}",
    id: "getDelivery",
    summary: "Gets a message to a subscriber",
    doc: "Answers what the message says, and what became of each attempt. Whoever asks must be allowed to read what it tells of.",
    access: Access::Scope(Scope::HookRead),
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "The message has been retrieved successfully",
    resource: shape::<hook::WholeMessage<'static>>(),
    example: WHOLE_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(hook::delivery(call)),
};

pub(super) const REDELIVER: Endpoint = Endpoint {
    method: Method::POST,
    path: "/v1/hooks/{id}/deliveries/{message}/redeliver",
    id: "redeliver",
    summary: "Sends a message again",
    doc: "The message is sent again under the same `webhook-id`, and as often as a new one would be if that fails.",
    access: Access::Scope(Scope::Hook),
    parameters: &[],
    body: Body::None,
    status: 202,
    message: "The message is sent again",
    resource: shape::<hook::ShownDelivery>(),
    example: DELIVERY_EXAMPLE,
    failures: &[404, 409],
    run: |call| Box::pin(hook::redeliver(call)),
};
