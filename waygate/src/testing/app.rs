use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use serde::{Serialize, de::DeserializeOwned};
use tower::ServiceExt;

/// A client for an application, without a socket.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use axum::{Json, Router, body::Body, extract::Request, http::Method, routing::post};
/// use serde_json::{Value, json};
/// use waygate::testing::TestApp;
///
/// let echo = |Json(body): Json<Value>| async { Json(body) };
/// let lines = |body: String| async move { body.lines().count().to_string() };
/// let app = TestApp::new(Router::new().route("/echo", post(echo).put(echo)).route("/lines", post(lines)));
///
/// assert_eq!(app.get("/echo").await.status(), 405);
/// assert_eq!(app.post("/echo", &json!({ "a": 1 })).await.json::<Value>(), json!({ "a": 1 }));
/// assert_eq!(app.json(Method::PUT, "/echo", &json!([])).await.text(), "[]");
/// // Any other body, as it is.
/// let csv = app.with_header("content-type", "text/csv");
/// assert_eq!(csv.request(Method::POST, "/lines", "a,b\nc,d").await.text(), "2");
/// // From an address, and any request.
/// let office = app.from_peer(([10, 0, 0, 1], 4000));
/// let request = Request::put("/echo").body(Body::empty())?;
/// assert_eq!(office.send(request).await.status(), 415);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct TestApp {
    router: Router,
    peer: Option<Peer>,
    headers: HeaderMap,
}

impl TestApp {
    /// Creates a client for a router or a [`Guarded`](crate::Guarded) API. The peer's address is unknown until
    /// [`from_peer`](Self::from_peer) sets one.
    pub fn new(app: impl Into<Router>) -> Self {
        Self {
            router: app.into(),
            peer: None,
            headers: HeaderMap::new(),
        }
    }

    /// Returns a client with this address.
    #[must_use]
    pub fn from_peer(&self, peer: impl Into<SocketAddr>) -> Self {
        Self {
            peer: Some(Peer::Address(peer.into())),
            ..self.clone()
        }
    }

    /// Returns a client that is a proxy on a Unix socket.
    #[cfg(unix)]
    #[must_use]
    pub fn from_unix_socket(&self) -> Self {
        Self {
            peer: Some(Peer::UnixSocket),
            ..self.clone()
        }
    }

    /// Returns a client with a header that its requests have unless they set it themselves. It replaces a header of
    /// this name.
    ///
    /// # Panics
    /// If the name or the value is not valid in a header.
    #[must_use]
    #[allow(clippy::expect_used)]
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a header name");
        let value = HeaderValue::try_from(value).expect("a header value");
        let mut app = self.clone();
        app.headers.insert(name, value);
        app
    }

    /// Sends a `GET` request.
    ///
    /// # Panics
    /// If `path` is not a request target.
    pub async fn get(&self, path: &str) -> TestResponse {
        self.request(Method::GET, path, Body::empty()).await
    }

    /// Sends a `POST` request with a JSON body, as [`json`](Self::json) does.
    ///
    /// # Panics
    /// If `path` is not a request target, or `body` cannot be serialized.
    pub async fn post(&self, path: &str, body: &impl Serialize) -> TestResponse {
        self.json(Method::POST, path, body).await
    }

    /// Sends a request with a JSON body, and with `Content-Type: application/json` unless
    /// [`with_header`](Self::with_header) has set another one.
    ///
    /// # Panics
    /// If `path` is not a request target, or `body` cannot be serialized.
    #[allow(clippy::expect_used)]
    pub async fn json(&self, method: Method, path: &str, body: &impl Serialize) -> TestResponse {
        let body = serde_json::to_vec(body).expect("a body with a JSON form");
        let mut request = request(method, path, Body::from(body));
        if !self.headers.contains_key(header::CONTENT_TYPE) {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        self.send(request).await
    }

    /// Sends a request with any method and body. Set the `content-type` with [`with_header`](Self::with_header).
    ///
    /// # Panics
    /// If `path` is not a request target.
    pub async fn request(&self, method: Method, path: &str, body: impl Into<Body>) -> TestResponse {
        self.send(request(method, path, body.into())).await
    }

    /// Sends a request unchanged, except for the address of this client, and its headers that the request lacks.
    ///
    /// # Panics
    /// If the response's body fails.
    #[allow(clippy::expect_used)]
    pub async fn send(&self, mut request: Request) -> TestResponse {
        let mut headers = self.headers.clone();
        headers.extend(std::mem::take(request.headers_mut()));
        *request.headers_mut() = headers;
        match &self.peer {
            Some(Peer::Address(peer)) => {
                request.extensions_mut().insert(ConnectInfo(*peer));
            }
            #[cfg(unix)]
            Some(Peer::UnixSocket) => {
                request.extensions_mut().insert(unnamed());
            }
            None => {}
        }
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body to its end").to_bytes();
        TestResponse {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }
}

/// The origin of requests.
#[derive(Debug, Clone)]
enum Peer {
    Address(SocketAddr),
    #[cfg(unix)]
    UnixSocket,
}

/// Clients of Unix sockets usually have no name.
#[cfg(unix)]
#[allow(clippy::expect_used)]
fn unnamed() -> ConnectInfo<tokio::net::unix::SocketAddr> {
    let address = std::os::unix::net::SocketAddr::from_pathname("");
    ConnectInfo(address.expect("an empty path").into())
}

#[allow(clippy::expect_used)]
fn request(method: Method, path: &str, body: Body) -> Request {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = path
        .parse()
        .expect("a request target, such as `/payments?page=2`");
    request
}

/// A complete response.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use axum::{Router, routing::get};
/// use waygate::testing::TestApp;
///
/// let app = TestApp::new(Router::new().route("/", get(|| async { "hello" })));
/// let response = app.get("/").await;
/// assert_eq!((response.status().as_u16(), response.text().as_str()), (200, "hello"));
/// assert_eq!(response.header("content-length"), Some("5"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct TestResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl TestResponse {
    /// Returns the status code.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns all headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the first value of a header, if it is present and valid text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the media type.
    pub fn content_type(&self) -> Option<&str> {
        self.header(header::CONTENT_TYPE.as_str())
    }

    /// Returns the body.
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// Returns the body as text; invalid UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Deserializes the body from JSON.
    ///
    /// # Panics
    /// If the body does not match the type.
    #[allow(clippy::panic)]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!(
                "{error} in the body of a {} response: {}",
                self.status,
                self.text()
            )
        })
    }
}
