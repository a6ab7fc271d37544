//! A server on a socket, and a client for it.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use waygate::{
    Waygate,
    flags::Flag,
    ofrep::{Ofrep, Token},
    port::ManualClock,
};

use crate::support::{builder, clock};

pub(super) const SERVER: &str = "srv_5a2f0f9e7c6d4b1a";
pub(super) const CLIENT: &str = "web_0d9c8b7a6f5e4d3c";
pub(super) const BULK: &str = "/ofrep/v1/evaluate/flags";

/// A server with a token for each audience.
pub(super) fn with_tokens() -> Ofrep {
    Ofrep::new()
        .token(Token::server(SERVER).unwrap())
        .token(Token::client(CLIENT).unwrap())
}

pub(super) struct Server {
    pub(super) waygate: Waygate,
    pub(super) clock: ManualClock,
    address: SocketAddr,
    client: Client<HttpConnector, Body>,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Server {
    pub(super) async fn start() -> Self {
        Self::with(with_tokens()).await
    }

    pub(super) async fn with(ofrep: Ofrep) -> Self {
        let clock = clock();
        let waygate = builder().clock(clock.clone()).build().await.unwrap();
        let router = waygate.ofrep(ofrep);
        Self::of(waygate, clock, router).await
    }

    pub(super) async fn of(waygate: Waygate, clock: ManualClock, router: Router) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self {
            waygate,
            clock,
            address,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    pub(super) async fn set(&self, definition: Value) {
        let flag = Flag::parse(&definition).unwrap();
        self.waygate.system().set_flag(flag).await.unwrap();
    }

    pub(super) async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> http::Response<Incoming> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        self.client.request(request).await.unwrap()
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let response = self.open(method, path, headers, body).await;
        let (head, body) = response.into_parts();
        Answer {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// Evaluates a flag as a service.
    pub(super) async fn evaluate(&self, key: &str, context: Value) -> Answer {
        let path = format!("{BULK}/{key}");
        self.post(&path, SERVER, &[], &json!({ "context": context }))
            .await
    }

    /// Evaluates all flags as a service.
    pub(super) async fn all(&self, headers: &[(&str, &str)], context: Value) -> Answer {
        self.post(BULK, SERVER, headers, &json!({ "context": context }))
            .await
    }

    pub(super) async fn post(
        &self,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut all = vec![
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
        ];
        all.extend(headers);
        self.send(Method::POST, path, &all, body.to_string()).await
    }

    /// Opens the stream of changes that a token is offered.
    pub(super) async fn stream(&self, token: &str, headers: &[(&str, &str)]) -> Stream {
        let body = json!({ "context": { "targetingKey": "user-1" } });
        let all = self.post(BULK, token, &[], &body).await;
        self.stream_at(&all.stream(), headers).await
    }

    pub(super) async fn stream_at(&self, path: &str, headers: &[(&str, &str)]) -> Stream {
        let response = self.open(Method::GET, path, headers, Body::empty()).await;
        Stream::new(response)
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The path of the event stream of an evaluation of all flags.
    pub(super) fn stream(&self) -> String {
        let path = &self.json()["eventStreams"][0]["endpoint"]["requestUri"];
        path.as_str().unwrap().to_owned()
    }

    /// The member `key` of each flag.
    pub(super) fn keys(&self) -> Vec<String> {
        let flags = self.json()["flags"].as_array().unwrap().clone();
        let keys = flags.iter().map(|flag| flag["key"].as_str().unwrap());
        keys.map(str::to_owned).collect()
    }
}

/// An open stream of events.
pub(super) struct Stream {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Incoming,
    text: String,
}

/// A block of a stream: an event or a comment.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Block {
    pub(super) event: String,
    pub(super) id: String,
    pub(super) data: String,
}

impl Block {
    fn parse(text: &str) -> Self {
        let mut block = Self::default();
        for line in text.lines() {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("event", value) => block.event = value.to_owned(),
                ("id", value) => block.id = value.to_owned(),
                ("data", value) => block.data = value.to_owned(),
                _ => {}
            }
        }
        block
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

impl Stream {
    fn new(response: http::Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            body,
            text: String::new(),
        }
    }

    /// Returns the next event; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<Block> {
        let read = self.read();
        tokio::time::timeout(Duration::from_secs(10), read)
            .await
            .expect("an event or the end")
    }

    /// Returns the next event if it arrives while `other` runs.
    pub(super) async fn read(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = Block::parse(block);
                self.text = rest.to_owned();
                return Some(block);
            }
            let frame = self.body.frame().await?.ok()?;
            let data = frame.into_data().unwrap_or_default();
            self.text.push_str(std::str::from_utf8(&data).unwrap());
        }
    }
}

/// A flag with one value for all.
pub(super) fn fixed(key: &str, value_type: &str, value: Value) -> Value {
    json!({
        "key": key, "name": key, "type": value_type,
        "variations": [{"name": "only", "value": value}],
        "off_variation": "only", "fallthrough": "only",
    })
}

/// A boolean flag, with members in place of its own.
pub(super) fn boolean(key: &str, members: Value) -> Value {
    let mut flag = json!({
        "key": key, "name": key, "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "on",
    });
    let own = flag.as_object_mut().unwrap();
    own.extend(members.as_object().unwrap().clone());
    flag
}

/// On for the plan `pro`.
pub(super) fn for_pro(key: &str) -> Value {
    let rule = json!({
        "id": "pro", "clauses": [{"attribute": "plan", "operator": "in", "values": ["pro"]}],
        "variation": "on",
    });
    boolean(key, json!({ "rules": [rule], "fallthrough": "off" }))
}

/// On for half of all users.
pub(super) fn for_half(key: &str) -> Value {
    let weights =
        json!([{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}]);
    boolean(key, json!({ "fallthrough": weights }))
}

pub(super) fn user() -> Value {
    json!({ "targetingKey": "user-1" })
}
