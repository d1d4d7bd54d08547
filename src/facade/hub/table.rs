//! The endpoints of the dialect, each once.

use actix_web::http::Method;
use serde_json::json;

use crate::facade::hub::endpoint::{Access, Endpoint, Reply};
use crate::facade::hub::{execution, flow, user, webhook};
use crate::operation::catalogue::Turn;

/// A flow's hook. Partners may write more behind it, which says nothing here.
pub const HOOK: &str = "/hook/{flow}";

/// Every endpoint.
pub static ENDPOINTS: [Endpoint; 23] = [
    Endpoint {
        method: Method::GET,
        path: "/healthcheck",
        id: "healthcheck",
        access: Access::Public,
        run: |_| Box::pin(async { Ok(Reply::of(json!({"status": "pass", "details": {}}))) }),
    },
    Endpoint {
        method: Method::GET,
        path: "/users",
        id: "listUsers",
        access: Access::Member,
        run: |call| Box::pin(user::list(call)),
    },
    Endpoint {
        method: Method::GET,
        path: "/users/me",
        id: "getMe",
        access: Access::Member,
        run: |call| Box::pin(user::get(call, None)),
    },
    Endpoint {
        method: Method::GET,
        path: "/users/{id}",
        id: "getUser",
        access: Access::Member,
        run: |call| Box::pin(user::get(call, Some(call.path("id")))),
    },
    Endpoint {
        method: Method::GET,
        path: "/flows",
        id: "listFlows",
        access: Access::Member,
        run: |call| Box::pin(flow::list(call)),
    },
    Endpoint {
        method: Method::POST,
        path: "/flows",
        id: "createFlow",
        access: Access::Member,
        run: |call| Box::pin(flow::create(call)),
    },
    Endpoint {
        method: Method::POST,
        path: "/flows/multiple/start",
        id: "startFlows",
        access: Access::Member,
        run: |call| Box::pin(flow::control_several(call, Turn::Start)),
    },
    Endpoint {
        method: Method::POST,
        path: "/flows/multiple/stop",
        id: "stopFlows",
        access: Access::Member,
        run: |call| Box::pin(flow::control_several(call, Turn::Stop)),
    },
    Endpoint {
        method: Method::GET,
        path: "/flows/{id}",
        id: "getFlow",
        access: Access::Member,
        run: |call| Box::pin(flow::get(call)),
    },
    Endpoint {
        method: Method::PATCH,
        path: "/flows/{id}",
        id: "changeFlow",
        access: Access::Member,
        run: |call| Box::pin(flow::change(call)),
    },
    Endpoint {
        method: Method::DELETE,
        path: "/flows/{id}",
        id: "deleteFlow",
        access: Access::Member,
        run: |call| Box::pin(flow::delete(call)),
    },
    Endpoint {
        method: Method::POST,
        path: "/flows/{id}/start",
        id: "startFlow",
        access: Access::Member,
        run: |call| Box::pin(flow::control(call, Turn::Start)),
    },
    Endpoint {
        method: Method::POST,
        path: "/flows/{id}/stop",
        id: "stopFlow",
        access: Access::Member,
        run: |call| Box::pin(flow::control(call, Turn::Stop)),
    },
    Endpoint {
        method: Method::GET,
        path: "/flows/{id}/steps/{step}/logs",
        id: "listStepLog",
        access: Access::Member,
        run: |call| Box::pin(execution::log(call)),
    },
    Endpoint {
        method: Method::GET,
        path: "/executions",
        id: "listExecutions",
        access: Access::Member,
        run: |call| Box::pin(execution::list(call)),
    },
    Endpoint {
        method: Method::GET,
        path: "/executions/{id}",
        id: "getExecution",
        access: Access::Member,
        run: |call| Box::pin(execution::get(call)),
    },
    Endpoint {
        method: Method::HEAD,
        path: "/webhooks/{flow}",
        id: "checkFlow",
        access: Access::Flow,
        run: |_| Box::pin(async { Ok(webhook::is_active()) }),
    },
    Endpoint {
        method: Method::GET,
        path: "/webhooks/{flow}",
        id: "triggerFlow",
        access: Access::Flow,
        run: |call| Box::pin(webhook::by_address(call)),
    },
    Endpoint {
        method: Method::POST,
        path: "/webhooks/{flow}",
        id: "triggerFlow",
        access: Access::Flow,
        run: |call| Box::pin(webhook::wrapped(call)),
    },
    Endpoint {
        method: Method::HEAD,
        path: HOOK,
        id: "checkFlow",
        access: Access::Flow,
        run: |_| Box::pin(async { Ok(webhook::is_active()) }),
    },
    Endpoint {
        method: Method::GET,
        path: HOOK,
        id: "triggerFlow",
        access: Access::Flow,
        run: |call| Box::pin(webhook::by_address(call)),
    },
    Endpoint {
        method: Method::POST,
        path: HOOK,
        id: "triggerFlow",
        access: Access::Flow,
        run: |call| Box::pin(webhook::bare(call)),
    },
    Endpoint {
        method: Method::PATCH,
        path: "/flows/bulk",
        id: "changeFlows",
        access: Access::Member,
        run: |_| Box::pin(flow::refuse_bulk()),
    },
];
