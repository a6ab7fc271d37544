//! The OpenAPI document of the admin API: the output of utoipa, completed with the parts that all operations share.

use serde_json::{Map, Value, json};
use utoipa::{IntoResponses, OpenApi};
use waygate_core::view::{Plan, Problem};

use super::{
    policy::DRY_RUN,
    reach::{EXTENSION, Reach},
    responses::{self, TAGGED, WithBody, WithKey},
};

/// The parts of the document that belong to no handler.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Waygate admin API",
        version = "1",
        license(name = "MIT", identifier = "MIT"),
        description = "Controls routes at run time.\n\n\
            Errors are problem details (RFC 9457). A failed request changes nothing, unless the problem says otherwise.\n\n\
            Instants are RFC 3339; one without a zone is in UTC. The path key `pk` of a route is its key, \
            percent-encoded or in base64url (RFC 4648 section 5, padding optional) of its UTF-8: `GET:%2Fpayments` or \
            `R0VUOi9wYXltZW50cw` for `GET:/payments`. A key without a method names the path's only method.\n\n\
            A user or a token may be limited to services. `x-waygate-services` of an operation is `path` if the route or \
            the service in its path must be one of them, and `checked` if the operation shows and changes only what \
            belongs to them. They get 403 for all others."
    ),
    servers((url = "..", description = "The path of the admin API, relative to this document.")),
    tags(
        (name = "routes", description = "The state of routes."),
        (name = "rate-limits", description = "Rate limits of routes, and their counts."),
        (name = "concurrency-limits", description = "Concurrency limits of routes."),
        (name = "global", description = "Maintenance and limits of all routes together."),
        (name = "services", description = "Maintenance and limits of one service, across all its processes."),
        (name = "windows", description = "Planned maintenance windows."),
        (name = "traffic", description = "The requests of each route, as this process has seen them."),
        (name = "audit", description = "The audit log."),
        (name = "auth", description = "Logins and tokens."),
        (name = "system", description = "The engine itself."),
    ),
    components(schemas(Plan, Problem)),
)]
pub(super) struct Base;

/// Completes the document that utoipa generates from the handlers.
pub(super) fn finish(document: utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    let components = &mut document["components"];
    components["securitySchemes"] = json!({
        "token": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Waygate-Token",
            "description": "A token from `POST /api/auth/login` or `POST /api/auth/tokens`.",
        },
        "bearer": { "type": "http", "scheme": "bearer", "description": "The same token." },
    });
    components["responses"] = responses::components().into();
    components["headers"] = json!({
        "ETag": { "description": "The entity tag.", "schema": { "type": "string" } },
        "Link": {
            "description": "The other pages (RFC 8288), relative to this URL: `first` and `prev` if there are entries before \
                this page, `next` and `last` if there are some after it.",
            "schema": { "type": "string" },
            "example": "<?limit=50&offset=50>; rel=\"next\", <?limit=50&offset=100>; rel=\"last\"",
        },
        "IdempotentReplayed": {
            "description": "`true` if this is the response to an earlier request with the same `Idempotency-Key`.",
            "schema": { "type": "string", "enum": ["true"] },
        },
        "TotalCount": {
            "description": "The number of entries on all pages that the filters select.",
            "schema": { "type": "integer", "minimum": 0 },
        },
    });
    components["parameters"] = json!({
        "DryRun": {
            "name": "dry_run",
            "in": "query",
            "description": "`true` to change nothing, and respond with what the change would do.",
            "required": false,
            "schema": { "type": "boolean", "default": false },
        },
        "IfMatch": header("If-Match", "The ETag of the version to change, a list of them, or `*`."),
        "IfNew": header("If-None-Match", "`*`: only if the resource does not exist yet. A list of ETags: only if the current one is not in it."),
        "IdempotencyKey": idempotency_key(),
        "Limit": query("limit", "The maximum number of entries: a whole number; more than 10000 counts as 10000. By default all.", None),
        "Offset": query("offset", "The number of entries to skip: 0 to 1000000.", Some(1_000_000)),
        "IfChanged": header("If-None-Match", "The ETag of the list that the client has."),
    });
    if let Some(schemas) = components["schemas"].as_object_mut() {
        schemas.retain(|name, _| !name.starts_with(TAGGED));
        open_parts(schemas);
        schemas.values_mut().for_each(leave_out_examples);
    }
    if let Some(Value::Object(paths)) = document.get_mut("paths") {
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                complete(path, operation);
                if method != "get" && is_secured(operation) {
                    add_key(operation);
                }
                if method != "get" && can_be_planned(operation) {
                    add_dry_run(operation);
                }
            }
        }
    }
    document
}

