//! Decisions about requests of any framework, in the order of the layer: the state of the route, permits, rate limits.

use http::{HeaderMap, Response};
use waygate_core::{Printable, decision::Verdict};

use super::{
    Inner, Waygate,
    concurrency::{Full, PermitGuard, acquire},
    decide::announced,
    granted::Granted,
    limits::{Admitting, Functions},
    refusals::{self, BlockReason, Blocked, LimitRefusal},
    request::RequestHead,
};

/// The decision about a request; see [`Waygate::admit`].
///
/// ```
/// use http::StatusCode;
/// use waygate::decision::Decision;
///
/// fn status(decision: &Decision) -> StatusCode {
///     match decision {
///         Decision::Serve(_) => StatusCode::OK,
///         Decision::Refuse(refusal) => refusal.blocked().status(),
///     }
/// }
/// ```
#[derive(Debug)]
#[must_use = "a decision without effect leaves closed routes open"]
pub enum Decision {
    /// Serve the request.
    Serve(Pass),
    /// Respond with the refusal instead.
    Refuse(Refusal),
}

/// An admitted request. Keep it until the body of the response is sent: dropping it releases the permits of
/// concurrency limits.
///
/// ```
/// use http::Response;
/// use waygate::decision::Pass;
///
/// fn finish(mut pass: Pass, mut response: Response<Vec<u8>>) -> (Response<Vec<u8>>, Pass) {
///     pass.write_headers(response.headers_mut());
///     // One unit for each KiB.
///     pass.correct(response.body().len() as u32 / 1024);
///     (response, pass)
/// }
/// ```
#[derive(Debug)]
#[must_use = "dropping it releases the permits of the request"]
pub struct Pass {
    granted: Granted,
    /// The actual cost.
    cost: Option<u32>,
    _permits: Vec<PermitGuard>,
}

impl Pass {
    /// Adds the headers about deprecation, caching and rate limits to the response, after those of the handler.
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        self.granted.write_headers(headers);
    }

    /// Sets the actual cost of the request, in units of its rate limits. The difference is charged or refunded when this
    /// is dropped; 0 refunds everything.
    pub fn correct(&mut self, cost: u32) {
        self.cost = Some(cost);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(cost) = self.cost {
            self.granted.correct(cost);
        }
    }
}

/// A refused request.
///
/// ```
/// use http::{HeaderValue, Response, header};
/// use waygate::decision::Refusal;
///
/// /// Responds with plain text.
/// fn sorry(refusal: &Refusal) -> Response<String> {
///     let mut response = refusal.response();
///     *response.body_mut() = refusal.blocked().reason().message().to_owned();
///     let plain = HeaderValue::from_static("text/plain");
///     response.headers_mut().insert(header::CONTENT_TYPE, plain);
///     response
/// }
/// ```
#[derive(Debug)]
pub struct Refusal(Box<Refused>);

#[derive(Debug)]
struct Refused {
    blocked: Blocked,
    /// The headers of the limit.
    headers: HeaderMap,
}

impl Refusal {
    fn new(blocked: Blocked, headers: HeaderMap) -> Self {
        Self(Box::new(Refused { blocked, headers }))
    }

    /// The request, and the reason.
    pub fn blocked(&self) -> &Blocked {
        &self.0.blocked
    }

    /// The built-in response, in the format that the client prefers: JSON, problem details (RFC 9457) or a page. To send
    /// another body, replace it and its `Content-Type`, and keep the status and the other headers.
    pub fn response(&self) -> Response<String> {
        let mut response = refusals::builtin(&self.0.blocked);
        response.headers_mut().extend(self.0.headers.clone());
        response
    }
}

