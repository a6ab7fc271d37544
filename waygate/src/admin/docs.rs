//! The interface's OpenAPI document: what utoipa reads off the handlers, and what all of them have in common.

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::rest::ProblemBody;

/// What does not belong to any single handler.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Waygate admin API",
        version = "1",
        license(name = "MIT", identifier = "MIT"),
        description = "Changes what routes are while the service runs.\n\n\
            Errors are problem details (RFC 9457). Nothing was changed when there is one, unless it says otherwise.\n\n\
            Instants are RFC 3339; one without a zone is in UTC. The path key `pk` of a route is its key, \
            percent-encoded or in base64url (RFC 4648 section 5, padding optional) of its UTF-8: `GET:%2Fpayments` or \
            `R0VUOi9wYXltZW50cw` for `GET:/payments`. A key without a method stands for the path's only method."
    ),
    servers((url = "..", description = "Where the interface is mounted, relative to this document.")),
    tags(
        (name = "routes", description = "What routes are."),
        (name = "rate-limits", description = "Rate limits of routes, and what they have counted."),
        (name = "concurrency-limits", description = "How many requests are served at the same time."),
        (name = "global", description = "Maintenance and limits of everything at once."),
        (name = "services", description = "Maintenance and limits of one service, wherever it runs."),
        (name = "audit", description = "Who did what."),
        (name = "auth", description = "Logins and tokens."),
        (name = "system", description = "The engine itself."),
    ),
    components(schemas(ProblemBody)),
)]
pub(super) struct Base;

/// Completes the document that the handlers make.
pub(super) fn finish(document: utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({
        "token": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Waygate-Token",
            "description": "A token from `POST /api/auth/login` or `POST /api/auth/tokens`.",
        },
        "bearer": { "type": "http", "scheme": "bearer", "description": "The same token." },
    });
    if let Some(Value::Object(paths)) = document.get_mut("paths") {
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                complete(path, method, operation);
            }
        }
    }
    document
}

fn complete(path: &str, method: &str, operation: &mut Value) {
    let is_change = method != "get" && !path.starts_with("/api/auth/");
    let problems = problems(path, method, operation, is_change);
    describe_parameters(operation);
    leave_out_null_bodies(operation);
    allow_bearer(operation);
    if is_change {
        let text = "The ETag of what is to be changed, a list of them, or `*`.";
        add_header(operation, "If-Match", text);
    }
    if is_change && !operation["responses"]["201"].is_null() {
        let text = "`*`: only if there is no such thing yet.";
        add_header(operation, "If-None-Match", text);
    }
    let answers_list = success(operation).is_some_and(|schema| schema["type"] == "array");
    if answers_list {
        add_header(
            operation,
            "If-None-Match",
            "The ETag of a list that is known.",
        );
        operation["responses"]["304"] = json!({ "description": "The client knows the list." });
    }
    if answers_list || success(operation).is_some_and(is_tagged) {
        let headers = json!({
            "ETag": { "description": "The entity tag.", "schema": { "type": "string" } },
        });
        for status in ["200", "201"] {
            if let Some(Value::Object(answer)) = operation["responses"].get_mut(status) {
                answer.insert("headers".to_owned(), headers.clone());
            }
        }
    }
    for (status, text) in problems {
        operation["responses"][status] = json!({
            "description": text,
            "content": { "application/problem+json": {
                "schema": { "$ref": "#/components/schemas/Problem" },
            }},
        });
    }
}

/// The schema of the answer when all goes well.
fn success(operation: &Value) -> Option<&Value> {
    let responses = &operation["responses"];
    let answer = responses.get("200").or_else(|| responses.get("201"))?;
    answer.pointer("/content/application~1json/schema")
}

/// What is changed one at a time has a tag.
fn is_tagged(schema: &Value) -> bool {
    let tagged = [
        "Route",
        "GlobalMaintenance",
        "RouteRateLimit",
        "SharedRateLimit",
        "SharedRateLimitState",
        "RouteConcurrencyLimit",
        "SharedConcurrencyLimit",
    ];
    let reference = schema["$ref"].as_str().unwrap_or_default();
    let name = reference.rsplit('/').next().unwrap_or_default();
    tagged.contains(&name)
}