/// Ends descriptions before their examples, which are for readers of the crate.
fn leave_out_examples(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("description")
                && let Some(end) = text.find("\n\n```")
            {
                text.truncate(end);
            }
            members.values_mut().for_each(leave_out_examples);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_examples),
        _ => {}
    }
}

/// Allows the parts of `allOf` additional members, which come from the other parts.
fn open_parts(schemas: &mut Map<String, Value>) {
    let parts: Vec<String> = schemas
        .values()
        .flat_map(|schema| schema["allOf"].as_array().into_iter().flatten())
        .filter_map(|part| part["$ref"].as_str()?.rsplit('/').next().map(str::to_owned))
        .collect();
    for part in parts {
        if let Some(Value::Object(schema)) = schemas.get_mut(&part) {
            schema.remove("additionalProperties");
        }
    }
}

fn header(name: &str, text: &str) -> Value {
    json!({
        "name": name,
        "in": "header",
        "description": text,
        "required": false,
        "schema": { "type": "string" },
    })
}

fn idempotency_key() -> Value {
    let text = "A key of 1 to 255 characters that the client chooses for this request, such as a UUID, with or without \
                quotes. The same request with the same key gets the same response for 24 hours, and changes nothing.";
    let mut key = header("Idempotency-Key", text);
    key["example"] = "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"".into();
    key
}

/// A whole number in a query.
fn query(name: &str, text: &str, most: Option<u64>) -> Value {
    let mut schema = json!({ "type": "integer", "minimum": 0 });
    if let Some(most) = most {
        schema["maximum"] = most.into();
        schema["default"] = 0.into();
    }
    json!({ "name": name, "in": "query", "description": text, "required": false, "schema": schema })
}

fn complete(path: &str, operation: &mut Value) {
    describe_path(path, operation);
    if let Some(reach) = Reach::in_path(path) {
        operation[EXTENSION] = reach.into();
    }
    leave_out_null_bodies(operation);
    accept_large_numbers(operation);
    allow_bearer(operation);
    let id = operation["operationId"].as_str().unwrap_or_default();
    if id.starts_with("patch_") && id.ends_with("_limit") {
        let content = &mut operation["requestBody"]["content"];
        content["application/merge-patch+json"] = content["application/json"].clone();
    }
    if !operation["requestBody"].is_null() {
        let problems = WithBody::responses().into_iter();
        for (status, problem) in problems {
            operation["responses"][status] = json!(problem);
        }
    }
    if !operation["responses"]["412"].is_null() {
        add_parameter(operation, "IfMatch");
        if !operation["responses"]["201"].is_null() {
            add_parameter(operation, "IfNew");
        }
    }
    let is_list = body(operation).is_some_and(|schema| schema["type"] == "array");
    if is_list {
        add_pages(operation);
        add_parameter(operation, "IfChanged");
        operation["responses"]["304"] = json!({ "$ref": "#/components/responses/NotModified" });
    }
    if is_list || body(operation).is_some_and(take_tag) {
        let header = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
        let mut headers = json!({ "ETag": header("ETag") });
        if is_list {
            headers["Link"] = header("Link");
            headers["X-Total-Count"] = header("TotalCount");
        }
        if let Some(response) = success(operation) {
            response["headers"] = headers;
        }
    }
}

/// Adds the parameters of pages. An operation with its own default describes its `limit`.
fn add_pages(operation: &mut Value) {
    let known = operation["parameters"].as_array();
    let has_limit = known.is_some_and(|known| known.iter().any(|it| it["name"] == "limit"));
    if !has_limit {
        add_parameter(operation, "Limit");
    }
    add_parameter(operation, "Offset");
}

/// Returns `true` if an operation needs a token.
fn is_secured(operation: &Value) -> bool {
    !operation["security"][0]["token"].is_null()
}

/// Adds the idempotency key of an operation that may change something.
fn add_key(operation: &mut Value) {
    add_parameter(operation, "IdempotencyKey");
    for (status, problem) in WithKey::responses() {
        operation["responses"][status] = json!(problem);
    }
    if let Some(response) = success(operation) {
        response["headers"]["Idempotent-Replayed"] =
            json!({ "$ref": "#/components/headers/IdempotentReplayed" });
    }
}

