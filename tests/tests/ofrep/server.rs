//! The flags server that the clients call.

use axum::Router;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use waygate::{
    Waygate,
    flags::Flag,
    limits::RateLimitPolicy,
    ofrep::{Ofrep, Token},
};

pub const SERVER: &str = "srv_5a2f0f9e7c6d4b1a";
pub const CLIENT: &str = "web_0d9c8b7a6f5e4d3c";

/// An application with flags below `/flags`, and below `/limited` at one request per minute.
pub struct Server {
    runtime: Runtime,
    waygate: Waygate,
    base: String,
}

impl Server {
    pub fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let (waygate, base) = runtime.block_on(serve());
        let server = Self {
            runtime,
            waygate,
            base,
        };
        definitions().into_iter().for_each(|flag| server.set(flag));
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub fn set(&self, definition: Value) {
        let flag = Flag::parse(&definition).unwrap();
        self.runtime
            .block_on(self.waygate.system().set_flag(flag))
            .unwrap();
    }

    pub fn patch(&self, key: &str, members: Value) {
        self.runtime
            .block_on(self.waygate.system().patch_flag(key, members))
            .unwrap();
    }
}

async fn serve() -> (Waygate, String) {
    let waygate = Waygate::builder()
        .environment("production")
        .build()
        .await
        .unwrap();
    let ofrep = Ofrep::new()
        .token(Token::server(SERVER).unwrap())
        .token(Token::client(CLIENT).unwrap());
    let limited = Router::new().nest("/limited", waygate.ofrep(ofrep.clone()));
    let limited = waygate.guard(limited).await.unwrap().into_router();
    let policy = RateLimitPolicy::new("1/minute".parse().unwrap()).unwrap();
    let route = "POST:/limited/ofrep/v1/evaluate/flags/{key}#default";
    waygate
        .system()
        .set_rate_limit(route.parse().unwrap(), policy)
        .await
        .unwrap();
    let app = Router::new()
        .nest("/flags", waygate.ofrep(ofrep))
        .merge(limited);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (waygate, base)
}

/// One flag of each type, and one for each outcome.
fn definitions() -> Vec<Value> {
    let fixed = |key: &str, value_type: &str, value: Value| {
        json!({
            "key": key, "name": key, "type": value_type, "client_visible": true,
            "variations": [{"name": "only", "value": value}], "off_variation": "only", "fallthrough": "only",
        })
    };
    let boolean = |key: &str, members: Value| {
        let mut flag = json!({
            "key": key, "name": key, "type": "boolean", "client_visible": true,
            "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
            "off_variation": "off", "fallthrough": "off",
        });
        let own = flag.as_object_mut().unwrap();
        own.extend(members.as_object().unwrap().clone());
        flag
    };
    let rule = |attribute: &str, operator: &str, value: Value| {
        let clause = json!({"attribute": attribute, "operator": operator, "values": [value]});
        json!({"rules": [{"id": "rule-1", "clauses": [clause], "variation": "on"}]})
    };
    vec![
        fixed("text", "string", json!("grün")),
        fixed("whole", "integer", json!(42)),
        fixed("float", "float", json!(2)),
        fixed("json", "json", json!({"a": [1, {"b": "c"}]})),
        fixed("list", "json", json!([1, "x"])),
        boolean("static", json!({"fallthrough": "on"})),
        boolean("off", json!({"fallthrough": "on", "enabled": false})),
        boolean("plan", rule("plan", "in", json!("pro"))),
        boolean("nested", rule("/company/region", "in", json!("eu"))),
        boolean("roles", rule("roles", "in", json!("admin"))),
        boolean(
            "since",
            rule("since", "before", json!("2030-01-01T00:00:00Z")),
        ),
        boolean("rollout", rollout(100_000)),
        boolean(
            "secret",
            json!({"fallthrough": "on", "client_visible": false}),
        ),
    ]
}

/// A fallthrough that is on for this part of 100,000.
pub fn rollout(on: u32) -> Value {
    let rest = 100_000 - on;
    json!({"fallthrough": [{"variation": "on", "weight": on}, {"variation": "off", "weight": rest}]})
}