/// What can go wrong, by status. A test compares it with what the operations answer.
fn problems(
    path: &str,
    method: &str,
    operation: &Value,
    is_change: bool,
) -> Vec<(&'static str, &'static str)> {
    let has_body = !operation["requestBody"].is_null();
    let writes = method != "get";
    let is_login = path == "/api/auth/login";
    let reads_store = path == "/api/audit";
    let names_route = path.contains("{pk}") || is_limit_of_a_route(path) && writes;
    let all = [
        (
            true,
            "400",
            "The request is malformed, or asks for what cannot be.",
        ),
        (
            path != "/api/auth/logout",
            "401",
            "There is no valid token, or the password is wrong.",
        ),
        (
            true,
            "403",
            "The token lacks a scope; or there are no credentials, and the client is elsewhere.",
        ),
        (
            names_route || path.contains("{id}") || names_policy(path, method),
            "404",
            "There is no such route, window, token, policy or decision.",
        ),
        (has_body, "408", "The body took too long."),
        (
            names_route || path == "/api/auth/tokens" && writes,
            "409",
            "The route is ambiguous, protected or not orphaned; or there are too many tokens.",
        ),
        (is_change, "412", "It was changed in the meantime."),
        (
            has_body,
            "413",
            "The body is too large: more than 4 KiB for a login, for a token and where nothing is to be said, more than \
             256 KiB elsewhere.",
        ),
        (
            writes,
            "415",
            "There are no credentials, and the body does not say that it is JSON.",
        ),
        (
            is_change,
            "428",
            "The server takes changes only with `If-Match`.",
        ),
        (is_login, "429", "There were too many attempts."),
        (
            writes || reads_store,
            "500",
            "The server has made a mistake, and logs it.",
        ),
        (
            is_login || path.starts_with("/api/auth/tokens"),
            "501",
            "The server has no credentials.",
        ),
        (
            writes || reads_store,
            "503",
            "The store does not answer, or there are too many logins or unfinished bodies at a time.",
        ),
        (
            writes || reads_store,
            "507",
            "The store has no room, or takes no writes.",
        ),
    ];
    let applies = all.into_iter().filter(|(applies, ..)| *applies);
    applies.map(|(_, status, text)| (status, text)).collect()
}

/// Where the body of a change names a route.
fn is_limit_of_a_route(path: &str) -> bool {
    ["/api/rate-limits", "/api/concurrency-limits"].contains(&path)
}

/// Where a policy, or a decision about one, must be there.
fn names_policy(path: &str, method: &str) -> bool {
    let (_, last) = path.rsplit_once('/').unwrap_or_default();
    match last {
        "explain" | "top" => true,
        "shadow" | "promote" => true,
        // Deleting what was counted of all policies is nothing where there is none.
        "enable" | "disable" | "reset" => path.contains("rate-limit") && method == "post",
        _ => false,
    }
}

/// A body may be missing, but it is never `null`.
fn leave_out_null_bodies(operation: &mut Value) {
    let schema = operation.pointer_mut("/requestBody/content/application~1json/schema");
    if let Some(schema) = schema
        && let Some(one) = schema["oneOf"].as_array().and_then(|any| any.first())
    {
        *schema = one.clone();
    }
}

/// A token may be shown in either of two headers.
fn allow_bearer(operation: &mut Value) {
    let Some(requirements) = list(operation, "security") else {
        return;
    };
    let scopes = requirements.first().and_then(|first| first.get("token"));
    if let Some(scopes) = scopes.cloned() {
        requirements.push(json!({ "bearer": scopes }));
    }
}

fn add_header(operation: &mut Value, name: &str, text: &str) {
    let parameter = json!({
        "name": name,
        "in": "header",
        "description": text,
        "required": false,
        "schema": { "type": "string" },
    });
    match list(operation, "parameters") {
        Some(parameters) => parameters.push(parameter),
        None => operation["parameters"] = json!([parameter]),
    }
}

fn describe_parameters(operation: &mut Value) {
    let parameters = list(operation, "parameters").into_iter().flatten();
    for parameter in parameters.filter_map(Value::as_object_mut) {
        let text = match parameter.get("name").and_then(Value::as_str) {
            Some("pk") => "The path key: the route's key, percent-encoded or in base64url.",
            Some("id") => "The token's id.",
            Some("service") => "The service's name.",
            _ => continue,
        };
        set(parameter, "description", text);
    }
}

fn set(object: &mut Map<String, Value>, name: &str, text: &str) {
    object.insert(name.to_owned(), text.into());
}

fn list<'a>(operation: &'a mut Value, name: &str) -> Option<&'a mut Vec<Value>> {
    operation.get_mut(name)?.as_array_mut()
}
