use http::Method;

/// What is served without a token: exactly these methods on exactly these paths, which have no parameters.
const PUBLIC: [(Method, &str); 2] = [
    (Method::POST, "/api/auth/login"),
    (Method::POST, "/api/auth/logout"),
];

/// Whether a request needs no token. `path` is relative to where the admin interface is mounted.
pub(super) fn is_public(method: &Method, path: &str) -> bool {
    PUBLIC
        .iter()
        .any(|(public, exact)| public == method && *exact == path)
}

/// Whether some method of a path needs no token. Which others there are is no secret then.
pub(super) fn is_public_path(path: &str) -> bool {
    PUBLIC.iter().any(|(_, exact)| *exact == path)
}
