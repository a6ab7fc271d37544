use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request},
    middleware::{self, Next},
    response::Response,
};
use http::{HeaderValue, Method, header};
use tower::ServiceExt;
use waygate_core::grammar::PathTemplate;

/// Which path a request was matched to, on the answer of an instrumented router.
#[derive(Debug, Clone)]
struct Matched(Option<String>);

/// What stands in for path parameters; a literal segment of this name is not to be expected.
const PARAMETER: &str = "~waygate-probe~";

/// What a router does with a method and a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// It has an endpoint for them.
    Yes,
    /// It has the path, but only for other methods.
    OtherMethods,
    /// It does not have the path.
    No,
}

/// A copy of a router whose endpoints say which path they were matched to, and run no handler.
pub(super) fn instrumented(router: &Router) -> Router {
    let endpoint = |request: Request, _handler: Next| async move {
        let matched = request.extensions().get::<MatchedPath>();
        let mut response = Response::new(Body::empty());
        let matched = Matched(matched.map(|path| path.as_str().to_owned()));
        response.extensions_mut().insert(matched);
        response
    };
    router
        .clone()
        .layer(middleware::from_fn(endpoint))
        .with_state(())
}

/// Asks an instrumented router.
pub(super) async fn served(router: &Router, method: Method, path: &PathTemplate) -> Served {
    match probe(router, method.clone(), path).await {
        Some(response)
            if response
                .extensions()
                .get::<Matched>()
                .is_some_and(|m| m.0.as_deref() == Some(path.as_str())) =>
        {
            match response.headers().get(header::ALLOW) {
                // axum names the methods of a path on the answer to any other method.
                Some(allow) if !names(allow, &method) => Served::OtherMethods,
                _ => Served::Yes,
            }
        }
        _ => Served::No,
    }
}

fn names(allow: &HeaderValue, method: &Method) -> bool {
    let allow = allow.to_str().unwrap_or_default();
    allow.split(',').any(|name| name.trim() == method.as_str())
}

async fn probe(router: &Router, method: Method, path: &PathTemplate) -> Option<Response> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = concrete(path.as_str()).parse().ok()?;
    let response = match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    Some(response)
}

/// A path that the template matches: `/users/{id}` with something for `{id}`, and `{{` for a literal brace.
pub(super) fn concrete(template: &str) -> String {
    let mut path = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        path.push_str(&rest[..at]);
        let brace = &rest[at..];
        if let Some(after) = brace.strip_prefix("{{") {
            path.push_str("%7B");
            rest = after;
        } else if let Some(after) = brace.strip_prefix("}}") {
            path.push_str("%7D");
            rest = after;
        } else {
            path.push_str(PARAMETER);
            rest = brace.split_once('}').map_or("", |(_, after)| after);
        }
    }
    path.push_str(rest);
    path
}