impl Waygate {
    /// Decides whether to serve a request and counts it, for adapters to frameworks other than axum. Makes the same
    /// decision as the layer of [`guard`](Self::guard): the state of the route, allowed networks and roles, global
    /// maintenance, concurrency limits, rate limits.
    ///
    /// Routes are [registered](Self::register) beforehand. Registered key and cost functions are called. Custom
    /// responses are axum responses, and are not used.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use http::{Request, Response, StatusCode};
    /// use waygate::{Waygate, decision::{Decision, RequestHead}, model::RouteState};
    ///
    /// async fn serve(waygate: &Waygate, request: Request<String>) -> Response<String> {
    ///     let (parts, body) = request.into_parts();
    ///     // Your router knows the template, and the peer.
    ///     let head = RequestHead::new(&parts).matched("/items/{id}").peer([203, 0, 113, 7].into());
    ///     match waygate.admit(head).await {
    ///         Decision::Refuse(refusal) => refusal.response(),
    ///         Decision::Serve(pass) => {
    ///             let mut response = Response::new(body);
    ///             pass.write_headers(response.headers_mut());
    ///             response
    ///         }
    ///     }
    /// }
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// waygate.register("GET:/items/{id}".parse()?, RouteState::default()).await?;
    /// let request = || Request::get("/items/7").body(String::new());
    /// assert_eq!(serve(&waygate, request()?).await.status(), StatusCode::OK);
    ///
    /// waygate.system().disable("/items/{id}", "incident").await?;
    /// assert_eq!(serve(&waygate, request()?).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn admit(&self, request: RequestHead<'_>) -> Decision {
        match self.inner.admit(request).await {
            Ok(pass) => Decision::Serve(pass),
            Err(refusal) => Decision::Refuse(refusal),
        }
    }

    /// Decides whether to serve a request based on the state of its route. Limits are not checked, and the request is
    /// not counted. `Err` is the reason for the refusal.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use http::Request;
    /// use waygate::{Waygate, decision::RequestHead, model::RouteState};
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// waygate.register("GET:/items/{id}".parse()?, RouteState::default()).await?;
    /// waygate.system().disable("/items/{id}", "incident").await?;
    ///
    /// let (parts, ()) = Request::get("/items/7").body(())?.into_parts();
    /// let reason = waygate.decide(RequestHead::new(&parts).matched("/items/{id}")).unwrap_err();
    /// assert_eq!(reason.code(), "ROUTE_DISABLED");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decide(&self, request: RequestHead<'_>) -> Result<(), BlockReason> {
        let engine = &*self.inner;
        let snapshot = engine.snapshot.load();
        let slots = request.governing(&snapshot.table);
        let facts = request.facts(engine);
        match engine.decide_among(&snapshot, &slots, &facts, &facts) {
            (_, Verdict::Block(block)) => Err(BlockReason::of(block)),
            _ => Ok(()),
        }
    }
}

impl Inner {
    async fn admit(self: &std::sync::Arc<Self>, request: RequestHead<'_>) -> Result<Pass, Refusal> {
        let snapshot = self.snapshot.load();
        let slots = request.governing(&snapshot.table);
        if let Some(template) = request.template().filter(|_| slots.is_empty()) {
            self.warn_of_unregistered(template);
        }
        let facts = request.facts(self);
        let (slot, verdict) = self.decide_among(&snapshot, &slots, &facts, &facts);
        let announcement = match announced(slot, verdict, &snapshot, &facts) {
            Ok(announcement) => announcement,
            Err(block) => {
                let reason = BlockReason::of(block);
                refusals::note(slot, &facts, &reason);
                let blocked = Blocked::new(request.parts.clone(), reason, self);
                return Err(Refusal::new(blocked, HeaderMap::new()));
            }
        };
        let limited = self.limits_among(&snapshot, &slots, true, &facts);
        // Not held while the counters are read.
        drop(snapshot);
        let mut granted = Granted {
            announcement,
            allowed: None,
        };
        let Some((_, route, limits)) = limited else {
            return Ok(Pass {
                granted,
                cost: None,
                _permits: Vec::new(),
            });
        };
        let facts = facts.of_route(&route.key);
        let admitting = Admitting {
            engine: self,
            limits: &limits,
            request: facts.info(&route.key),
        };
        let refuse = |refusal: LimitRefusal| {
            let wait = refusal.wait(self);
            let mut headers = HeaderMap::new();
            refusal.write_headers(&mut headers, self, wait);
            let reason = refusal.reason(&facts, self, wait);
            Refusal::new(Blocked::new(request.parts.clone(), reason, self), headers)
        };
        let mut answers = route.attached.ask(request.parts).await;
        let wanted = limits.permit_requests(&facts, |limit| answers.permit_key(limit));
        let permits = acquire(self, wanted, admitting.request).await;
        let permits = permits.map_err(|Full(limit)| refuse(LimitRefusal::Concurrency(limit)))?;
        let allowed = admitting.admit(&facts, &mut answers).await;
        granted.allowed = allowed.map_err(|refusal| refuse(LimitRefusal::Rate(refusal)))?;
        Ok(Pass {
            granted,
            cost: None,
            _permits: permits,
        })
    }

    /// Without a route, only global maintenance applies.
    #[cold]
    pub(crate) fn warn_of_unregistered(&self, path: &str) {
        if self.unregistered.note(path) {
            tracing::warn!(
                path = ?Printable(path),
                "no route is registered for a path that `RouteGuard` or an adapter guards: only global maintenance \
                 applies there; register the route with `Waygate::register`"
            );
        }
    }
}
