use std::sync::Arc;

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post},
};

use super::{
    access::{Access, Authority},
    bulk::bulk,
    configuration::Configurations,
    cors::cors,
    document::document,
    events::events,
    failure::Failure,
    fresh::Fresh,
    options::Ofrep,
    single::single,
    state::State,
};
use crate::{Waygate, http::Streams};

/// The most open streams of a server, and of one client, which may be an office behind one address.
const STREAMS: usize = 10_000;
const STREAMS_OF_A_CLIENT: usize = 1_000;

impl Waygate {
    /// Returns a router that serves the flags of this engine by the OpenFeature Remote Evaluation Protocol.
    ///
    /// Merge it into the application's router, or nest it under a prefix, which is then part of the base URL of providers.
    /// Outside of the guarded API it is not governed; inside of it, its routes have maintenance and limits as others do.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use serde_json::{Value, json};
    /// use waygate::{Waygate, flags::Flag, ofrep::{Ofrep, Token}};
    /// # use waygate::testing::TestApp;
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// waygate.system().create_flag(Flag::parse(&json!({
    ///     "key": "search", "name": "New search", "type": "boolean",
    ///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    ///     "off_variation": "off", "fallthrough": "on",
    /// }))?).await?;
    ///
    /// let ofrep = Ofrep::new().token(Token::server("srv_5a2f0f9e7c6d4b1a")?);
    /// let app = axum::Router::new().nest("/flags", waygate.ofrep(ofrep));
    /// # let client = TestApp::new(app).with_header("x-api-key", "srv_5a2f0f9e7c6d4b1a");
    ///
    /// let context = json!({ "context": { "targetingKey": "user-1" } });
    /// let response = client.post("/flags/ofrep/v1/evaluate/flags/search", &context).await;
    /// assert_eq!(
    ///     response.json::<Value>(),
    ///     json!({ "key": "search", "value": true, "reason": "STATIC", "variant": "on" }),
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ofrep(&self, ofrep: Ofrep) -> Router {
        router(self.clone(), ofrep, None)
    }
}

/// The endpoints, without a fallback.
pub(crate) fn router(
    waygate: Waygate,
    ofrep: Ofrep,
    authority: Option<Arc<dyn Authority>>,
) -> Router {
    if ofrep.open.is_none() && ofrep.tokens.is_empty() && authority.is_none() {
        tracing::error!(
            "the OFREP server has no tokens, and refuses all requests: give it some with `Ofrep::token`"
        );
    }
    let state = Arc::new(State {
        access: Access {
            open: ofrep.open,
            tokens: ofrep.tokens,
            authority,
            environment: waygate.inner.env.clone(),
        },
        configurations: Configurations::default(),
        fresh: Fresh::default(),
        streams: Streams::new(STREAMS, STREAMS_OF_A_CLIENT),
        public_url: ofrep.public_url,
        max_body_bytes: ofrep.max_body_bytes,
        waygate,
    });
    let with_prefix = |prefix: &str| {
        Router::new()
            .route(
                &format!("{prefix}/ofrep/v1/evaluate/flags/{{key}}"),
                post(single).fallback(only_post),
            )
            .route(
                &format!("{prefix}/ofrep/v1/evaluate/flags"),
                post(bulk).fallback(only_post),
            )
            .route(
                &format!("{prefix}/ofrep/v1/events"),
                get(events).fallback(only_get),
            )
    };
    with_prefix("")
        .merge(with_prefix("/ofrep-env/{environment}"))
        .route("/ofrep/v1/openapi.json", get(document).fallback(only_get))
        .with_state(state)
        .layer(from_fn_with_state(ofrep.origins, cors))
}

async fn only_post() -> Failure {
    Failure::method_not_allowed("POST")
}

async fn only_get() -> Failure {
    Failure::method_not_allowed("GET")
}