/// Changes with an effect besides their commit.
const UNPLANNED: [&str; 4] = [
    "reseed_store",
    "reset_rate_limit_key",
    "reset_global_rate_limit_key",
    "reset_service_rate_limit_key",
];

/// Returns `true` for changes with preconditions, which are made by an operator.
fn can_be_planned(operation: &Value) -> bool {
    let id = operation["operationId"].as_str().unwrap_or_default();
    !operation["responses"]["412"].is_null() && !UNPLANNED.contains(&id)
}

/// Adds the parameter for a dry run, and its response.
fn add_dry_run(operation: &mut Value) {
    add_parameters(operation, vec![json!({ "$ref": DRY_RUN })]);
    let plan = json!({ "$ref": "#/components/schemas/Plan" });
    let content = |schema| json!({ "application/json": { "schema": schema } });
    let done = &mut operation["responses"]["200"];
    match done.pointer_mut("/content/application~1json/schema") {
        Some(schema) => *schema = json!({ "oneOf": [schema.take(), plan] }),
        None => {
            let description = "With `dry_run=true`: what the change would do.";
            *done = json!({ "description": description, "content": content(plan) });
        }
    }
}

/// The successful response of an operation.
fn success(operation: &mut Value) -> Option<&mut Value> {
    let responses = operation["responses"].as_object_mut()?;
    let status = ["200", "201"]
        .into_iter()
        .find(|status| responses.contains_key(*status))?;
    responses.get_mut(status)
}

/// The schema of its body.
fn body(operation: &mut Value) -> Option<&mut Value> {
    success(operation)?.pointer_mut("/content/application~1json/schema")
}

/// Replaces `Tagged<T>` by `T`.
fn take_tag(schema: &mut Value) -> bool {
    let tagged = format!("#/components/schemas/{TAGGED}");
    let reference = schema["$ref"].as_str();
    let Some(name) = reference.and_then(|reference| reference.strip_prefix(&tagged)) else {
        return false;
    };
    *schema = json!({ "$ref": format!("#/components/schemas/{name}") });
    true
}

/// A body may be missing, but it is never `null`.
fn leave_out_null_bodies(operation: &mut Value) {
    let schema = operation.pointer_mut("/requestBody/content/application~1json/schema");
    if let Some(schema) = schema
        && let Some(any) = schema["oneOf"].as_array()
        && let Some(one) = any.iter().find(|one| one["type"] != "null")
    {
        *schema = one.clone();
    }
}

/// A number above the maximum of a parameter counts as the maximum, so it may be of any size.
fn accept_large_numbers(operation: &mut Value) {
    let parameters = operation.get_mut("parameters");
    let parameters = parameters.and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        if parameter["schema"]["type"] == "integer"
            && let Some(schema) = parameter["schema"].as_object_mut()
        {
            schema.remove("format");
        }
    }
}

/// A token may be sent in either of two headers.
fn allow_bearer(operation: &mut Value) {
    let requirements = operation.get_mut("security").and_then(Value::as_array_mut);
    let Some(requirements) = requirements else {
        return;
    };
    let scopes = requirements.first().and_then(|first| first.get("token"));
    if let Some(scopes) = scopes.cloned() {
        requirements.push(json!({ "bearer": scopes }));
    }
}

fn add_parameter(operation: &mut Value, name: &str) {
    let reference = json!({ "$ref": format!("#/components/parameters/{name}") });
    add_parameters(operation, vec![reference]);
}

/// Adds the parameters of a path template.
fn describe_path(path: &str, operation: &mut Value) {
    let names = path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let described = names.map(|name| {
        let text = match name {
            "pk" => "The path key: the route's key, percent-encoded or in base64url.",
            "id" => "The token's id.",
            "entry" => "The id of an entry.",
            "key" => "The key: 1 to 128 letters, digits or `. _ -`, percent-encoded.",
            "change" => "The id of the scheduled change.",
            "name" => "The name: ASCII letters, digits and `. _ -`; 1 to 64 bytes.",
            _ => "The service's name.",
        };
        json!({
            "name": name,
            "in": "path",
            "description": text,
            "required": true,
            "schema": { "type": "string" },
        })
    });
    add_parameters(operation, described.collect());
}

/// Appends parameters to the existing ones.
fn add_parameters(operation: &mut Value, mut added: Vec<Value>) {
    let known = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    match known {
        Some(known) => known.append(&mut added),
        None if added.is_empty() => {}
        None => operation["parameters"] = added.into(),
    }
}
